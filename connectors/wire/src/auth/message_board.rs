//! The leaders' message board (领导留言板).
//!
//! The parameters travel as a text within the body, and the text is signed byte for byte: so the
//! body that the request has becomes that text, as it is.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Request, Trace, digest::md5_hex, trace::Material};

/// Who asks the message board.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBoard {
    /// The code of the application.
    pub app_code: Secret,
    /// The token of a user, where somebody is logged in.
    #[serde(default)]
    pub token: Option<Secret>,
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
