//! A signature that the settings describe. Most platforms have their own signature, which is nearly always
//! a digest over parts of the request in some order.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Algorithm, DigestFormat, Request, SigningContext, SigningSteps, merge_tables,
    signable::Signable, steps::DigestInput,
};

/// A digest or HMAC over parts of the request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomSignature {
    /// The digest.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// What is signed, in this order.
    #[schemars(length(min = 1))]
    pub parts: Vec<SignedPart>,
    /// The text between the parts.
    #[serde(default)]
    pub join: String,
    /// How the digest is written.
    #[serde(default)]
    pub coding: DigestFormat,
    /// Where the digest is put.
    pub put: Destination,
    /// The time of the request, if the source wants it.
    pub timestamp: Option<TimestampField>,
    /// Where a random text is put; it is different for every request.
    pub nonce: Option<Destination>,
}

/// A part of the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum SignedPart {
    /// This text.
    Text(String),
    /// This secret text.
    Secret(Secret),
    /// The value of a parameter in the query, of a field of a form, or of a member of a JSON body.
    Param(String),
    /// The value of a header.
    Header(String),
    /// All parameters, sorted by name, as `a=1&b=2`, not encoded; empty ones are left out.
    Params,
    /// The time of the request.
    Timestamp,
    /// The random text.
    Nonce,
    /// The body.
    Body,
    /// `GET` or `POST`.
    Method,
    /// The path of the address.
    Path,
}

/// Where a value is put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum Destination {
    /// Into this header.
    Header(String),
    /// Into this query parameter.
    Param(String),
    /// Into this member of a JSON body, or this field of a form.
    Field(String),
}

/// How the time of a request is sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampField {
    /// Where the time is put.
    pub put: Destination,
    /// Seconds or milliseconds since 1970.
    pub unit: TimeUnit,
}

/// The unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
}

impl CustomSignature {
    pub(super) fn secrets(&self) -> Vec<String> {
        let parts = self.parts.iter().filter_map(|part| match part {
            SignedPart::Secret(secret) => Some(secret),
            _ => None,
        });
        self.key.iter().chain(parts).map(|secret| secret.expose().to_owned()).collect()
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let signs_time = self.parts.iter().any(|part| matches!(part, SignedPart::Timestamp));
        let signs_nonce = self.parts.iter().any(|part| matches!(part, SignedPart::Nonce));
        let (what, remedy) = if self.algorithm.is_keyed() && self.key.is_none() {
            ("an HMAC needs a key", "set `key`")
        } else if !self.algorithm.is_keyed() && self.key.is_some() {
            ("a plain digest uses no `key`", "write the key as a part: { secret = … }")
        } else if signs_time && self.timestamp.is_none() {
            ("the time is signed but not sent", "set `timestamp`")
        } else if signs_nonce && self.nonce.is_none() {
            ("the nonce is signed but not sent", "set `nonce`")
        } else {
            return Ok(());
        };
        Err(Fault::stopped(what).at("auth.sign").remedy(remedy))
    }

    pub(super) fn sign(
        &self,
        request: &mut Request,
        context: &SigningContext,
    ) -> Result<SigningSteps, Fault> {
        let timestamp = self.timestamp.as_ref().map(|field| match field.unit {
            TimeUnit::S => context.now.timestamp().to_string(),
            TimeUnit::Ms => context.now.timestamp_millis().to_string(),
        });
        let timestamp = timestamp.unwrap_or_default();
        self.sign_with(&timestamp, &hex::encode(context.nonce), request)
    }

    /// Signs with this time and this random text.
    pub(super) fn sign_with(
        &self,
        timestamp: &str,
        nonce: &str,
        request: &mut Request,
    ) -> Result<SigningSteps, Fault> {
        if let Some(field) = &self.timestamp {
            field.put.set_value(request, timestamp)?;
        }
        if let Some(destination) = &self.nonce {
            destination.set_value(request, nonce)?;
        }
        let input = self.input(&Signable::new(request, timestamp, nonce))?;
        let key = self.key.as_ref().map_or("", Secret::expose);
        let digest = self.coding.encode(&self.algorithm.digest(key.as_bytes(), &input.bytes));
        self.put.set_value(request, &digest)?;
        Ok(SigningSteps::new("sign").step("string to sign", input.redacted).step("digest", digest))
    }

    /// The text that is signed.
    pub(super) fn input(&self, signable: &Signable<'_>) -> Result<DigestInput, Fault> {
        let request = signable.request;
        let mut input = DigestInput::default();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                input = input.text(&self.join);
            }
            input = match part {
                SignedPart::Text(text) => input.text(text),
                SignedPart::Secret(secret) => input.secret("secret", secret.expose()),
                SignedPart::Param(name) => {
                    input.named(name, require(request, name, signable.param(name))?)
                }
                SignedPart::Header(name) => {
                    input.named(name, require(request, name, request.header(name))?)
                }
                SignedPart::Params => input.text(signable.joined_params()),
                SignedPart::Timestamp => input.text(signable.timestamp),
                SignedPart::Nonce => input.text(signable.nonce),
                SignedPart::Body => input.body(&request.body),
                SignedPart::Method => input.text(&request.method),
                SignedPart::Path => input.text(&request.path),
            };
        }
        Ok(input)
    }
}

impl Destination {
    fn set_value(&self, request: &mut Request, value: &str) -> Result<(), Fault> {
        match self {
            Self::Header(name) => request.set_header(name, value),
            Self::Param(name) => request.set_param(name, value),
            Self::Field(name) => request.set_field(name, value)?,
        }
        Ok(())
    }
}

fn require<'a>(request: &Request, name: &str, value: Option<&'a str>) -> Result<&'a str, Fault> {
    value.ok_or_else(|| {
        Fault::stopped(format!("`{name}` is signed, but it is not in the request"))
            .at(request.path.clone())
            .remedy("check the parts in `auth.sign`")
    })
}
