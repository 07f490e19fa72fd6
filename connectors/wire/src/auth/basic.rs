//! The two plain uses of the header `Authorization`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Trace};

/// User and password (RFC 7617).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user; no colon can be in it.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Basic {
    pub(super) fn sign(&self, request: &mut Request) -> Trace {
        request.set_header("authorization", self.header());
        Trace::of("basic").step("authorization", format!("Basic ‹{} and password›", self.user))
    }

    pub(super) fn header(&self) -> String {
        let both = format!("{}:{}", self.user, self.password.expose());
        format!("Basic {}", STANDARD.encode(both))
    }
}

/// A token (RFC 6750 §2.1).
pub(super) fn bearer(token: &Secret, request: &mut Request) -> Trace {
    request.set_header("authorization", format!("Bearer {}", token.expose()));
    Trace::of("bearer").step("authorization", "Bearer ‹token›")
}
