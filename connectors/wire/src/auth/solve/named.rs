//! The schemes of platforms, which the settings name. Their names of headers say what belongs where.

use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use super::{check, recipe::reference, search::Search, sent::Sent};
use crate::auth::{Destination, EXCHANGE_PREFIX, SERVICE_PREFIX};

/// Tries all of them for which the sample has what their settings need.
pub(super) fn try_all(search: &mut Search<'_>) -> ControlFlow<()> {
    for (scheme, settings) in candidates(search.sent) {
        search.try_named(scheme, settings)?;
    }
    ControlFlow::Continue(())
}

fn candidates(sent: &Sent) -> Vec<(&'static str, Map<String, Value>)> {
    let secret = || reference(&sent.variable);
    // Such a value is printed, so it must not show the secret.
    let public = |name: &str| {
        let value = sent.request.header(name)?;
        let secret = sent.secret.expose();
        (!value.contains(secret) && !check::shows(value, secret)).then_some(value)
    };
    let national = |prefix: &'static str| {
        let [rid, sid] = ["rid", "sid"].map(|name| public(&format!("{prefix}_{name}")));
        Some((prefix, json!({ "rid": rid?, "sid": sid?, "secret": secret() })))
    };
    let x_tif = || Some(("x_tif", json!({ "paasid": public("x-tif-paasid")?, "token": secret() })));
    let x_bg = || {
        let access_key = public("X-BG-HMAC-ACCESS-KEY")?;
        Some(("x_bg", json!({ "access_key": access_key, "secret_key": secret() })))
    };
    let field = match &sent.put {
        Destination::Field(name) => name,
        Destination::Header(_) | Destination::Param(_) | Destination::Cookie(_) => {
            "httpRequestVerify"
        }
    };
    let all = [
        national(EXCHANGE_PREFIX),
        national(SERVICE_PREFIX),
        x_tif(),
        x_bg(),
        Some(("message_board", json!({ "app_code": secret() }))),
        Some(("shared_md5", json!({ "field": field, "text": secret() }))),
    ];
    let tables = all.into_iter().flatten().filter_map(|(scheme, settings)| match settings {
        Value::Object(settings) => Some((scheme, settings)),
        _ => None,
    });
    tables.collect()
}
