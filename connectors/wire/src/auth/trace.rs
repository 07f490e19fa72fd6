//! What was signed, so that people can compare it with what the platform expects. Secrets are hidden.

/// The steps of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The scheme.
    pub scheme: &'static str,
    /// Names and values, in the order in which they were made; secrets in them are `‹name›`.
    pub steps: Vec<(&'static str, String)>,
}

impl Trace {
    pub(super) fn of(scheme: &'static str) -> Self {
        Self { scheme, steps: Vec::new() }
    }

    pub(super) fn step(mut self, what: &'static str, value: impl Into<String>) -> Self {
        self.steps.push((what, value.into()));
        self
    }
}

/// A text to sign, and the same text with its secrets hidden.
#[derive(Default)]
pub(super) struct Material {
    pub(super) bytes: Vec<u8>,
    pub(super) shown: String,
}

impl Material {
    pub(super) fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self.shown.push_str(text);
        self
    }

    pub(super) fn secret(mut self, name: &str, secret: &str) -> Self {
        self.bytes.extend_from_slice(secret.as_bytes());
        self.shown.push_str(&format!("‹{name}›"));
        self
    }

    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.bytes.extend_from_slice(body);
        match str::from_utf8(body) {
            Ok(text) => self.shown.push_str(text),
            Err(_) => self.shown.push_str(&format!("‹{} bytes›", body.len())),
        }
        self
    }
}
