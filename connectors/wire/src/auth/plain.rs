//! Schemes without a signature: a password, a token or a key in a header, a query parameter or the body,
//! and client certificates.
//!
//! Anyone who can read such a request can send others like it, so these sources need TLS.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, SigningSteps, digest::md5_hex};

/// User and password (RFC 7617).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user, without a colon.
    user: String,
    /// The password.
    password: Secret,
}

/// A fixed key in a header or a query parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header that carries the key, such as `X-Api-Key`.
    header: Option<String>,
    /// The query parameter that carries the key. Set either this or `header`.
    param: Option<String>,
    /// The key.
    key: Secret,
}

/// A fixed token in the body, as used by Suzhou's hotline.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyToken {
    /// The member of a JSON body, or the field of a form. In any other body the token replaces
    /// `{auth}`.
    field: String,
    /// The token.
    token: Secret,
}

/// The MD5 of a shared secret text, sent in the body: `httpRequestVerify` of petition systems.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedMd5 {
    /// The member of a JSON body, or the field of a form. In any other body the digest replaces
    /// `{auth}`.
    field: String,
    /// The shared secret text.
    text: Secret,
}

/// A certificate that authenticates the connection. Requests are not changed: the code that
/// opens the connection presents the certificate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// The certificate and the chain to its authority, in PEM.
    certificate: Secret,
    /// Its private key, in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    key: Secret,
}

impl Basic {
    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.password.expose().to_owned(), self.credentials()]
    }

    /// User and password in Base64.
    fn credentials(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password.expose()))
    }

    pub(super) fn apply(&self, request: &mut Request) -> SigningSteps {
        request.set_header("authorization", format!("Basic {}", self.credentials()));
        SigningSteps::new("basic")
            .step("authorization", format!("Basic ‹base64 of {}:password›", self.user))
    }
}

/// Puts a token into the header `Authorization` (RFC 6750 §2.1).
pub(super) fn apply_bearer(token: &Secret, request: &mut Request) -> SigningSteps {
    request.set_header("authorization", format!("Bearer {}", token.expose()));
    SigningSteps::new("bearer").step("authorization", "Bearer ‹token›")
}

impl ApiKey {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.header.is_some() != self.param.is_some() {
            return Ok(());
        }
        Err(Fault::stopped("`api_key` must name either a header or a query parameter")
            .remedy("set either `header` or `param`, and not both"))
    }

    pub(super) fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.key.expose().to_owned()]
    }

    pub(super) fn apply(&self, request: &mut Request) -> SigningSteps {
        if let Some(header) = &self.header {
            request.set_header(header, self.key.expose());
        }
        if let Some(param) = &self.param {
            request.set_param(param, self.key.expose());
        }
        let name = self.header.as_deref().or(self.param.as_deref()).unwrap_or_default();
        SigningSteps::new("api_key").step("key", format!("{name}: ‹key›"))
    }
}

impl BodyToken {
    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.token.expose().to_owned()]
    }

    pub(super) fn apply(&self, request: &mut Request) -> Result<SigningSteps, Fault> {
        request.set_field(&self.field, self.token.expose())?;
        Ok(SigningSteps::new("body_token").step("token", format!("{}: ‹token›", self.field)))
    }
}

impl SharedMd5 {
    pub(super) fn secrets(&self) -> Vec<String> {
        let text = self.text.expose();
        vec![text.to_owned(), md5_hex(text.as_bytes())]
    }

    pub(super) fn apply(&self, request: &mut Request) -> Result<SigningSteps, Fault> {
        // The digest is always the same, so it is as secret as the text.
        request.set_field(&self.field, &md5_hex(self.text.expose().as_bytes()))?;
        Ok(SigningSteps::new("shared_md5").step("digest", format!("{}: ‹md5(text)›", self.field)))
    }
}

impl Mtls {
    /// Key and certificates as one PEM text, as TLS clients take them.
    pub fn pem(&self) -> String {
        format!("{}\n{}\n", self.key.expose(), self.certificate.expose())
    }
}
