//! Signs in: sends a request whose answer has a token, or sets cookies, for all other requests.
//!
//! It is a request of its own and not a scheme of `auth`, because it needs what only requests have: bodies of any
//! form, charsets, documents within the answer, and rules for what the answer means. So a channel may have both: the
//! token is put into a request first, and then `auth` signs it.

use std::{collections::BTreeMap, time::Duration};

use chrono_tz::Tz;
use connector_wire::{
    auth::{self, Auth, Destination, HeldToken, Scheme, SigningContext, SigningSteps, hide_forms},
    reason::{quote, reason, visible},
};
use contract::{Fault, Period, Secret, Timestamp};
use document::{Path, TimeFormat, scalar_text};
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    client::{Answer, FetchError},
    config::{CallConfig, Config},
    fetch,
    kept::Brought,
    placeholder::Names,
    plan::{Plan, Zones, time_format},
    request::{Call, Request},
    rules::{AnswerView, FaultRule, Meaning, Rule, Rules, soap_reason},
};

/// The next token is fetched this long before one expires, but not before half of its lifetime.
const MARGIN: Duration = Duration::from_secs(60);
/// Maximum length of a token in bytes.
const MAX_TOKEN: usize = 16 * 1024;

/// A request that signs in. It is sent before the first other request, when its token expires, and once more when the
/// source refuses a token that it had accepted: with status 401 or 403, or by a rule of the kind `refresh` in
/// [[http.fault]].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginConfig {
    /// The request.
    #[serde(flatten)]
    call: CallConfig,
    /// Its secret parameters, such as the password, by their names: fields of `form`, members of `json`, where `a.b`
    /// is `b` in `a`, or what replaces `{{ name }}` in `body`. Without a body, they are parameters of the query.
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    /// How the login itself is authenticated, for example signed.
    #[serde(default)]
    auth: Scheme,
    /// The values of the answer that all other requests carry. Without any, only its cookies count.
    #[serde(default)]
    tokens: Vec<Token>,
    /// How long the tokens or cookies last: a period like `2h`, or where the answer says it, like
    /// `{ at = "$.expires_in" }`. Without it, they are used until the source refuses them.
    lifetime: Option<Lifetime>,
    /// Which answers are successes; by default, those with status 2xx that have all `tokens`.
    success: Option<Rule>,
    /// Which answers mean another fault than a refusal. A refused login stops the channel, so that an account with a
    /// wrong password is not locked: for a server that is only busy, write
    /// `{ at = "$.errcode", equals = -1, kind = "transient" }`. The statuses 408, 425, 429 and 5xx are no refusals, but
    /// a SOAP fault is one, whatever its status is.
    #[serde(default)]
    fault: Vec<FaultRule>,
}

/// A value of the answer to a login, and where other requests carry it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Token {
    /// Where the value is in the answer; `$` if it is the whole answer, which may then be plain text.
    at: Option<Path>,
    /// The header of the answer that contains the value; set this or `at`.
    header: Option<String>,
    /// Where it is put.
    put: Destination,
    /// The text before it, such as `Bearer ` with its blank.
    #[serde(default)]
    prefix: String,
}

/// How long a login lasts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Lifetime {
    /// This long.
    For(Period),
    /// As long as the answer says.
    Stated(StatedLifetime),
}

/// Where an answer says how long the login lasts, and in which form.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StatedLifetime {
    /// Where the answer has it.
    at: Path,
    /// The unit of a number; by default, seconds.
    unit: Option<LifetimeUnit>,
    /// How a time is written, like `%Y-%m-%d %H:%M:%S`, or `%s%3f` for milliseconds since 1970. Without it, the value is
    /// a number of units.
    format: Option<String>,
    /// The time zone of `format`; by default, the zone of the configuration.
    #[schemars(with = "Option<String>", extend("format" = "timezone"))]
    zone: Option<Tz>,
}

/// The unit of a lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LifetimeUnit {
    /// Milliseconds.
    Ms,
    /// Seconds.
    #[default]
    S,
    /// Minutes.
    M,
    /// Hours.
    H,
}

