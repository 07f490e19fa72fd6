//! The steps in which a request was signed, so that people can compare them with what the platform expects.
//! Secrets are hidden.

use crate::secrets;

/// The steps of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSteps {
    /// The scheme.
    pub scheme: &'static str,
    /// The name and value of each step, in order; `‹name›` replaces each secret in them.
    pub steps: Vec<(&'static str, String)>,
}

impl SigningSteps {
    pub(super) fn new(scheme: &'static str) -> Self {
        Self { scheme, steps: Vec::new() }
    }

    pub(super) fn step(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.steps.push((name, value.into()));
        self
    }
}

/// A text to sign, and the same text with its secrets hidden.
#[derive(Default)]
pub(super) struct DigestInput {
    pub(super) bytes: Vec<u8>,
    /// The text with `‹name›` in place of each secret.
    pub(super) redacted: String,
}

impl DigestInput {
    pub(super) fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self.redacted.push_str(text);
        self
    }

    pub(super) fn secret(mut self, name: &str, secret: &str) -> Self {
        self.bytes.extend_from_slice(secret.as_bytes());
        self.redacted.push_str(&format!("‹{name}›"));
        self
    }

    /// The value of a header or parameter, which is hidden if its name is that of a secret.
    pub(super) fn named(self, name: &str, value: &str) -> Self {
        if secrets::is_name(name) { self.secret(name, value) } else { self.text(value) }
    }

    /// What is made of another text. If that has secrets, or if it is made with a key, it is secret itself: it is shown
    /// as the text that it is made of.
    pub(super) fn made(
        self,
        of: Self,
        name: &str,
        has_key: bool,
        make: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Self {
        let made = make(&of.bytes);
        if !has_key && of.redacted.as_bytes() == of.bytes {
            return self.body(&made);
        }
        let mut input = self;
        input.bytes.extend_from_slice(&made);
        input.redacted.push_str(&format!("‹{name} of {}›", of.redacted));
        input
    }

    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.bytes.extend_from_slice(body);
        match str::from_utf8(body) {
            Ok(text) => self.redacted.push_str(text),
            Err(_) => self.redacted.push_str(&format!("‹{} bytes›", body.len())),
        }
        self
    }
}
