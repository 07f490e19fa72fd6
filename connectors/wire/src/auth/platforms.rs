//! Signatures that only one platform uses.

use std::time::SystemTime;

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    Algorithm, Coding, Request, SigningContext, Trace, digest::md5_hex, request::percent_encoded,
    trace::Material,
};

/// The leaders' message board (领导留言板). The parameters are sent as a text within the body, and
/// the text is signed byte for byte: the body of the request becomes that text unchanged.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBoard {
    /// The code of the application.
    app_code: Secret,
    /// The token of a user who is logged in.
    token: Option<Secret>,
}

/// `x-tif` headers, of Tencent's government platform: Guangdong, medical insurance.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XTif {
    /// Name of the application, `x-tif-paasid`.
    paasid: String,
    /// Its token.
    token: Secret,
}

/// `X-BG` headers, of Zhejiang's resource platform (IRS). It accepts a clock that differs by up to 90
/// seconds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XBg {
    /// The access key, which names the caller.
    pub(crate) access_key: String,
    /// The secret key.
    pub(crate) secret_key: Secret,
}

impl MessageBoard {
    /// `signature = md5(path + param + md5(appCode)[0..16] + token)`.
    pub(super) fn sign(&self, request: &mut Request) -> Result<Trace, Fault> {
        let param = String::from_utf8(std::mem::take(&mut request.body)).map_err(|_| {
            Fault::stopped("the message board takes parameters in UTF-8 only")
                .at(request.path.clone())
        })?;
        let param = if param.is_empty() { "{}".to_owned() } else { param };
        let app_code = self.app_code.expose();
        let derived = md5_hex(app_code.as_bytes());
        let token = self.token.as_ref().map_or("", Secret::expose);
        let mut material = Material::default()
            .text(&request.path)
            .text(&param)
            .secret("md5(app_code)[0..16]", &derived[..16]);
        if !token.is_empty() {
            material = material.secret("token", token);
        }
        let signature = md5_hex(&material.bytes);
        let body = json!({
            "appCode": app_code, "token": token, "signature": signature, "param": param,
        });
        request.body = body.to_string().into_bytes();
        if request.header("content-type").is_none() {
            request.set_header("content-type", "application/json;charset=UTF-8");
        }
        let trace = Trace::of("message_board").step("string to sign", material.shown);
        Ok(trace.step("signature", signature))
    }
}

impl XTif {
    /// The nonce begins with the time, so that the other side can forget old ones.
    pub(super) fn sign(&self, request: &mut Request, context: &SigningContext) -> Trace {
        let nonce = hex::encode(&context.nonce[..3]);
        let nonce = format!("{:x}-{nonce}", context.now.timestamp_millis());
        self.sign_with(&nonce, request, context)
    }

    /// `hex(sha256(timestamp + token + nonce + timestamp))`, the timestamp in seconds.
    pub(super) fn sign_with(
        &self,
        nonce: &str,
        request: &mut Request,
        context: &SigningContext,
    ) -> Trace {
        let timestamp = context.now.timestamp().to_string();
        let material = Material::default()
            .text(&timestamp)
            .secret("token", self.token.expose())
            .text(nonce)
            .text(&timestamp);
        let signature = Coding::Hex.write(&Algorithm::Sha256.of(&[], &material.bytes));
        request.set_header("x-tif-paasid", &self.paasid);
        request.set_header("x-tif-timestamp", timestamp);
        request.set_header("x-tif-nonce", nonce);
        request.set_header("x-tif-signature", &signature);
        let trace = Trace::of("x_tif").step("string to sign", material.shown);
        trace.step("x-tif-signature", signature)
    }
}

impl XBg {
    /// `Base64(HMAC-SHA256(secret_key, METHOD\nPATH\nSORTED_QUERY\nACCESS_KEY\nDATE\n))`.
    pub(super) fn sign(&self, request: &mut Request, context: &SigningContext) -> Trace {
        let date = httpdate::fmt_http_date(SystemTime::from(context.now));
        let (method, path, query) = (&request.method, &request.path, sorted(&request.query));
        let text = format!("{method}\n{path}\n{query}\n{}\n{date}\n", self.access_key);
        let key = self.secret_key.expose().as_bytes();
        let signature = Coding::Base64.write(&Algorithm::HmacSha256.of(key, text.as_bytes()));
        request.set_header("X-BG-HMAC-ACCESS-KEY", &self.access_key);
        request.set_header("X-BG-HMAC-ALGORITHM", "hmac-sha256");
        request.set_header("X-BG-DATE-TIME", date);
        request.set_header("X-BG-HMAC-SIGNATURE", &signature);
        Trace::of("x_bg").step("string to sign", text).step("X-BG-HMAC-SIGNATURE", signature)
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
