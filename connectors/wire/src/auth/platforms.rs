//! Signatures that only one platform uses.

use std::time::SystemTime;

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    Algorithm, DigestFormat, Request, SigningContext, SigningSteps, digest::md5_hex,
    request::percent_encoded, steps::DigestInput,
};

/// The leaders' message board (领导留言板). The signature covers the parameters byte for byte: the body
/// in the settings is sent unchanged, as the string `param` in a JSON body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBoard {
    /// The code of the application.
    app_code: Secret,
    /// The token of a user who is logged in.
    token: Option<Secret>,
}

/// `x-tif` headers of Tencent's government platform (Guangdong, medical insurance).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XTif {
    /// Name of the application, `x-tif-paasid`.
    paasid: String,
    /// The token of the application.
    token: Secret,
}

/// `X-BG` headers of Zhejiang's resource platform (IRS). The clocks may differ by up to 90 seconds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XBg {
    /// The access key, which names the caller.
    pub(crate) access_key: String,
    /// The secret key.
    pub secret_key: Secret,
}

impl MessageBoard {
    pub(super) fn secrets(&self) -> Vec<String> {
        let token = self.token.as_ref().map(Secret::expose);
        token.into_iter().chain([self.app_code.expose()]).map(str::to_owned).collect()
    }

    /// Replaces the body. The signature is `md5(path + param + md5(appCode)[0..16] + token)`.
    pub(super) fn sign(&self, request: &mut Request) -> Result<SigningSteps, Fault> {
        let param = String::from_utf8(std::mem::take(&mut request.body)).map_err(|_| {
            Fault::stopped("the message board accepts only parameters in UTF-8")
                .at(request.path.clone())
        })?;
        let param = if param.is_empty() { "{}".to_owned() } else { param };
        let app_code = self.app_code.expose();
        let derived = md5_hex(app_code.as_bytes());
        let token = self.token.as_ref().map_or("", Secret::expose);
        let mut input = DigestInput::default()
            .text(&request.path)
            .text(&param)
            .secret("md5(app_code)[0..16]", &derived[..16]);
        if !token.is_empty() {
            input = input.secret("token", token);
        }
        let signature = md5_hex(&input.bytes);
        let body = json!({
            "appCode": app_code, "token": token, "signature": signature, "param": param,
        });
        request.body = body.to_string().into_bytes();
        if request.header("content-type").is_none() {
            request.set_header("content-type", "application/json;charset=UTF-8");
        }
        let steps = SigningSteps::new("message_board").step("string to sign", input.redacted);
        Ok(steps.step("signature", signature))
    }
}

impl XTif {
    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.token.expose().to_owned()]
    }

    /// Adds the headers. The nonce begins with the time, so that the platform can forget old nonces.
    pub(super) fn sign(&self, request: &mut Request, context: &SigningContext) -> SigningSteps {
        let nonce = hex::encode(&context.nonce[..3]);
        let nonce = format!("{:x}-{nonce}", context.now.timestamp_millis());
        self.sign_with_nonce(&nonce, request, context)
    }

    /// The signature is `hex(sha256(timestamp + token + nonce + timestamp))`, the timestamp in seconds.
    pub(super) fn sign_with_nonce(
        &self,
        nonce: &str,
        request: &mut Request,
        context: &SigningContext,
    ) -> SigningSteps {
        let timestamp = context.now.timestamp().to_string();
        let input = DigestInput::default()
            .text(&timestamp)
            .secret("token", self.token.expose())
            .text(nonce)
            .text(&timestamp);
        let signature = Algorithm::Sha256.written(DigestFormat::Hex, &[], &input.bytes);
        request.set_header("x-tif-paasid", &self.paasid);
        request.set_header("x-tif-timestamp", timestamp);
        request.set_header("x-tif-nonce", nonce);
        request.set_header("x-tif-signature", &signature);
        let steps = SigningSteps::new("x_tif").step("string to sign", input.redacted);
        steps.step("x-tif-signature", signature)
    }
}

impl XBg {
    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.secret_key.expose().to_owned()]
    }

    /// Adds the headers. The signature is
    /// `Base64(HMAC-SHA256(secret_key, METHOD\nPATH\nSORTED_QUERY\nACCESS_KEY\nDATE\n))`.
    pub(super) fn sign(&self, request: &mut Request, context: &SigningContext) -> SigningSteps {
        let date = httpdate::fmt_http_date(SystemTime::from(context.now));
        let (method, path, query) = (&request.method, &request.path, sorted_query(&request.query));
        let text = format!("{method}\n{path}\n{query}\n{}\n{date}\n", self.access_key);
        let key = self.secret_key.expose().as_bytes();
        let signature = Algorithm::HmacSha256.written(DigestFormat::Base64, key, text.as_bytes());
        request.set_header("X-BG-HMAC-ACCESS-KEY", &self.access_key);
        request.set_header("X-BG-HMAC-ALGORITHM", "hmac-sha256");
        request.set_header("X-BG-DATE-TIME", date);
        request.set_header("X-BG-HMAC-SIGNATURE", &signature);
        let steps = SigningSteps::new("x_bg").step("string to sign", text);
        steps.step("X-BG-HMAC-SIGNATURE", signature)
    }
}

/// The query, percent-encoded, its parameters sorted by name.
fn sorted_query(query: &[(String, String)]) -> String {
    let mut query: Vec<_> = query.iter().collect();
    query.sort();
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
