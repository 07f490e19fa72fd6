//! The header signature of the national platforms: the exchange platforms for government data, and
//! the platform for government services. Only the names of the headers differ.
//!
//! Some platforms change their secret. It is fetched by a request that is signed with the key of the
//! application, and the answer is encrypted with a key derived from it.

use std::time::Duration;

use aes::Aes128;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Period, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::{
    Algorithm, Coding, Fetched, Request, SigningContext, TokenRequest, Trace, oauth2::token_answer,
    trace::Material,
};
use crate::cipher;

/// How long before a secret expires the next one is fetched: it must not expire during a request.
const REFRESH_MARGIN: Duration = Duration::from_secs(300);

/// Settings of a national platform.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct National {
    /// Id of the caller (请求者标识), like `<uuid>@<code>`.
    pub rid: String,
    /// Id of the service (服务标识).
    pub sid: String,
    /// The secret, if it never changes.
    pub secret: Option<Secret>,
    /// How to fetch the secret, if it changes.
    pub refresh: Option<Refresh>,
}

/// How to fetch a secret that changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The address of the request for the secret.
    pub url: String,
    /// The key of the application (appkey).
    pub appkey: Secret,
    /// Lifetime of a secret.
    #[serde(default = "Period::seconds::<86400>")]
    #[schemars(extend("formatMinimum" = "1m", "formatMaximum" = "31d"))]
    pub valid: Period,
}

impl National {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.secret.is_some() != self.refresh.is_some() {
            return Ok(());
        }
        Err(Fault::stopped("the settings do not name one source of the secret")
            .remedy("write one of `secret` and `refresh`"))
    }

    /// `Base64(HMAC-SHA256(secret, sid + rid + rtime))`; the other order is refused.
    pub(super) fn sign(
        &self,
        prefix: &'static str,
        secret: &Secret,
        request: &mut Request,
        context: &SigningContext,
    ) -> Trace {
        let rtime = context.now.timestamp_millis().to_string();
        let material = Material::default().text(&self.sid).text(&self.rid).text(&rtime);
        let key = secret.expose().as_bytes();
        let sign = Coding::Base64.write(&Algorithm::HmacSha256.of(key, &material.bytes));
        request.set_header(&format!("{prefix}_rid"), &self.rid);
        request.set_header(&format!("{prefix}_sid"), &self.sid);
        request.set_header(&format!("{prefix}_rtime"), rtime);
        request.set_header(&format!("{prefix}_sign"), &sign);
        Trace::of(prefix).step("string to sign", material.shown).step("sign", sign)
    }

    /// The request for the secret, signed with the key of the application.
    pub(super) fn token_request(
        &self,
        prefix: &'static str,
        context: &SigningContext,
    ) -> Option<TokenRequest> {
        let Refresh { url, appkey, .. } = self.refresh.as_ref()?;
        let mut request = Request { method: "POST".to_owned(), ..Request::default() };
        let trace = self.sign(prefix, appkey, &mut request, context);
        Some(TokenRequest { url: url.clone(), request, trace })
    }

    pub(super) fn read(
        &self,
        status: u16,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<Fetched, Fault> {
        let Some(Refresh { appkey, valid, .. }) = &self.refresh else {
            return Err(Fault::stopped("the settings do not say how to fetch the secret"));
        };
        let answer = token_answer(status, answer, "the platform")?;
        let wrapped = answer.pointer("/data/secret").and_then(Value::as_str).ok_or_else(|| {
            Fault::stopped("the answer of the platform contains no secret")
                .remedy("check `appkey`, `rid`, `sid`, and the clock of this machine")
        })?;
        let secret = unwrap(appkey.expose(), wrapped).ok_or_else(|| {
            Fault::stopped("the secret in the answer of the platform cannot be decrypted")
                .remedy("check `appkey`")
        })?;
        Ok(Fetched::new(secret, Some(valid.0), REFRESH_MARGIN, now))
    }
}

/// Base64, AES-128/ECB/PKCS#5 under the key that Java makes of `appkey`.
fn unwrap(appkey: &str, wrapped: &str) -> Option<Secret> {
    let bytes = STANDARD.decode(wrapped.trim()).ok()?;
    let plain = cipher::decrypt::<Aes128>(&key_of(appkey), None, &bytes).ok()?;
    String::from_utf8(plain).ok().filter(|secret| !secret.is_empty()).map(Secret::new)
}

/// What `KeyGenerator` of Java gives for 128 bits after `SecureRandom("SHA1PRNG")` was seeded: the
/// first bytes of SHA-1 of SHA-1 of the seed.
pub(super) fn key_of(seed: &str) -> [u8; 16] {
    let digest = Sha1::digest(Sha1::digest(seed));
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
