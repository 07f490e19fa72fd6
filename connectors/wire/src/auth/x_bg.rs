//! `X-BG` headers, of Zhejiang's resource platform (IRS). The other side allows clocks to differ
//! by 90 seconds.

use std::time::SystemTime;

use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Algorithm, Coding, Occasion, Request, Trace, request::percent_encoded, trace::Material,
};

/// Who asks by `X-BG` headers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XBg {
    /// The access key, which names who asks.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
}

impl XBg {
    /// `Base64(HMAC-SHA256(sk, METHOD\nPATH\nSORTED_QUERY\nAK\nDATE\n))`.
    pub(super) fn sign(&self, request: &mut Request, occasion: &Occasion) -> Trace {
        let date = httpdate::fmt_http_date(SystemTime::from(occasion.now));
        let (method, path, query) = (&request.method, &request.path, sorted(&request.query));
        let text = format!("{method}\n{path}\n{query}\n{}\n{date}\n", self.access_key);
        let material = Material::default().text(&text);
        let key = self.secret_key.expose().as_bytes();
        let signature = Coding::Base64.write(&Algorithm::HmacSha256.of(key, &material.bytes));
        request.set_header("X-BG-HMAC-ACCESS-KEY", &self.access_key);
        request.set_header("X-BG-HMAC-ALGORITHM", "hmac-sha256");
        request.set_header("X-BG-DATE-TIME", date);
        request.set_header("X-BG-HMAC-SIGNATURE", &signature);
        let trace = Trace::of("x_bg").step("string to sign", material.shown);
        trace.step("X-BG-HMAC-SIGNATURE", signature)
    }
}

/// The query in the order of its names.
fn sorted(query: &[(String, String)]) -> String {
    let mut query: Vec<_> = query.iter().collect();
    query.sort();
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
