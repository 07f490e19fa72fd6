//! The header signature of the national platforms: the exchange platforms for government data, and
//! the platform for government services. They differ in the names of the headers alone.
//!
//! Where the platform demands it, the secret is fetched first: a request signed with the
//! application's key answers the secret, encrypted under a key made of the same.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Period, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::{
    Algorithm, Coding, Errand, Occasion, Request, Trace, keep::Fetched, oauth2::answered,
    trace::Material,
};
use crate::cipher::{self, Mode};

/// A secret is fetched anew this much before it ends: it must not end on the way.
const MARGIN: Duration = Duration::from_secs(300);

/// Who asks a national platform, for what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct National {
    /// Id of who asks (请求者标识), like `<uuid>@<code>`.
    pub rid: String,
    /// Id of the service that is asked (服务标识).
    pub sid: String,
    /// The secret, where the platform gave a lasting one.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Where it is fetched, where it changes.
    #[serde(default)]
    pub refresh: Option<Refresh>,
}

/// Where a secret that changes is fetched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The address.
    pub url: String,
    /// The key of the application (appkey).
    pub appkey: Secret,
    /// How long a secret lasts.
    #[serde(default = "a_day")]
    #[schemars(extend("formatMinimum" = "1m", "formatMaximum" = "31d"))]
    pub valid: Period,
}

/// Whose headers they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Platform {
    /// 政务数据共享交换平台.
    Exchange,
    /// 国家政务服务平台.
    Service,
}

impl National {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match (&self.secret, &self.refresh) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err(Fault::stopped("a platform gives a lasting secret, or a changing one")
                .remedy("write one of `secret` and `refresh`")),
        }
    }

    /// `Base64(HMAC-SHA256(secret, sid + rid + rtime))`; the other order is refused.
    pub(super) fn sign(
        &self,
        platform: Platform,
        secret: &Secret,
        request: &mut Request,
        occasion: &Occasion,
    ) -> Trace {
        let rtime = occasion.now.timestamp_millis().to_string();
        let material = Material::default().text(&self.sid).text(&self.rid).text(&rtime);
        let key = secret.expose().as_bytes();
        let sign = Coding::Base64.write(&Algorithm::HmacSha256.of(key, &material.bytes));
        let prefix = platform.prefix();
        request.set_header(&format!("{prefix}_rid"), &self.rid);
        request.set_header(&format!("{prefix}_sid"), &self.sid);
        request.set_header(&format!("{prefix}_rtime"), rtime);
        request.set_header(&format!("{prefix}_sign"), &sign);
        Trace::of(prefix).step("string to sign", material.shown).step("sign", sign)
    }

    /// The request for the secret, signed with the key of the application.
    pub(super) fn errand(&self, platform: Platform, occasion: &Occasion) -> Option<Errand> {
        let Refresh { url, appkey, .. } = self.refresh.as_ref()?;
        let mut request = Request { method: "POST".to_owned(), ..Request::default() };
        let trace = self.sign(platform, appkey, &mut request, occasion);
        Some(Errand { url: url.clone(), request, trace })
    }

    pub(super) fn read(
        &self,
        status: u16,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<Fetched, Fault> {
        let Some(Refresh { appkey, valid, .. }) = &self.refresh else {
            return Err(Fault::stopped("no secret is fetched here"));
        };
        let answer = answered(status, answer, "the platform")?;
        let wrapped = answer.pointer("/data/secret").and_then(Value::as_str).ok_or_else(|| {
            Fault::stopped("the platform answers no secret")
                .remedy("check `appkey`, `rid`, `sid`, and the clock of this machine")
        })?;
        let secret = unwrap(appkey.expose(), wrapped).ok_or_else(|| {
            Fault::stopped("the secret that the platform answers cannot be decrypted")
                .remedy("check `appkey`")
        })?;
        let lasts = valid.0.saturating_sub(MARGIN.min(valid.0 / 2));
        let until =
            chrono::TimeDelta::from_std(lasts).ok().and_then(|lasts| now.checked_add_signed(lasts));
        Ok(Fetched { secret, until })
    }
}

impl Platform {
    fn prefix(self) -> &'static str {
        match self {
            Self::Exchange => "gjgxjhpt",
            Self::Service => "gjzwfwpt",
        }
    }
}

/// Base64, AES-128/ECB/PKCS#5 under the key that Java makes of `appkey`.
fn unwrap(appkey: &str, wrapped: &str) -> Option<Secret> {
    let bytes = STANDARD.decode(wrapped.trim()).ok()?;
    let plain = cipher::aes_open(&key_of(appkey), Mode::Ecb, &bytes).ok()?;
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

fn a_day() -> Period {
    Period(Duration::from_secs(86_400))
}
