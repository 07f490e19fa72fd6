//! Second calls that complete a record.
//!
//! A list often holds the beginning of a text only, and never the answer. What the second call says
//! stands in the record under the name of the part, so one record is one thing to map.

use contract::Fault;
use document::{Facts, scalar};
use serde_json::Value;

use crate::{
    fetch::{Read, Source, Unread},
    pages::Param,
    plan::{PartPlan, Plan},
};

/// What the part of a record is, with what is known of its text; `null` where the source does not
/// have it any more.
pub(crate) async fn fetch(
    source: &mut Source,
    plan: &Plan,
    part: &PartPlan,
    record: &Value,
) -> Result<(Value, Facts), Fault> {
    let mut params: Vec<Param> = Vec::new();
    for (name, at) in &part.params {
        // A record without the value has no part.
        let Some(value) = at.first(record).filter(|value| scalar(value).is_some()) else {
            return Ok((Value::Null, Facts::default()));
        };
        let value = match value {
            Value::Number(_) | Value::String(_) => value.clone(),
            other => scalar(other).unwrap_or_default().into(),
        };
        params.push((name.clone(), value));
    }
    let ask = part.target.call.ask(&params, None)?;
    let found = source.fetch(plan, &part.target, &ask, &part.missing, Ok).await;
    match found {
        Ok(Read { tree, text, .. }) => {
            let taken = match &part.records {
                None => tree,
                Some(_) if tree.is_null() => tree,
                Some(at) => at.all(&tree).into_iter().cloned().collect(),
            };
            Ok((taken, text))
        }
        Err(Unread::Fault(fault)) => Err(fault),
        Err(Unread::TooLarge) => {
            Err(Fault::stopped("a part of a record is larger than `limit_mib`"))
        }
        Err(Unread::Bad { what, .. }) => Err(Fault::stopped(format!(
            "the part `{}` of a record cannot be read: {what}",
            part.name
        ))),
    }
}
