//! HTTP Digest access authentication (RFC 7616, and the older RFC 2617 and 2069).
//!
//! The source sends a challenge with status 401, and the request is repeated with an answer to it: a digest that
//! covers the password. A challenge is answered in the next requests too, which are counted, until the source sends
//! another one. Each origin has its own.

mod answer;
mod held;
mod offer;

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::held::Challenges;
use super::{
    SigningSteps,
    challenge::{self, Challenge},
};
use crate::reason::quote;

/// User and password for HTTP Digest. The password itself is never sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDigest {
    /// The user. One that is not ASCII is sent in UTF-8.
    user: String,
    /// The password.
    password: Secret,
}

/// A request as it is sent, without its headers.
#[derive(Debug, Clone, Copy)]
pub struct SentRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path and the query, exactly as they are sent.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The place of faults that concern all requests of a channel.
const PLACE: &str = "http.auth";

impl HttpDigest {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if !self.user.chars().any(char::is_control) {
            return Ok(());
        }
        Err(Fault::stopped("the user contains a character that no header may have")
            .at("auth.digest")
            .remedy("check `user` for line breaks and tabs"))
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.password.expose().to_owned()]
    }

    /// What a refusal means if the source has sent no challenge for this scheme, or refuses the answer to it.
    pub(super) fn explain(header: &str, fault: Fault) -> Fault {
        if header.len() > challenge::MAX_BYTES {
            let kib = challenge::MAX_BYTES / 1024;
            let what = format!("the challenge of the source is longer than {kib} KiB (status 401)");
            let remedy = "ask the owner of the source why it is so long";
            return Fault::stopped(what).at(PLACE).remedy(remedy);
        }
        let offered = Challenge::all(header);
        if offered.iter().any(|one| one.is("digest")) {
            // It has a remedy, which says what to check.
            return fault.at(PLACE);
        }
        let (what, remedy) = if offered.iter().any(|one| one.is("basic")) {
            let remedy = "if the password may be sent itself, write `basic` in the place of `digest` in `auth`";
            ("the source offers Basic, and not Digest".to_owned(), remedy)
        } else if offered.is_empty() {
            let remedy =
                "ask the owner of the source how requests are authenticated, and correct `auth`";
            ("the source refuses the request, and sends no challenge".to_owned(), remedy)
        } else {
            let names: Vec<String> = offered.iter().take(4).map(|one| quote(&one.scheme)).collect();
            let remedy = "use the scheme of `auth` that the source wants";
            (format!("the source offers {}, and not Digest", names.join(" and ")), remedy)
        };
        Fault::stopped(format!("{what} (status 401)")).at(PLACE).remedy(remedy)
    }

    /// The value of the header `Authorization` for this request, and how it was made; without a value if the source
    /// has sent no challenge yet.
    pub(super) fn answer(
        &self,
        held: &mut Challenges,
        origin: &str,
        request: SentRequest<'_>,
    ) -> (Option<String>, SigningSteps) {
        let steps = SigningSteps::new("digest");
        let Some(held) = held.0.get_mut(origin) else {
            return (
                None,
                steps.step("authorization", "none yet: the source sends a challenge first"),
            );
        };
        held.count = held.count.wrapping_add(1);
        held.is_open = true;
        let (value, steps) = self.authorization(held, request, steps);
        (Some(value), steps)
    }
}

#[cfg(test)]
mod tests;
