//! The signature of two kinds of national platforms: the exchange platforms for government data, and
//! the platform for government services. They differ only in the names of the headers.
//!
//! Some platforms change the secret from time to time. A request that is signed with the key of the
//! application (appkey) fetches it; in the answer, it is encrypted with a key derived from the appkey.

use std::time::Duration;

use aes::Aes128;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Period, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::{
    Algorithm, DigestFormat, FetchedToken, Request, SigningContext, SigningSteps, TokenRequest,
    oauth2::parse_token_answer, steps::DigestInput,
};
use crate::{cipher, reason::reason};

/// The next secret is fetched this long before one expires, so that none expires during a request.
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
    #[schemars(extend("allow" = "address"))]
    pub url: String,
    /// The key of the application (appkey).
    pub appkey: Secret,
    /// Lifetime of a secret.
    #[serde(default = "Period::seconds::<86400>")]
    #[schemars(extend("formatMinimum" = "1m", "formatMaximum" = "31d"))]
    pub valid: Period,
}

impl National {
    pub(super) fn secrets(&self) -> Vec<String> {
        let appkey = self.refresh.as_ref().map(|refresh| &refresh.appkey);
        self.secret.iter().chain(appkey).map(|secret| secret.expose().to_owned()).collect()
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.secret.is_some() != self.refresh.is_some() {
            return Ok(());
        }
        Err(Fault::stopped("`auth` must have either `secret` or `refresh`")
            .remedy("set one of them, and not both"))
    }

    /// Adds the headers. The signature is `Base64(HMAC-SHA256(secret, sid + rid + rtime))`: platforms
    /// refuse `rid + sid + rtime`.
    pub(super) fn sign(
        &self,
        prefix: &'static str,
        secret: &Secret,
        request: &mut Request,
        context: &SigningContext,
    ) -> SigningSteps {
        let rtime = context.now.timestamp_millis().to_string();
        let input = DigestInput::default().text(&self.sid).text(&self.rid).text(&rtime);
        let key = secret.expose().as_bytes();
        let sign = Algorithm::HmacSha256.written(DigestFormat::Base64, key, &input.bytes);
        request.set_header(&format!("{prefix}_rid"), &self.rid);
        request.set_header(&format!("{prefix}_sid"), &self.sid);
        request.set_header(&format!("{prefix}_rtime"), rtime);
        request.set_header(&format!("{prefix}_sign"), &sign);
        SigningSteps::new(prefix).step("string to sign", input.redacted).step("sign", sign)
    }

    /// The request for the secret, signed with the key of the application.
    pub(super) fn token_request(
        &self,
        prefix: &'static str,
        context: &SigningContext,
    ) -> Option<TokenRequest> {
        let Refresh { url, appkey, .. } = self.refresh.as_ref()?;
        let mut request = Request { method: "POST".to_owned(), ..Request::default() };
        let steps = self.sign(prefix, appkey, &mut request, context);
        Some(TokenRequest { url: url.clone(), request, steps })
    }

    /// Reads the secret in the answer to [`National::token_request`].
    pub(super) fn read_token(
        &self,
        status: u16,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<FetchedToken, Fault> {
        let Some(Refresh { appkey, valid, .. }) = &self.refresh else {
            return Err(Fault::stopped("the settings do not say how to fetch the secret"));
        };
        let answer = parse_token_answer(status, answer, "the platform")?;
        let secret = answer.pointer("/data/secret").and_then(Value::as_str).ok_or_else(|| {
            let why = reason(&answer).map(|why| format!(": {why}")).unwrap_or_default();
            Fault::stopped(format!("the answer of the platform contains no secret{why}"))
                .remedy("check `appkey`, `rid`, `sid`, and the clock of this machine")
        })?;
        let secret = decrypt_secret(appkey.expose(), secret).ok_or_else(|| {
            Fault::stopped("the secret in the answer of the platform cannot be decrypted")
                .remedy("check `appkey`")
        })?;
        Ok(FetchedToken::new(secret, Some(valid.0), REFRESH_MARGIN, now))
    }
}

/// Decrypts Base64 of AES-128/ECB/PKCS#5, with the key that Java derives from `appkey`.
fn decrypt_secret(appkey: &str, encrypted: &str) -> Option<Secret> {
    let bytes = STANDARD.decode(encrypted.trim()).ok()?;
    let plain = cipher::decrypt::<Aes128>(&java_key(appkey), None, &bytes).ok()?;
    String::from_utf8(plain).ok().filter(|secret| !secret.is_empty()).map(Secret::new)
}

/// The 128-bit key that Java's `KeyGenerator` makes with a `SecureRandom("SHA1PRNG")` of this seed:
/// the first bytes of SHA-1 of SHA-1 of the seed.
pub(super) fn java_key(seed: &str) -> [u8; 16] {
    let digest = Sha1::digest(Sha1::digest(seed));
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
