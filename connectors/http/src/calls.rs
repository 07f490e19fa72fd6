//! Sends the requests that are not for pages: those for parts of records, and acknowledgements.

use std::{collections::BTreeSet, slice};

use connector_wire::reason::reason;
use contract::Fault;
use document::{Diagnostics, Path, scalar_text};
use serde_json::Value;

use crate::{
    client::FetchError,
    config::{Ack, Part},
    fetch::{Parsed, Source},
    list::{self, Report},
    pages::Param,
    plan::Plan,
    request::Call,
};

/// Fetches a part of a record, with the diagnostics of its text; `null` if the source no longer has it.
/// A list often has only the beginning of a citizen's text, and no reply, so a further request completes
/// the record.
pub(crate) async fn fetch_part(
    source: &mut Source,
    plan: &Plan,
    (part, call): (&Part, &Call),
    record: &Value,
) -> Result<(Value, Diagnostics), Fault> {
    let Some(params) = part_params(part, record) else {
        return Ok((Value::Null, Diagnostics::default()));
    };
    let request = call.request(&params, None)?;
    let result = source.fetch(plan, call, &request, &part.missing, Ok).await;
    let name = format!("the part `{}` of a record", part.name);
    let Parsed { tree, diagnostics, is_nothing, is_xml, .. } =
        result.map_err(|error| call_fault(error, &name))?.parsed;
    if is_nothing {
        return Ok((Value::Null, diagnostics));
    }
    // A rule of the channel knows better. A part that is the record itself may have a code or a status too,
    // but no reason for a failure.
    let has_rule = part.success.is_some() || plan.config.rules.has_success();
    let reason = reason(list::envelope(&tree, is_xml));
    let is_envelope = part.records.is_some() || reason.is_some();
    let lacks_list = part.records.as_ref().is_some_and(|path| {
        let has_list = |list: Path| list.all(&tree).iter().any(|value| value.is_array());
        path.all(&tree).is_empty() && !path.list().is_some_and(has_list)
    });
    let report = match &part.records {
        Some(_) => Report::of(&tree, is_xml),
        None => Report::of_record(&tree, is_xml),
    };
    let is_bare = part.records.is_none() && list::is_bare(&tree, is_xml);
    let is_failure = is_envelope && report.certainly_fails()
        || (lacks_list || is_bare) && report.may_fail(&BTreeSet::new());
    if !has_rule && is_failure {
        let reason = reason.unwrap_or_else(|| "its answer says so".to_owned());
        return Err(Fault::stopped(format!("the source reports a failure: {reason}"))
            .at(name)
            .remedy("say in `success` of [[http.part]] which answers are successes"));
    }
    if is_bare && !list::has_empty_list(&tree, is_xml) {
        return Err(Fault::transient("the answer has nothing of a record").at(name).remedy(
            "if a record may lack this part, say in `missing` of [[http.part]] which answers mean that; if \
             the answer is a list, set `records` to it, like `$[*]`",
        ));
    }
    let value = match &part.records {
        Some(path) if !tree.is_null() => path.all(&tree).into_iter().cloned().collect(),
        _ => tree,
    };
    Ok((value, diagnostics))
}

/// The parameters of the request for a part; `None` if the record lacks one of them: then it has no such part.
pub(crate) fn part_params(part: &Part, record: &Value) -> Option<Vec<Param>> {
    let param = |(name, path): (&String, &Path)| {
        let value = path.first(record).filter(|value| scalar_text(value).is_some())?;
        let value = match value {
            Value::Number(_) | Value::String(_) => value.clone(),
            other => scalar_text(other).unwrap_or_default().into(),
        };
        Some((name.clone(), value))
    };
    part.params.iter().map(param).collect()
}

/// Tells the source that the records with these keys are in custody. If the source refuses some, this only
/// logs a warning: it returns their records again. The same goes for keys that the request cannot carry.
pub(crate) async fn acknowledge(
    source: &mut Source,
    plan: &Plan,
    keys: &[String],
) -> Result<(), Fault> {
    let (Some(ack), Some(call)) = (&plan.config.ack, &plan.ack) else { return Ok(()) };
    let size = usize::try_from(ack.size).unwrap_or(1).max(1);
    // One such key must not keep the others from being acknowledged, at every start again.
    let is_fit =
        |key: &&String| call.unfit(&[keys_param(ack, call, slice::from_ref(*key))]).is_none();
    let fit: Vec<String> = keys.iter().filter(is_fit).cloned().collect();
    let n_unfit = keys.len() - fit.len();
    if n_unfit > 0 {
        tracing::warn!(
            n_unfit,
            "the source is not told of records whose keys cannot stand in its address or its charset"
        );
    }
    for keys in fit.chunks(size) {
        let request = call.request(&[keys_param(ack, call, keys)], None)?;
        let result = source.fetch(plan, call, &request, &[], Ok).await;
        let answer =
            result.map_err(|error| call_fault(error, "the answer to an acknowledgement"))?;
        let tree = answer.parsed.tree;
        let n_failed = ack.failed.as_ref().map_or(0, |failed| failed.all(&tree).len());
        if n_failed > 0 {
            tracing::warn!(n_failed, n_keys = keys.len(), "the source refused acknowledgements");
        }
    }
    Ok(())
}

fn keys_param(ack: &Ack, call: &Call, keys: &[String]) -> Param {
    let value = match &ack.separator {
        Some(separator) => Value::from(keys.join(separator)),
        None if call.can_send_lists(&ack.param) => Value::from(keys),
        None => Value::from(keys.join(",")),
    };
    (ack.param.clone(), value)
}

fn call_fault(error: FetchError, what: &str) -> Fault {
    match error {
        FetchError::Fault(fault) => fault.at(what),
        FetchError::Refused(fault) => fault.at(what).remedy("check the parameters of the request"),
        FetchError::TooLarge(_) => {
            Fault::stopped(format!("{what} is too large: raise `limit_mib`"))
        }
        FetchError::Unreadable { what: why, .. } => {
            Fault::stopped(format!("{what} cannot be read: {why}"))
        }
    }
}
