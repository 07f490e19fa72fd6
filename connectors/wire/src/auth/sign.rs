//! A signature that the settings describe. Most platforms have their own signature, which is nearly always
//! a digest over parts of the request in some order.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Algorithm, DigestFormat, NonceForm, Request, SignedPart, SigningContext, SigningSteps,
    TimestampField, merge_tables, parts, signable::Signable, steps::DigestInput,
};

/// A digest or HMAC over parts of the request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomSignature {
    /// The digest.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// The parts of which the key of an HMAC is made, instead of `key`, like `[{ secret = … }, { text = "&" }]`.
    pub key_parts: Option<Vec<SignedPart>>,
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
    /// The form of the random text; by default, 32 hexadecimal digits.
    pub nonce_form: Option<NonceForm>,
    /// Secrets that are sent as they are, such as a fixed token beside the signature, which may cover them.
    #[serde(default)]
    pub send: Vec<SentSecret>,
}

/// A secret that is sent as it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentSecret {
    /// The secret.
    pub secret: Secret,
    /// Where it is put.
    pub put: Destination,
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
    /// Into this member of a JSON body, where `a.b` is `b` in `a` if the body has such an object, or this field of a
    /// form. In any other body the value replaces `{auth}`.
    Field(String),
    /// Into this cookie.
    Cookie(String),
}

impl CustomSignature {
    pub(super) fn secrets(&self) -> Vec<String> {
        let parts = [self.parts.as_slice(), self.key_parts.as_deref().unwrap_or_default()];
        let parts = parts.into_iter().flat_map(parts::secrets);
        let sent = self.send.iter().map(|sent| &sent.secret);
        self.key.iter().chain(parts).chain(sent).map(|secret| secret.expose().to_owned()).collect()
    }

    /// The query parameters in which secrets are sent as they are.
    pub(super) fn secret_params(&self) -> Vec<&str> {
        let params = self.send.iter().filter_map(|sent| match &sent.put {
            Destination::Param(name) => Some(name.as_str()),
            _ => None,
        });
        params.collect()
    }

    /// The query parameter in which the signature is sent.
    pub(super) fn signature_param(&self) -> Option<&str> {
        match &self.put {
            Destination::Param(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |(what, remedy)| Fault::stopped(what).at("auth.sign").remedy(remedy);
        self.checked().map_err(fault)
    }

    fn checked(&self) -> Result<(), (&'static str, &'static str)> {
        let key_parts = self.key_parts.as_deref().unwrap_or_default();
        if self.key.is_some() && self.key_parts.is_some() {
            return Err(("the HMAC has two keys", "set `key` or `key_parts`, not both"));
        }
        parts::check_key(self.algorithm, self.key.is_some() || !key_parts.is_empty())?;
        parts::check(&self.parts)?;
        parts::check(key_parts)?;
        self.timestamp.as_ref().map_or(Ok(()), TimestampField::check)?;
        self.nonce_form.map_or(Ok(()), NonceForm::check)?;
        let signs = |what: &SignedPart| {
            [self.parts.as_slice(), key_parts].iter().any(|list| parts::all(list).contains(&what))
        };
        if signs(&SignedPart::Timestamp) && self.timestamp.is_none() {
            Err(("the time is signed but not sent", "set `timestamp`"))
        } else if signs(&SignedPart::Nonce) && self.nonce.is_none() {
            Err(("the nonce is signed but not sent", "set `nonce`"))
        } else if self.nonce_form.is_some() && self.nonce.is_none() {
            Err(("the nonce has a form, but it is not sent", "set `nonce`"))
        } else {
            Ok(())
        }
    }

    pub(super) fn sign(
        &self,
        request: &mut Request,
        context: &SigningContext,
    ) -> Result<SigningSteps, Fault> {
        let timestamp = self.timestamp.as_ref().map(|field| field.text(context));
        let nonce = match self.nonce_form {
            Some(form) => form.text(context.nonce),
            None => hex::encode(context.nonce),
        };
        self.sign_with(&timestamp.unwrap_or_default(), &nonce, request)
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
        for sent in &self.send {
            sent.put.set_value(request, sent.secret.expose())?;
        }
        let signable = Signable::new(request, timestamp, nonce);
        let input = self.input(&signable)?;
        let key = match &self.key_parts {
            Some(parts) => parts::text_of(parts, "", &signable)?.bytes,
            None => self.key.as_ref().map_or("", Secret::expose).as_bytes().to_vec(),
        };
        let digest = self.algorithm.written(self.coding, &key, &input.bytes);
        self.put.set_value(request, &digest)?;
        Ok(SigningSteps::new("sign").step("string to sign", input.redacted).step("digest", digest))
    }

    /// The text that is signed.
    pub(super) fn input(&self, signable: &Signable<'_>) -> Result<DigestInput, Fault> {
        parts::text_of(&self.parts, &self.join, signable)
    }
}

impl Destination {
    /// Puts a value into a request.
    ///
    /// # Errors
    /// The body of the request has no place for it: `Stopped`.
    pub fn set_value(&self, request: &mut Request, value: &str) -> Result<(), Fault> {
        match self {
            Self::Header(name) => request.set_header(name, value),
            Self::Param(name) => request.set_param(name, value),
            Self::Field(name) => request.set_field(name, value)?,
            Self::Cookie(name) => request.set_cookie(name, value),
        }
        Ok(())
    }
}