/// A login, and the tokens that it has brought.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) call: Call,
    config: LoginConfig,
    rules: Rules,
    auth: Auth,
    /// How the end of a login is written, if the answer says it as a time.
    end_format: Option<TimeFormat>,
    /// The values of `tokens`, in their order, and when the next login is due.
    held: HeldToken<Vec<Secret>>,
    /// What the last login has brought, for the connector after this one.
    brought: Option<Brought>,
}

impl Login {
    /// Checks the settings, without using the network.
    pub(crate) fn new(config: &LoginConfig, channel: &Config, zone: Tz) -> Result<Self, Fault> {
        let at_login = |fault: Fault| fault.at("http.login");
        let stopped = |what: &str, remedy: &str| at_login(Fault::stopped(what).remedy(remedy));
        let auth = Auth::build(config.auth.clone()).map_err(at_login)?;
        if auth.token_address().is_some() || auth.mtls().is_some() || auth.answers_challenges() {
            let what =
                "`auth` of a login cannot fetch a token, answer a challenge or use a certificate";
            let remedy = "use a scheme that needs nothing but its settings, like `sign` or `basic`";
            return Err(stopped(what, remedy));
        }
        if config.tokens.iter().any(|token| token.at.is_some() == token.header.is_some()) {
            return Err(stopped("the place of a token is not clear", "set `at` or `header`"));
        }
        let end_format = match &config.lifetime {
            Some(Lifetime::Stated(StatedLifetime {
                unit,
                format: Some(format),
                zone: set,
                ..
            })) => {
                if unit.is_some() {
                    return Err(stopped(
                        "`lifetime` is a number and a time",
                        "set `unit` or `format`, not both",
                    ));
                }
                let zones = Zones { set: *set, default: zone };
                Some(time_format(format, zones, "http.login")?)
            }
            _ => None,
        };
        let names = Names::all(config.secrets.keys());
        let call = Call::new(&config.call, None, &channel.content_type, channel.insecure, &names);
        let call = call.map_err(at_login)?;
        call.check_auth(&auth).map_err(at_login)?;
        if config.secrets.keys().any(|name| call.has_placeholder(name)) {
            return Err(stopped(
                "a placeholder of a secret stands outside of `body`",
                "remove it: the secret is sent by its name",
            ));
        }
        if let Some(name) = config.secrets.keys().find(|name| call.lacks_placeholder(name)) {
            let what = format!("`body` has no placeholder for the secret `{name}`");
            return Err(stopped(&what, &format!("write {{{{ {name} }}}} in it where it belongs")));
        }
        if config.fault.iter().any(FaultRule::is_refresh) {
            let what = "the answer to a login has no token yet that could be fetched again";
            return Err(stopped(what, "write another `kind` in `fault` of [http.login]"));
        }
        Ok(Self {
            call,
            rules: Rules::for_login(config.success.clone(), config.fault.clone()),
            config: config.clone(),
            auth,
            end_format,
            held: HeldToken::default(),
            brought: None,
        })
    }

    /// Where the request goes.
    pub(crate) fn url(&self) -> &reqwest::Url {
        &self.call.url
    }

    /// Whether other requests carry a token in a field of their body.
    pub(crate) fn puts_field(&self) -> bool {
        self.config.tokens.iter().any(|token| matches!(token.put, Destination::Field(_)))
    }

    /// Whether the next login is not due yet.
    pub(crate) fn is_valid(&self, now: Timestamp) -> bool {
        self.held.valid(now).is_some()
    }

    /// Whether only cookies count.
    pub(crate) fn is_by_cookies(&self) -> bool {
        self.config.tokens.is_empty()
    }

