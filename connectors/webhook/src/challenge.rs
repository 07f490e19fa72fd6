//! The challenge of a platform: before it sends records, it asks whether somebody receives them there. It sends a text,
//! and expects it back.

use std::collections::BTreeMap;

use connector_wire::guard::check_secret;
use contract::{Answer, Asks, Challenge, Fault, Secret};
use form_urlencoded::parse;
use http::{Method, request::Parts};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::json;

/// Maximum size of a body with a challenge, in bytes.
const MAX_BODY_BYTES: usize = 4 << 10;
/// Maximum number of characters of the text that is sent back.
const MAX_TEXT: usize = 256;
const MALFORMED: &str = "the challenge is not a text of 1 to 256 letters, digits and -_.~+/=";

/// What a platform asks before it sends records. A challenge is authenticated as records are, unless it has a token of its
/// own. What comes back is text or JSON, and only letters, digits and `-_.~+/=`, at most 256 of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeForm {
    /// The query parameter of a GET request whose value is sent back as text, like `echostr` or `hub.challenge`.
    pub(crate) param: Option<String>,
    /// The member of a JSON body whose value is sent back as JSON under the same name, like `challenge`. Set `param` or
    /// this, and `when` with it.
    pub(crate) member: Option<String>,
    /// The parameters or members by which a challenge is recognised, like `{ type = "url_verification" }`. A body that has
    /// them is no record.
    #[serde(default)]
    pub(crate) when: BTreeMap<String, String>,
    /// A secret in the challenge itself, for a platform that signs records and not its challenge. It takes the place
    /// of `auth` there.
    pub(crate) token: Option<ChallengeToken>,
}

/// A secret in a challenge.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeToken {
    /// The parameter or member that contains it, like `hub.verify_token`.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// The secret.
    pub(crate) value: Secret,
}

impl ChallengeForm {
    /// Checks the settings.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let fault = |what, remedy| Err(Fault::stopped(what).at("challenge").remedy(remedy));
        match (&self.param, &self.member) {
            (Some(_), Some(_)) => {
                fault("a challenge is in a parameter or in a member", "set one of them, not both")
            }
            (None, None) => fault("it is not said where a challenge is", "set `param` or `member`"),
            (None, Some(_)) if self.when.is_empty() => fault(
                "a record could be taken for a challenge, and be lost",
                "say in `when` what only a challenge has, like { type = \"url_verification\" }",
            ),
            _ => Ok(()),
        }
    }

    /// How the platform asks.
    pub(crate) fn asks(&self) -> Asks {
        match (&self.param, &self.token) {
            (Some(_), _) => Asks::WithGet,
            (None, Some(_)) => Asks::WithToken,
            (None, None) => Asks::Never,
        }
    }

    /// What a request asks; `admitted` says whether it is authentic by `auth`.
    pub(crate) fn challenge(
        &self,
        head: &Parts,
        body: &[u8],
        admitted: Result<(), &'static str>,
    ) -> Challenge {
        let is_get = head.method == Method::GET;
        let (name, fields) = match (&self.param, &self.member) {
            (Some(name), _) if is_get => (name, Some(parameters(head))),
            (_, Some(name)) if !is_get => (name, members(body)),
            _ => return Challenge::None,
        };
        let Some(fields) = fields else { return Challenge::None };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let is_meant = self.when.iter().all(|(name, value)| text(name) == Some(value));
        if !is_meant || !fields.contains_key(name) {
            return Challenge::None;
        }
        let proof = match &self.token {
            None => admitted,
            Some(token) => check_secret(text(&token.name).unwrap_or_default(), &token.value)
                .map_err(|_| "the token of the challenge is wrong"),
        };
        if let Err(why) = proof {
            return Challenge::Unproven(why);
        }
        match text(name).filter(|text| is_harmless(text)) {
            None => Challenge::Unfit(MALFORMED),
            Some(text) if is_get => {
                let body = text.to_owned().into();
                Challenge::Answered(Answer { content_type: "text/plain; charset=utf-8", body })
            }
            Some(text) => {
                let object = Map::from_iter([(name.clone(), Value::from(text))]);
                let body = json(&object).into();
                Challenge::Answered(Answer { content_type: "application/json", body })
            }
        }
    }
}

/// Whether a text can be sent back: no program takes it for anything but a text.
fn is_harmless(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The parameters of a query. One that occurs twice is not a text.
fn parameters(head: &Parts) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, value) in parse(head.uri.query().unwrap_or_default().as_bytes()) {
        let value = if parameters.contains_key(&*name) { Value::Null } else { (*value).into() };
        parameters.insert(name.into_owned(), value);
    }
    parameters
}

/// The members of a body; `None` if it is not a small JSON object.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    (body.len() <= MAX_BODY_BYTES).then(|| serde_json::from_slice(body).ok()).flatten()
}

#[cfg(test)]
mod tests;
