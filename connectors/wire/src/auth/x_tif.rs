//! `x-tif` headers, of Tencent's government platform: Guangdong, medical insurance.

use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Algorithm, Coding, Occasion, Request, Trace, trace::Material};

/// Who asks by `x-tif` headers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XTif {
    /// Name of the application, `x-tif-paasid`.
    pub paasid: String,
    /// Its token.
    pub token: Secret,
}

impl XTif {
    /// The nonce begins with the time, so that the other side can forget old ones.
    pub(super) fn sign(&self, request: &mut Request, occasion: &Occasion) -> Trace {
        let nonce = hex::encode(&occasion.nonce[..3]);
        let nonce = format!("{:x}-{nonce}", occasion.now.timestamp_millis());
        self.sign_with(&nonce, request, occasion)
    }

    /// `hex(sha256(timestamp + token + nonce + timestamp))`, the timestamp in seconds.
    pub(super) fn sign_with(
        &self,
        nonce: &str,
        request: &mut Request,
        occasion: &Occasion,
    ) -> Trace {
        let timestamp = occasion.now.timestamp().to_string();
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
