//! Tells the source which records are in custody.
//!
//! What the source does not take is counted and left: it gives those records again by itself.

use contract::Fault;
use serde_json::Value;

use crate::{
    fetch::{Read, Source, Unread},
    pages::Param,
    plan::{AckPlan, Plan},
};

/// Tells the source of `keys`.
pub(crate) async fn settle(source: &mut Source, plan: &Plan, keys: &[String]) -> Result<(), Fault> {
    let Some(ack) = &plan.ack else { return Ok(()) };
    for keys in keys.chunks(ack.size) {
        let ask = ack.target.call.ask(&[param(ack, keys)], None)?;
        let Read { tree, .. } = source.fetch(plan, &ack.target, &ask, &[], Ok).await.map_err(
            |unread| match unread {
                Unread::Fault(fault) => fault,
                Unread::TooLarge => Fault::stopped("the answer to an acknowledgement is too large"),
                Unread::Bad { what, .. } => {
                    Fault::stopped(format!("the answer to an acknowledgement is no answer: {what}"))
                }
            },
        )?;
        let n_failed = ack.failed.as_ref().map_or(0, |failed| failed.all(&tree).len());
        if n_failed > 0 {
            tracing::warn!(n_failed, n_told = keys.len(), "the source refuses acknowledgements");
        }
    }
    Ok(())
}

fn param(ack: &AckPlan, keys: &[String]) -> Param {
    let value = match &ack.separator {
        Some(separator) => Value::from(keys.join(separator)),
        None if ack.target.call.takes_lists() => Value::from(keys),
        None => Value::from(keys.join(",")),
    };
    (ack.param.clone(), value)
}
