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
    rules::{AnswerView, Meaning, soap_reason},
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
    let Parsed { tree, diagnostics, is_nothing, is_xml, .. } = result
        .map_err(|error| match error {
            FetchError::Unreadable { answer, .. } if answer.body.is_empty() => {
                empty_part(answer.status).at(name.as_str())
            }
            error => call_fault(error, &name),
        })?
        .parsed;
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

/// What it means that an answer to the request for a part is empty, and no rule says that it may be.
fn empty_part(status: u16) -> Fault {
    let fault = Fault::stopped(format!("the answer is empty (status {status})"));
    match status {
        // Whole parts may have this status too, so it tells nothing.
        200 => fault.remedy(
            "if a record may lack this part, ask the owner of the source for an answer that says so, and name it in \
             `missing` of [[http.part]]",
        ),
        _ => fault.remedy(format!(
            "if a record may lack this part, write missing = [{{ status = {status} }}] in [[http.part]]"
        )),
    }
}

/// What the answer to a request means, which may be one for a part: if what is at its address does not exist, and no
/// rule says what that means, the record may lack the part.
pub(crate) fn meaning_for_part(
    plan: &Plan,
    call: &Call,
    meaning: Meaning,
    answer: AnswerView<'_>,
) -> Meaning {
    let status = answer.status;
    let is_part = plan.parts.iter().any(|part| std::ptr::eq(part, call));
    let is_absent = matches!(meaning, Meaning::Fault(_)) && matches!(status, 404 | 410);
    let is_explained = plan.config.rules.explain(answer) || soap_reason(answer).is_some();
    if !is_part || !is_absent || is_explained || answer.via_proxy {
        return meaning;
    }
    Meaning::Fault(Fault::stopped(answer.status_text()).remedy(format!(
        "check `url` of [[http.part]]; if a record may lack this part, write missing = [{{ status = {status} }}] in it"
    )))
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
        let Parsed { tree, is_nothing, is_xml, .. } = answer.parsed;
        let n_failed = ack.failed.as_ref().map_or(0, |failed| failed.all(&tree).len());
        if n_failed > 0 {
            tracing::warn!(n_failed, n_keys = keys.len(), "the source refused acknowledgements");
        } else if ack.success.is_none() && !plan.config.rules.has_success() && !is_nothing {
            check_ack(source, &tree, is_xml)?;
        }
    }
    Ok(())
}

/// Checks that the answer to an acknowledgement reports no failure, as that to a list may with status 200. What came
/// with records is fine here too.
fn check_ack(source: &Source, tree: &Value, is_xml: bool) -> Result<(), Fault> {
    if !Report::of(tree, is_xml).fails(&source.known) && !list::has_failure(tree, &source.known) {
        return Ok(());
    }
    let reason = reason(list::envelope(tree, is_xml));
    let reason = reason.unwrap_or_else(|| "its answer says so".to_owned());
    Err(Fault::stopped(format!("the source reports a failure: {reason}"))
        .at("the answer to an acknowledgement")
        .remedy("say in `success` of [http.ack] which answers are successes"))
}

fn keys_param(ack: &Ack, call: &Call, keys: &[String]) -> Param {
    let value = match &ack.separator {
        Some(separator) => Value::from(keys.join(separator)),
        None if call.can_send_lists(&ack.param) => Value::from(keys),
        None => Value::from(keys.join(",")),
    };
    (ack.param.clone(), value)
}

/// The fault of a request that is not for a page; `what` names its answer.
pub(crate) fn call_fault(error: FetchError, what: &str) -> Fault {
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
