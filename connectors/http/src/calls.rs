//! Requests beside the list: parts of records, and acknowledgements.

use contract::Fault;
use document::{Facts, scalar_text};
use serde_json::Value;

use crate::{
    client::FetchError,
    config::{Ack, Part},
    fetch::{ReadAnswer, Source},
    pages::Param,
    plan::Plan,
    request::Call,
};

/// A part of a record, with what is known of its text; `null` where the source does not have it any
/// more. A list often has only the beginning of a text and never the answer, so a further request
/// completes the record.
pub(crate) async fn part(
    source: &mut Source,
    plan: &Plan,
    (part, call): (&Part, &Call),
    record: &Value,
) -> Result<(Value, Facts), Fault> {
    let mut params: Vec<Param> = Vec::new();
    for (name, at) in &part.params {
        // A record without the value has no part.
        let Some(value) = at.first(record).filter(|value| scalar_text(value).is_some()) else {
            return Ok((Value::Null, Facts::default()));
        };
        let value = match value {
            Value::Number(_) | Value::String(_) => value.clone(),
            other => scalar_text(other).unwrap_or_default().into(),
        };
        params.push((name.clone(), value));
    }
    let request = call.request(&params, None)?;
    let found = source.fetch(plan, call, &request, &part.missing, Ok).await;
    let ReadAnswer { tree, text, .. } = found
        .map_err(|error| call_fault(error, &format!("the part `{}` of a record", part.name)))?;
    let taken = match &part.records {
        Some(at) if !tree.is_null() => at.all(&tree).into_iter().cloned().collect(),
        _ => tree,
    };
    Ok((taken, text))
}

/// Tells the source that the records with these keys are stored. Keys that the source does not take
/// are counted: it gives those records again.
pub(crate) async fn acknowledge(
    source: &mut Source,
    plan: &Plan,
    keys: &[String],
) -> Result<(), Fault> {
    let (Some(ack), Some(call)) = (&plan.config.ack, &plan.ack) else { return Ok(()) };
    let size = usize::try_from(ack.size).unwrap_or(1).max(1);
    for keys in keys.chunks(size) {
        let request = call.request(&[param(ack, call, keys)], None)?;
        let answered = source.fetch(plan, call, &request, &[], Ok).await;
        let ReadAnswer { tree, .. } =
            answered.map_err(|error| call_fault(error, "the answer to an acknowledgement"))?;
        let n_failed = ack.failed.as_ref().map_or(0, |failed| failed.all(&tree).len());
        if n_failed > 0 {
            tracing::warn!(n_failed, n_keys = keys.len(), "the source refuses acknowledgements");
        }
    }
    Ok(())
}

fn param(ack: &Ack, call: &Call, keys: &[String]) -> Param {
    let value = match &ack.separator {
        Some(separator) => Value::from(keys.join(separator)),
        None if call.takes_lists() => Value::from(keys),
        None => Value::from(keys.join(",")),
    };
    (ack.param.clone(), value)
}

fn call_fault(error: FetchError, what: &str) -> Fault {
    match error {
        FetchError::Fault(fault) => fault,
        FetchError::TooLarge => Fault::stopped(format!("{what} is larger than `limit_mib`")),
        FetchError::Unreadable { what: why, .. } => {
            Fault::stopped(format!("{what} cannot be read: {why}"))
        }
    }
}
