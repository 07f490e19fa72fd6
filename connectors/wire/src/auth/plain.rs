//! Schemes without a signature: a password, a token or a key in a header, a parameter or the body,
//! and client certificates.
//!
//! Whoever can read one such request can send others, so these sources need TLS.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Trace, digest::md5_hex};

/// User and password (RFC 7617).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user, without a colon.
    user: String,
    /// The password.
    password: Secret,
}

/// A fixed key in a header or a parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header of the key, like `X-Api-Key`.
    header: Option<String>,
    /// Or the parameter in the address.
    param: Option<String>,
    /// The key.
    key: Secret,
}

/// A fixed token in the body, for instance of Suzhou's hotline.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyToken {
    /// The member of a JSON body, or the field of a form. In any other body the token replaces
    /// `{auth}`.
    field: String,
    /// The token.
    token: Secret,
}

/// The MD5 of a shared text in the body: `httpRequestVerify` of petition systems.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedMd5 {
    /// The member of a JSON body, or the field of a form. In any other body the digest replaces
    /// `{auth}`.
    field: String,
    /// The shared text.
    text: Secret,
}

/// A certificate that authenticates the connection. Requests are not changed: whoever opens the
/// connection uses it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// The certificate and the chain to its authority, in PEM.
    certificate: Secret,
    /// Its private key, in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    key: Secret,
}

impl Basic {
    pub(super) fn sign(&self, request: &mut Request) -> Trace {
        let both = STANDARD.encode(format!("{}:{}", self.user, self.password.expose()));
        request.set_header("authorization", format!("Basic {both}"));
        Trace::of("basic").step("authorization", format!("Basic ‹{} and password›", self.user))
    }
}

/// A token in the header `Authorization` (RFC 6750 §2.1).
pub(super) fn bearer(token: &Secret, request: &mut Request) -> Trace {
    request.set_header("authorization", format!("Bearer {}", token.expose()));
    Trace::of("bearer").step("authorization", "Bearer ‹token›")
}

impl ApiKey {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.header.is_some() != self.param.is_some() {
            return Ok(());
        }
        Err(Fault::stopped("`api_key` does not name one place")
            .remedy("write one of `header` and `param`"))
    }

    pub(super) fn sign(&self, request: &mut Request) -> Trace {
        if let Some(header) = &self.header {
            request.set_header(header, self.key.expose());
        }
        if let Some(param) = &self.param {
            request.set_param(param, self.key.expose());
        }
        let at = self.header.as_deref().or(self.param.as_deref()).unwrap_or_default();
        Trace::of("api_key").step("key", format!("{at}: ‹key›"))
    }
}

impl BodyToken {
    pub(super) fn sign(&self, request: &mut Request) -> Result<Trace, Fault> {
        request.set_field(&self.field, self.token.expose())?;
        Ok(Trace::of("body_token").step("token", format!("{}: ‹token›", self.field)))
    }
}

impl SharedMd5 {
    pub(super) fn sign(&self, request: &mut Request) -> Result<Trace, Fault> {
        // The digest never changes, so it is as secret as the text.
        request.set_field(&self.field, &md5_hex(self.text.expose().as_bytes()))?;
        Ok(Trace::of("shared_md5").step("digest", format!("{}: ‹md5(text)›", self.field)))
    }
}

impl Mtls {
    /// Key and certificates in one text, as client builders take them.
    pub fn pem(&self) -> String {
        format!("{}\n{}\n", self.key.expose(), self.certificate.expose())
    }
}