    /// The query parameters in which other requests carry a token.
    pub(crate) fn secret_params(&self) -> impl Iterator<Item = &str> {
        self.config.tokens.iter().filter_map(|token| match &token.put {
            Destination::Param(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The request, signed, and the same without anything secret.
    pub(crate) fn request(
        &self,
        context: &SigningContext,
    ) -> Result<(Request, Request, SigningSteps), Fault> {
        let secrets = self.config.secrets.iter();
        let secrets = secrets.map(|(name, value)| (name.clone(), Value::from(value.expose())));
        let request = self.call.request(&secrets.collect::<Vec<_>>(), None)?;
        let mut signed = request.to_auth();
        let steps = self.auth.sign(&mut signed, context)?;
        // The text that is signed may have the password among its parameters.
        let steps = SigningSteps {
            steps: steps.steps.into_iter().map(|(name, text)| (name, self.hide(&text))).collect(),
            ..steps
        };
        let shown = Request { method: request.method, ..Request::get(self.call.url.clone()) };
        Ok((request.with_auth(signed), shown, steps))
    }

    /// Whether a status is an answer even if it is that of a redirect.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        self.rules.has_status(None, status)
    }

    /// Puts `…` in the place of tokens in the headers of an answer.
    pub(crate) fn hide_tokens(&self, headers: &mut BTreeMap<String, String>) {
        for name in self.config.tokens.iter().filter_map(|token| token.header.as_ref()) {
            if let Some(value) = headers.get_mut(&name.to_lowercase()) {
                "…".clone_into(value);
            }
        }
    }

    /// Reads the answer. `has_cookies` says whether any cookie of the source is held: a login may as well accept a
    /// session that the source has begun before.
    pub(crate) fn read(
        &mut self,
        plan: &Plan,
        answer: &Answer,
        has_cookies: bool,
        now: Timestamp,
    ) -> Result<(), FetchError> {
        let (text, tree) = fetch::parse_own(plan, &self.call, answer);
        let view = AnswerView {
            status: answer.status,
            content_type: answer.headers.get("content-type").map(String::as_str),
            text: &text,
            tree: tree.as_ref().ok(),
            retry_after: answer.retry_after,
            via_proxy: false,
        };
        // A form answers with the redirect of a browser to the page behind the login.
        let is_redirect = (300..400).contains(&answer.status);
        let is_let_in = self.config.success.is_none()
            && self.is_by_cookies()
            && is_redirect
            && !answer.is_login;
        // Many servers answer a wrong password with the fault `Server`, which would be repeated.
        let is_soap_fault = soap_reason(view).is_some() && !self.rules.explain(view);
        match self.rules.judge(None, view) {
            Meaning::Success | Meaning::Nothing => {}
            Meaning::Fault(_) if is_let_in => {}
            Meaning::Fault(fault) if !fault.is_stopped() && !is_soap_fault => {
                return Err(fault.at("http.login").into());
            }
            _ => return Err(self.refusal(view, "the source refuses the login").into()),
        }
        if self.is_by_cookies() && (!has_cookies || answer.is_login) {
            let what = "the login has brought no cookies";
            return Err(self.refusal(view, what).into());
        }
        let mut values = Vec::new();
        for token in &self.config.tokens {
            let (value, place) = token.find(answer, view);
            let value = value.filter(|value| (1..=MAX_TOKEN).contains(&value.len()));
            if value.as_ref().is_some_and(|value| !token.can_carry(value)) {
                let what = format!(
                    "the token at {place} in the answer to the login has a line break or another character that no \
                     header can carry"
                );
                let fault = Fault::stopped(what).at("http.login");
                return Err(fault
                    .remedy("correct the place of the token in `tokens` of [http.login]")
                    .into());
            }
            values.push(value.map(Secret::new).ok_or_else(|| {
                self.refusal(view, &format!("the answer to the login has no token at {place}"))
            })?);
        }
        let lifetime = self.lifetime(view.tree, now);
        self.brought = Some(Brought::new(values.clone(), lifetime, now));
        self.held.replace(values, lifetime, MARGIN, now);
        Ok(())
    }

    /// What the last login has brought.
    pub(crate) fn brought(&self) -> Option<&Brought> {
        self.brought.as_ref()
    }

    /// Uses what an earlier connector has brought. It may have ended since, so that a refusal means a new login.
    pub(crate) fn adopt(&mut self, brought: Brought) {
        self.held.replace(brought.values.clone(), brought.lifetime, MARGIN, brought.at);
        self.held.confirm();
        self.brought = Some(brought);
    }

    /// What distinguishes this login from others: its settings and its secrets.
    pub(crate) fn fingerprint(&self) -> String {
        let mut digest = Sha256::new_with_prefix(format!("{:?}", self.config));
        for secret in self.config.secrets.values() {
            digest.update([0]);
            digest.update(secret.expose());
        }
        hex::encode(digest.finalize())
    }

    /// Puts the tokens into a request.
    pub(crate) fn apply(&self, request: &mut auth::Request) -> Result<(), Fault> {
        let values = self.held.secret().into_iter().flatten();
        for (token, value) in self.config.tokens.iter().zip(values) {
            token.put.set_value(request, &format!("{}{}", token.prefix, value.expose()))?;
        }
        Ok(())
    }

    pub(crate) fn confirm(&mut self) {
        self.held.confirm();
    }

    /// Returns whether to sign in again at once.
    pub(crate) fn discard(&mut self) -> bool {
        self.brought.iter().for_each(Brought::note_refused);
        self.held.discard()
    }

    /// A text without the secrets of the login, and without its tokens.
    pub(crate) fn hide(&self, text: &str) -> String {
        let tokens = self.held.secret().into_iter().flatten();
        let secrets = self.config.secrets.values().chain(tokens);
        let secrets = secrets.map(|secret| secret.expose().to_owned());
        hide_forms(&self.auth.hide(text), secrets.collect())
    }

    /// A refusal, with the reason and the code that the answer gives, and nothing else of it.
    fn refusal(&self, view: AnswerView<'_>, what: &str) -> Fault {
        let mut what = format!("{what} (status {})", view.status);
        let rule = self.config.success.as_ref();
        if let Some((value, at)) = rule.and_then(|rule| rule.value(view)) {
            what = format!("{what}; {} is at {at}", quote(&value));
        }
        let soap = || {
            let (code, why) = soap_reason(view)?;
            Some(format!("{why} (SOAP fault {})", visible(&code)))
        };
        if let Some(reason) = view.tree.and_then(reason).or_else(soap) {
            what = format!("{what}: {reason}");
        }
        Fault::stopped(self.hide(&what)).at("http.login").remedy(
            "check `secrets` and the other settings of [http.login], and the clock of this machine; if the server \
             is only busy, say so in `fault` of [http.login]",
        )
    }

    /// How long the login lasts, as far as that is known.
    fn lifetime(&self, tree: Option<&Value>, now: Timestamp) -> Option<Duration> {
        let stated = match self.config.lifetime.as_ref()? {
            Lifetime::For(period) => return Some(period.0),
            Lifetime::Stated(stated) => stated,
        };
        let text = stated.at.text(tree?)?;
        if let Some(format) = &self.end_format {
            return (format.read(&text)? - now).to_std().ok().filter(|left| !left.is_zero());
        }
        let number: u64 = text.trim().parse().ok().filter(|number| *number > 0)?;
        match stated.unit.unwrap_or_default() {
            LifetimeUnit::Ms => Some(Duration::from_millis(number)),
            LifetimeUnit::S => Some(Duration::from_secs(number)),
            LifetimeUnit::M => number.checked_mul(60).map(Duration::from_secs),
            LifetimeUnit::H => number.checked_mul(3600).map(Duration::from_secs),
        }
    }
}

impl Token {
    /// Whether other requests can carry this value where it is put.
    fn can_carry(&self, value: &str) -> bool {
        let is_in_header = matches!(self.put, Destination::Header(_) | Destination::Cookie(_));
        !is_in_header || HeaderValue::from_str(&format!("{}{value}", self.prefix)).is_ok()
    }

    /// Its value in an answer, and the name of its place.
    fn find(&self, answer: &Answer, view: AnswerView<'_>) -> (Option<String>, String) {
        if let Some(name) = &self.header {
            let value = answer.headers.get(&name.to_lowercase());
            return (value.cloned(), format!("header {name}"));
        }
        let Some(at) = &self.at else { return (None, String::new()) };
        let is_whole = at.as_str() == "$";
        let value = match view.tree {
            Some(tree) => at.first(tree).and_then(scalar_text),
            // A page is no token.
            None => is_whole.then(|| view.text.trim().to_owned()).filter(|text| is_word(text)),
        };
        (value, at.as_str().to_owned())
    }
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic() && c != '<')
}
