//! Fetches tokens by OAuth 2: with client credentials (RFC 6749 §4.4), with the password of a user (§4.3), or with a
//! refresh token (§6).

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{Fault, Period, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{FetchedToken, Request, SigningSteps, TokenRequest};
use crate::{reason::reason, secrets::is_certain_name};

/// How a token is fetched from a token server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// The address of the token server.
    #[schemars(extend("allow" = "address"))]
    pub token_url: String,
    /// The client id.
    pub client_id: String,
    /// The client secret; without it, only the id is sent, in the form.
    pub client_secret: Option<Secret>,
    /// The user whose password is sent (the grant `password`).
    pub username: Option<String>,
    /// The password of that user.
    pub password: Option<Secret>,
    /// A refresh token that does not change when it is used (the grant `refresh_token`).
    pub refresh_token: Option<Secret>,
    /// Further fields of the form, such as `audience`; they are no secrets.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The scope, if the server wants one; several are separated by spaces.
    pub scope: Option<String>,
    /// Where the id and the secret are sent.
    #[serde(default)]
    pub credentials: Credentials,
    /// The next token is fetched this long before one expires, but not before half of its lifetime.
    #[serde(default = "Period::seconds::<60>")]
    pub margin: Period,
}

/// Where the client id and the client secret are sent (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// In the header `Authorization`.
    #[default]
    Header,
    /// In the form in the body.
    Body,
}

impl Oauth2 {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if let Some(name) = self.fields.keys().find(|name| is_certain_name(name)) {
            let what = format!("in `fields`, the value of {name} is a secret in plain text");
            return Err(Fault::stopped(what).at("auth.oauth2").remedy(
                "write it as `client_secret`, `password` or `refresh_token`; if it is none of them, write \
                 [http.login] with `secrets` instead of `oauth2`",
            ));
        }
        let (what, remedy) = if self.username.is_some() != self.password.is_some() {
            ("a user has no password, or a password no user", "set both `username` and `password`")
        } else if self.password.is_some() && self.refresh_token.is_some() {
            ("the token is asked for in two ways", "set `password` or `refresh_token`, not both")
        } else {
            return Ok(());
        };
        Err(Fault::stopped(what).at("auth.oauth2").remedy(remedy))
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = [&self.client_secret, &self.password, &self.refresh_token];
        let secrets = secrets.into_iter().flatten().map(|secret| secret.expose().to_owned());
        secrets.chain(self.basic()).collect()
    }

    /// Id and secret in Base64. They are encoded like form fields before they are joined.
    fn basic(&self) -> Option<String> {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = self.client_secret.as_ref()?.expose();
        Some(STANDARD.encode(format!("{}:{}", encode(&self.client_id), encode(secret))))
    }

    pub(super) fn token_request(&self) -> TokenRequest {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let grant = match (&self.username, &self.password, &self.refresh_token) {
            (Some(user), Some(password), _) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", user).append_pair("password", password.expose());
                "password"
            }
            (.., Some(token)) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", token.expose());
                "refresh_token"
            }
            _ => {
                form.append_pair("grant_type", "client_credentials");
                "client_credentials"
            }
        };
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.extend_pairs(&self.fields);
        let mut request = Request { method: "POST".to_owned(), ..Request::default() };
        request.set_header("content-type", "application/x-www-form-urlencoded");
        request.set_header("accept", "application/json");
        let id = &self.client_id;
        match (self.credentials, self.basic()) {
            (Credentials::Header, Some(basic)) => {
                request.set_header("authorization", format!("Basic {basic}"));
            }
            _ => {
                form.append_pair("client_id", id);
                if let Some(secret) = &self.client_secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        request.body = form.finish().into_bytes();
        let steps = SigningSteps::new("oauth2").step("grant", grant);
        let steps = steps.step("client", format!("{id}:‹client_secret›"));
        TokenRequest { url: self.token_url.clone(), request, steps }
    }

    pub(super) fn read_token(
        &self,
        status: u16,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<FetchedToken, Fault> {
        let answer = parse_token_answer(status, answer, "the token server")?;
        let token = answer["access_token"].as_str().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            no_token(&answer, "the answer of the token server contains no token")
                .remedy(
                    "check `token_url`, `client_id` and `client_secret`; if the token has another name or place, \
                     write [http.login] instead of `oauth2`",
                )
        })?;
        let seconds = match &answer["expires_in"] {
            Value::String(text) => text.trim().parse::<u64>().ok(),
            number => number.as_u64(),
        };
        let lifetime = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Ok(FetchedToken::new(Secret::new(token), lifetime, self.margin.0, now))
    }
}

/// Parses an answer of `server` with a token. A fault repeats only the reason that the answer gives: the
/// rest may contain secrets.
pub(super) fn parse_token_answer(status: u16, answer: &[u8], server: &str) -> Result<Value, Fault> {
    let answer = serde_json::from_slice(without_bom(answer));
    let why = answer.as_ref().ok().and_then(reason).map(|why| format!(": {why}"));
    let why = why.unwrap_or_default();
    let what = format!("{server} answers with status {status}{why}");
    match status {
        200..300 => {
            answer.map_err(|_| Fault::transient(format!("the answer of {server} is not JSON")))
        }
        400 | 401 | 403 => {
            let what = format!("{server} refuses the credentials with status {status}{why}");
            Err(Fault::stopped(what).remedy("check the secrets that `auth` names"))
        }
        408 | 429 | 500.. => Err(Fault::transient(what)),
        _ => Err(Fault::stopped(what).remedy("check the address in `auth`")),
    }
}

/// The fault of an answer without a token. A server that gives a reason with status 200 may be overloaded,
/// unless it names an error of RFC 6749 §5.2.
pub(super) fn no_token(answer: &Value, what: &str) -> Fault {
    let code = answer["error"].as_str().unwrap_or_default();
    match reason(answer) {
        Some(why) if code.starts_with("invalid_") || code.starts_with("un") => {
            Fault::stopped(format!("{what}: {why}"))
        }
        Some(why) => Fault::transient(format!("{what}: {why}")),
        None => Fault::stopped(what),
    }
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
