//! A signature that the settings describe. Most platforms have a signature of their own, and nearly all
//! of them are a digest over parts of the request in some order.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Algorithm, Coding, Request, SigningContext, Trace, one_table, trace::Material};

/// A digest or HMAC over parts of the request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The digest.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// What is signed, in this order.
    #[schemars(length(min = 1))]
    pub parts: Vec<Part>,
    /// The text between the parts.
    #[serde(default)]
    pub join: String,
    /// How the digest is written.
    #[serde(default)]
    pub coding: Coding,
    /// Where the digest is put.
    pub put: Place,
    /// The time of the request, if the source wants it.
    pub timestamp: Option<Stamp>,
    /// Where a random text is put, a new one for every request.
    pub nonce: Option<Place>,
}

/// One part of what is signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_table)]
pub enum Part {
    /// This text.
    Text(String),
    /// This secret text.
    Secret(Secret),
    /// The value of a parameter: of the address, a form, or a JSON body.
    Param(String),
    /// The value of a header.
    Header(String),
    /// All parameters by name, as `a=1&b=2`, not encoded; empty ones are left out.
    Params,
    /// The time.
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_table)]
pub enum Place {
    /// Into this header.
    Header(String),
    /// Into this parameter of the address.
    Param(String),
    /// Into this member of a JSON body, or this field of a form.
    Field(String),
}

/// The time of a request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Where it is put.
    pub put: Place,
    /// Seconds or milliseconds since 1970.
    pub unit: Unit,
}

/// The unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
}

impl Sign {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let has = |wanted: fn(&Part) -> bool| self.parts.iter().any(wanted);
        let (what, remedy) = if self.algorithm.is_keyed() && self.key.is_none() {
            ("an HMAC needs a key", "write `key`")
        } else if !self.algorithm.is_keyed() && self.key.is_some() {
            ("a plain digest has no key", "write it as a part: { secret = … }")
        } else if has(|part| matches!(part, Part::Timestamp)) && self.timestamp.is_none() {
            ("the time is signed but not sent", "write its place as `timestamp`")
        } else if has(|part| matches!(part, Part::Nonce)) && self.nonce.is_none() {
            ("the nonce is signed but not sent", "write its place as `nonce`")
        } else {
            return Ok(());
        };
        Err(Fault::stopped(what).at("auth.sign").remedy(remedy))
    }

    pub(super) fn sign(
        &self,
        request: &mut Request,
        context: &SigningContext,
    ) -> Result<Trace, Fault> {
        let now = context.now;
        let timestamp = self.timestamp.as_ref().map(|stamp| match stamp.unit {
            Unit::S => now.timestamp().to_string(),
            Unit::Ms => now.timestamp_millis().to_string(),
        });
        let nonce = hex::encode(context.nonce);
        if let Some((stamp, timestamp)) = self.timestamp.as_ref().zip(timestamp.as_ref()) {
            stamp.put.fill(request, timestamp)?;
        }
        if let Some(place) = &self.nonce {
            place.fill(request, &nonce)?;
        }
        let mut material = Material::default();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                material = material.text(&self.join);
            }
            material = match part {
                Part::Text(text) => material.text(text),
                Part::Secret(secret) => material.secret("secret", secret.expose()),
                Part::Param(name) => material.text(&required(request, name, request.param(name))?),
                Part::Header(name) => {
                    let value = request.header(name).map(str::to_owned);
                    material.text(&required(request, name, value)?)
                }
                Part::Params => material.text(&all_params(request)),
                Part::Timestamp => material.text(timestamp.as_deref().unwrap_or_default()),
                Part::Nonce => material.text(&nonce),
                Part::Body => material.body(&request.body),
                Part::Method => material.text(&request.method),
                Part::Path => material.text(&request.path),
            };
        }
        let key = self.key.as_ref().map_or("", Secret::expose);
        let digest = self.algorithm.of(key.as_bytes(), &material.bytes);
        let digest = self.coding.write(&digest);
        self.put.fill(request, &digest)?;
        let trace = Trace::of("sign").step("string to sign", material.shown);
        Ok(trace.step("digest", digest))
    }
}

impl Place {
    fn fill(&self, request: &mut Request, value: &str) -> Result<(), Fault> {
        match self {
            Self::Header(name) => request.set_header(name, value),
            Self::Param(name) => request.set_param(name, value),
            Self::Field(name) => request.set_field(name, value)?,
        }
        Ok(())
    }
}

fn required(request: &Request, name: &str, value: Option<String>) -> Result<String, Fault> {
    value.ok_or_else(|| {
        Fault::stopped(format!("`{name}` is signed, but it is not in the request"))
            .at(request.path.clone())
            .remedy("check the parts in `auth.sign`")
    })
}

fn all_params(request: &Request) -> String {
    let mut params = request.params();
    params.retain(|(_, value)| !value.is_empty());
    params.sort();
    let pairs = params.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}
