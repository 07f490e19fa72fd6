//! User and password in the header of a SOAP envelope: OASIS WS-Security UsernameToken Profile 1.0 and 1.1.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use contract::{Fault, Period, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Algorithm, DigestFormat, Request, SigningContext, SigningSteps, soap::HeaderPlace,
    steps::DigestInput,
};

/// The beginning of the names of the standard.
const OASIS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
/// How long a message is valid if the settings do not say so.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Maximum lifetime of a message, in seconds.
const MAX_LIFETIME: u64 = 86_400;

/// User and password in the header `wsse:Security` of the SOAP envelope in `body`, which may be one of SOAP 1.1 or 1.2,
/// with or without a header of its own. Every request gets its own nonce and time, by the clock of the source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WsSecurity {
    /// The user.
    user: String,
    /// The password.
    password: Secret,
    /// How the password is sent.
    #[serde(default)]
    kind: PasswordKind,
    /// Whether a nonce and a time are sent too; by default, only with a digest, which needs them. Some sources want
    /// them beside a password as well.
    nonce: Option<bool>,
    /// Whether the header says when the message was made and when it expires (`wsu:Timestamp`).
    #[serde(default)]
    timestamp: bool,
    /// How long the message is valid, with `timestamp`; by default, five minutes.
    #[schemars(extend("formatMinimum" = "1s", "formatMaximum" = "1d"))]
    lifetime: Option<Period>,
}

/// How a password is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordKind {
    /// As a digest of the nonce, the time and the password (`PasswordDigest`).
    #[default]
    Digest,
    /// As it is (`PasswordText`): anyone who can read the request can read it, so the source needs TLS.
    Text,
}

impl WsSecurity {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let lifetime = self.lifetime.map(|lifetime| lifetime.0.as_secs());
        let (what, remedy) = if self.kind == PasswordKind::Digest && self.nonce == Some(false) {
            ("a digest needs a nonce", "remove `nonce`, or set kind = \"text\"")
        } else if lifetime.is_some() && !self.timestamp {
            ("only a timestamp has a lifetime", "set timestamp = true, or remove `lifetime`")
        } else if lifetime.is_some_and(|seconds| !(1..=MAX_LIFETIME).contains(&seconds)) {
            ("the lifetime of a message is 1s to 1d", "set `lifetime` to a period like 5m")
        } else if [self.user.as_str(), self.password.expose()].into_iter().any(has_control) {
            let remedy = "check the user and the password for line breaks and tabs";
            ("the user or the password contains a character that XML does not allow", remedy)
        } else {
            return Ok(());
        };
        Err(Fault::stopped(what).at("auth.ws_security").remedy(remedy))
    }

    pub(super) fn check_body(body: Option<&str>) -> Result<(), Fault> {
        match body {
            // Only the file is searched: a value that is put into it may have this name, and is no header.
            Some(body) if body.contains("oasis-200401-wss-wssecurity-secext-") => {
                Err(Fault::stopped("`body` has a header `Security` already")
                    .at("body")
                    .remedy("remove it from the file: `auth` adds it to every request"))
            }
            Some(body) => HeaderPlace::find(body.as_bytes()).map_err(no_place).map(|_| ()),
            None => Err(no_place("there is none")),
        }
    }

    /// User and password, also in the forms in which a source may repeat them.
    pub(super) fn secrets(&self) -> Vec<String> {
        let both = [self.user.as_str(), self.password.expose()];
        both.into_iter().flat_map(|text| [text.to_owned(), xml_text(text)]).collect()
    }

    pub(super) fn sign(
        &self,
        request: &mut Request,
        context: &SigningContext,
    ) -> Result<SigningSteps, Fault> {
        let place = HeaderPlace::find(&request.body).map_err(no_place)?;
        let steps = SigningSteps::new("ws_security");
        let (header, steps) = self.header(&place, context, steps);
        place.put(&mut request.body, &header);
        Ok(steps)
    }

    /// The header, and how it was made.
    fn header(
        &self,
        place: &HeaderPlace,
        context: &SigningContext,
        mut steps: SigningSteps,
    ) -> (String, SigningSteps) {
        let created = utc(context.now);
        let nonce = STANDARD.encode(context.nonce);
        let (prefix, declared) = match place.prefix.as_str() {
            // An attribute is in a namespace only by a prefix.
            "" => ("soap", format!(" xmlns:soap=\"{}\"", place.namespace)),
            prefix => (prefix, String::new()),
        };
        let mut header = DigestInput::default().text(&format!(
            "<wsse:Security{declared} xmlns:wsse=\"{OASIS}-wssecurity-secext-1.0.xsd\" \
             xmlns:wsu=\"{OASIS}-wssecurity-utility-1.0.xsd\" {prefix}:mustUnderstand=\"1\">"
        ));
        if self.timestamp {
            let lifetime = self.lifetime.map_or(DEFAULT_LIFETIME, |lifetime| lifetime.0);
            let lifetime = TimeDelta::from_std(lifetime);
            let end = lifetime.ok().and_then(|lifetime| context.now.checked_add_signed(lifetime));
            let expires = utc(end.unwrap_or(context.now));
            header = header.text(&format!(
                "<wsu:Timestamp><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires>\
                 </wsu:Timestamp>"
            ));
        }
        let (kind, name, password) = match self.kind {
            PasswordKind::Text => ("PasswordText", "password", xml_text(self.password.expose())),
            PasswordKind::Digest => {
                let mut input = DigestInput::default();
                input.bytes.extend_from_slice(&context.nonce);
                input.redacted.push_str("‹bytes of the nonce›");
                let input = input.text(&created).secret("password", self.password.expose());
                steps = steps.step("string to digest", input.redacted);
                // Whoever sees the digest itself could try passwords.
                let digest = Algorithm::Sha1.written(DigestFormat::Base64, &[], &input.bytes);
                ("PasswordDigest", "digest", digest)
            }
        };
        header = header
            .text("<wsse:UsernameToken><wsse:Username>")
            .secret("user", &xml_text(&self.user))
            .text(&format!(
                "</wsse:Username><wsse:Password Type=\"{OASIS}-username-token-profile-1.0#{kind}\">"
            ))
            .secret(name, &password)
            .text("</wsse:Password>");
        if self.nonce.unwrap_or(self.kind == PasswordKind::Digest) {
            header = header.text(&format!(
                "<wsse:Nonce EncodingType=\"{OASIS}-soap-message-security-1.0#Base64Binary\">{nonce}</wsse:Nonce>\
                 <wsu:Created>{created}</wsu:Created>"
            ));
        }
        let DigestInput { bytes, redacted } = header.text("</wsse:UsernameToken></wsse:Security>");
        // It is made of texts only.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (text, steps.step("header", redacted))
    }
}

fn no_place(why: &str) -> Fault {
    Fault::stopped(format!("`ws_security` needs a SOAP envelope in `body`: {why}"))
        .at("body")
        .remedy("name a file with the whole envelope in `body`, not encoded in UTF-16")
}

/// A time in UTC. Some sources refuse another zone, and parts of seconds.
fn utc(time: Timestamp) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// A text within XML, in characters that each charset has.
fn xml_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => escaped.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
