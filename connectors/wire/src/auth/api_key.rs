//! A fixed key.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Trace};

/// A fixed key in a header or a parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header that takes it, like `X-Api-Key`.
    #[serde(default)]
    pub header: Option<String>,
    /// Or the parameter in the address.
    #[serde(default)]
    pub param: Option<String>,
    /// The key.
    pub key: Secret,
}

impl ApiKey {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match (&self.header, &self.param) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err(Fault::stopped("an `api_key` stands in one place")
                .remedy("write one of `header` and `param`")),
        }
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
