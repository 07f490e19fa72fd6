//! What proves who asks, in the body: a fixed token (Suzhou's hotline has one beside `params`), or
//! the MD5 of a shared text (`httpRequestVerify` of petition systems). Whoever reads one request
//! can send others: such sources belong behind TLS.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Trace, digest::md5_hex};

/// A fixed token in the body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyToken {
    /// The member of a JSON body, or the field of a form. In any other body the token takes the
    /// place of `{auth}`.
    pub field: String,
    /// The token.
    pub token: Secret,
}

/// The MD5 of a shared text in the body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedMd5 {
    /// The member of a JSON body, or the field of a form. In any other body the digest takes the
    /// place of `{auth}`.
    pub field: String,
    /// The shared text.
    pub text: Secret,
}

impl BodyToken {
    pub(super) fn sign(&self, request: &mut Request) -> Result<Trace, Fault> {
        request.set_field(&self.field, self.token.expose())?;
        Ok(Trace::of("body_token").step("token", format!("{}: ‹token›", self.field)))
    }
}

impl SharedMd5 {
    pub(super) fn sign(&self, request: &mut Request) -> Result<Trace, Fault> {
        // The digest never changes: it is as good as the text, and hidden like it.
        request.set_field(&self.field, &md5_hex(self.text.expose().as_bytes()))?;
        Ok(Trace::of("shared_md5").step("digest", format!("{}: ‹md5(text)›", self.field)))
    }
}
