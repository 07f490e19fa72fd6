//! Decides what an answer means, by its body and not only by its status. The functions are pure.

use std::time::Duration;

use connector_wire::reason::{quote, reason, visible};
use contract::{Fault, Period};
use document::{Path, scalar_text};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The pause if neither the answer nor the channel says how long it is.
const DEFAULT_PAUSE: Duration = Duration::from_secs(30);

/// Maximum length in bytes of an answer without a format that is quoted as the reason for a failure.
const MAX_PLAIN_REASON: usize = 200;

/// The codes of SOAP faults that refuse the credentials in a message (WS-Security 1.1 §12), and those of CXF and of
/// ONVIF.
const SECURITY_CODES: [&str; 8] = [
    "FailedAuthentication",
    "FailedCheck",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "SecurityTokenUnavailable",
    "UnsupportedSecurityToken",
    "SecurityError",
    "NotAuthorized",
];

/// What answers mean.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct Rules {
    /// Which answers are successes; by default, those with status 2xx. An answer with status 202 or 206 is not
    /// whole, so it is one only if this names its status.
    pub(crate) success: Option<Rule>,
    /// Which answers mean a fault, even if `success` matches. The first rule that matches is used.
    #[serde(default)]
    fault: Vec<FaultRule>,
    /// Which answers say that there are no records. Without a rule, a page that does not exist (404, 410) is the
    /// end of the list only behind one that may be the last, and one without content (204) unless `last` or a
    /// total says that more follows.
    #[serde(default)]
    empty: Vec<Rule>,
}

/// Conditions on an answer. All conditions that are set must be met.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The status of the answer, or several statuses.
    status: Option<OneOf<u16>>,
    /// A place in the answer that must have a value, or the value in `equals`.
    at: Option<Path>,
    /// The value at `at`, or several values. A number equals its text.
    equals: Option<OneOf<Value>>,
    /// A text that the answer contains.
    contains: Option<String>,
}

/// One value, or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOf<T> {
    /// One of these.
    Many(Vec<T>),
    /// This one.
    One(T),
}

/// A value in the answer that says that no page follows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastRule {
    /// Where the value is in the answer, outside the records.
    at: Path,
    /// The value on the last page, or several values. A number equals its text.
    equals: OneOf<Value>,
}

/// Which answers mean a fault, and which one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultRule {
    #[serde(flatten)]
    rule: Rule,
    /// What to do about the fault.
    kind: FaultRuleKind,
    /// Minimum length of the pause; only for `throttled`.
    wait: Option<Period>,
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FaultRuleKind {
    /// Try again: the fault may go away by itself.
    Transient,
    /// The source wants a pause.
    Throttled,
    /// An operator has to act.
    Stopped,
    /// Cookies or a token have expired: they are fetched again, and the request is repeated once.
    Refresh,
}

/// The parts of an answer that rules look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerView<'a> {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) text: &'a str,
    /// `None` if the text cannot be parsed.
    pub(crate) tree: Option<&'a Value>,
    /// The pause that the header `Retry-After` asks for; `None` without a readable one.
    pub(crate) retry_after: Option<Duration>,
    /// Whether it came through `proxy`, or from a web server that is none.
    pub(crate) via_proxy: bool,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Meaning {
    Success,
    /// A success that says that there is nothing.
    Nothing,
    /// Not a success, and no rule says what else it means.
    Unclear,
    /// Cookies or a token have expired.
    Expired,
    /// The source does not accept the parameters of the request.
    Refused(Fault),
    Fault(Fault),
}

impl Rules {
    /// The rules for the answer to a login.
    pub(crate) fn for_login(success: Option<Rule>, fault: Vec<FaultRule>) -> Self {
        Self { success, fault, empty: Vec::new() }
    }

    /// Decides what an answer means. `success`, if there is one, replaces the channel's rule for successes.
    pub(crate) fn judge(&self, success: Option<&Rule>, answer: AnswerView<'_>) -> Meaning {
        if let Some(fault) = self.fault.iter().find(|fault| fault.rule.matches(answer)) {
            return fault.meaning(answer);
        }
        if self.empty.iter().any(|rule| rule.matches(answer)) {
            return Meaning::Nothing;
        }
        if let Some(fault) = soap_fault(answer) {
            return Meaning::Fault(fault);
        }
        let is_success = match success.or(self.success.as_ref()) {
            Some(rule) => {
                rule.matches(answer)
                    && (!is_unfinished(answer.status) || self.has_status(success, answer.status))
            }
            None => (200..300).contains(&answer.status) && !is_unfinished(answer.status),
        };
        if is_success { Meaning::Success } else { default_meaning(answer) }
    }

    /// Whether a rule of the channel says that this answer means a fault, or that there are no records.
    pub(crate) fn explain(&self, answer: AnswerView<'_>) -> bool {
        let mut rules = self.fault.iter().map(|fault| &fault.rule).chain(&self.empty);
        rules.any(|rule| rule.matches(answer))
    }

    /// Whether the channel says which answers are successes.
    pub(crate) fn has_success(&self) -> bool {
        self.success.is_some()
    }

    /// Whether a rule names this status. A redirect with such a status is an answer and is not followed.
    pub(crate) fn has_status(&self, success: Option<&Rule>, status: u16) -> bool {
        let faults = self.fault.iter().map(|fault| &fault.rule);
        let mut rules =
            success.or(self.success.as_ref()).into_iter().chain(faults).chain(&self.empty);
        rules.any(|rule| rule.status.as_ref().is_some_and(|rule| rule.any(|one| *one == status)))
    }
}

impl LastRule {
    /// Whether the answer says that no page follows; `None` if it has no such value.
    pub(crate) fn is_last(&self, tree: &Value) -> Option<bool> {
        let actual = self.at.first(tree).filter(|value| !value.is_null())?;
        Some(self.equals.any(|expected| is_equal(actual, expected)))
    }
}

impl Rule {
    /// Matches answers with these statuses.
    pub(crate) fn for_statuses(statuses: Vec<u16>) -> Self {
        Self { status: Some(OneOf::Many(statuses)), at: None, equals: None, contains: None }
    }

    /// The same, but only for answers with these statuses, unless it names some itself.
    pub(crate) fn within(mut self, statuses: Vec<u16>) -> Self {
        self.status = self.status.or(Some(OneOf::Many(statuses)));
        self
    }

    /// The statuses that it names.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        match &self.status {
            None => Vec::new(),
            Some(OneOf::One(status)) => vec![*status],
            Some(OneOf::Many(statuses)) => statuses.clone(),
        }
    }

    /// The value that an answer has at the place of the rule, and that place, if the rule expects a certain value
    /// there. One that it only wants to be there may be a token.
    pub(crate) fn value(&self, answer: AnswerView<'_>) -> Option<(String, &str)> {
        let at = self.at.as_ref().filter(|_| self.equals.is_some())?;
        Some((at.text(answer.tree?)?, at.as_str()))
    }

    /// Whether all conditions are met. A rule without conditions matches nothing.
    pub(crate) fn matches(&self, answer: AnswerView<'_>) -> bool {
        let Self { status, at, equals, contains } = self;
        if status.is_none() && at.is_none() && contains.is_none() {
            return false;
        }
        let has_value = |at: &Path| {
            let actual = answer.tree.and_then(|tree| at.first(tree));
            actual.is_some_and(|actual| match equals {
                None => !actual.is_null(),
                Some(expected) => expected.any(|expected| is_equal(actual, expected)),
            })
        };
        status.as_ref().is_none_or(|rule| rule.any(|one| *one == answer.status))
            && at.as_ref().is_none_or(has_value)
            && contains.as_ref().is_none_or(|text| answer.text.contains(text.as_str()))
    }
}

impl<T> OneOf<T> {
    fn any(&self, matches: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::One(one) => matches(one),
            Self::Many(many) => many.iter().any(matches),
        }
    }
}

impl FaultRule {
    /// Whether it means that cookies or a token have expired.
    pub(crate) fn is_refresh(&self) -> bool {
        matches!(self.kind, FaultRuleKind::Refresh)
    }

    /// The condition.
    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The fault that an answer means; `None` if the rule does not match.
    pub(crate) fn fault(&self, answer: AnswerView<'_>) -> Option<Fault> {
        match self.rule.matches(answer).then(|| self.meaning(answer))? {
            Meaning::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    fn meaning(&self, answer: AnswerView<'_>) -> Meaning {
        let value = |at: &Path| answer.tree.and_then(|tree| at.text(tree)).unwrap_or_default();
        let what = match (&self.rule.at, &self.rule.contains) {
            (Some(at), _) => {
                let (value, at) = (quote(&value(at)), at.as_str());
                answer.with_reason(format!("the value {value} at {at} in the answer means a fault"))
            }
            (None, Some(text)) => {
                answer.with_reason(format!("the answer contains \"{text}\", which means a fault"))
            }
            (None, None) => answer.status_text(),
        };
        Meaning::Fault(match self.kind {
            FaultRuleKind::Refresh => return Meaning::Expired,
            FaultRuleKind::Transient => Fault::transient(what),
            FaultRuleKind::Stopped => {
                Fault::stopped(what).remedy("look at the rule of the channel that matches")
            }
            FaultRuleKind::Throttled => {
                let wait = answer.retry_after.max(self.wait.map(|wait| wait.0));
                Fault::throttled(wait.unwrap_or(DEFAULT_PAUSE), what)
            }
        })
    }
}

impl AnswerView<'_> {
    /// Its status and its content type, and the reason that it gives.
    pub(crate) fn status_text(self) -> String {
        let kind =
            self.content_type.map(|kind| format!(" ({})", visible(kind))).unwrap_or_default();
        self.with_reason(format!("the source answers with status {}{kind}", self.status))
    }

    /// `what`, and the reason that the answer gives: a member of its tree, or all of a short text.
    fn with_reason(self, what: String) -> String {
        let is_text = self.tree.is_none() && self.status >= 400 && !self.text.contains('<');
        let text = Some(self.text.trim()).filter(|text| is_text && !text.is_empty());
        let text = text.filter(|text| text.len() <= MAX_PLAIN_REASON).map(quote);
        match self.tree.and_then(reason).or(text) {
            Some(reason) => format!("{what}: {reason}"),
            None => what,
        }
    }
}

/// The fault that a SOAP fault means; `None` if the answer is none. It has no records, whatever its status is. Only
/// the sender of a wrong request can mend it.
fn soap_fault(answer: AnswerView<'_>) -> Option<Fault> {
    let (code, why) = soap_reason(answer)?;
    let what = format!("the source answers with the SOAP fault {}: {why}", visible(&code));
    let local = |code: &str| code.rsplit(':').next().unwrap_or_default().to_owned();
    let name = local(&code);
    // In SOAP 1.2, it is a part of the code `Sender`.
    let subcode = soap_element(answer)
        .and_then(|fault| fault.pointer("/Code/0/Subcode/0/Value/0").and_then(scalar_text));
    let names: Vec<String> = subcode.iter().map(|code| local(code)).chain([name.clone()]).collect();
    if names.iter().any(|name| SECURITY_CODES.contains(&name.as_str())) {
        return Some(
            Fault::stopped(what)
                .at("http.auth")
                .remedy("check the user and the password in `auth`, and the clock of this machine"),
        );
    }
    // Its clock is known by this answer, and the next request goes by it.
    if names.iter().any(|name| name == "MessageExpired") {
        let remedy =
            "if it goes on, raise `lifetime` in `auth`, or correct the clock of the source";
        return Some(Fault::transient(what).remedy(remedy));
    }
    let is_ours = ["Client", "Sender", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown"]
        .iter()
        .any(|ours| name.starts_with(ours));
    Some(if is_ours {
        Fault::stopped(what).remedy("correct `body` and the parameters of the request, or `auth`")
    } else {
        Fault::transient(what)
    })
}

/// The code of a SOAP fault (SOAP 1.1 §4.4, 1.2 §5.4), and its text in quotes; `None` if the answer is none.
pub(crate) fn soap_reason(answer: AnswerView<'_>) -> Option<(String, String)> {
    let fault = soap_element(answer)?;
    // The second names are those of SOAP 1.2.
    let text = |old: &str, new: &str| {
        let value = fault.pointer(old).or_else(|| fault.pointer(new));
        value.and_then(scalar_text).unwrap_or_default()
    };
    let code = text("/faultcode/0", "/Code/0/Value/0");
    Some((code, quote(&text("/faultstring/0", "/Reason/0/Text/0"))))
}

fn soap_element(answer: AnswerView<'_>) -> Option<&Value> {
    ["Envelope", "Body", "Fault"]
        .iter()
        .try_fold(answer.tree?, |value, name| value.get(name)?.get(0))
}

/// What it means that a proxy asks for credentials.
pub(crate) fn proxy_refusal() -> Fault {
    Fault::stopped("the proxy asks for credentials (status 407)")
        .remedy("check `proxy`, and ask who runs it for access to it")
}

/// Whether the status says that this is not the whole answer: it follows later, or is only a part of it.
fn is_unfinished(status: u16) -> bool {
    matches!(status, 202 | 206)
}

/// What a status means if no rule of the channel matches.
fn default_meaning(answer: AnswerView<'_>) -> Meaning {
    let AnswerView { status, retry_after, via_proxy, .. } = answer;
    let what = answer.status_text();
    Meaning::Fault(match (status, retry_after) {
        (429, wait) => Fault::throttled(wait.unwrap_or(DEFAULT_PAUSE), what),
        (503, Some(wait)) => Fault::throttled(wait, what),
        (401, _) => Fault::stopped(what)
            .remedy("check the secrets that `auth` and `login` name, and the clock of this machine"),
        (407, _) => proxy_refusal(),
        (403, _) => Fault::stopped(what).remedy(
            "ask for access to `url`; if the source uses this status to ask for a pause, add a rule \
             to [[http.fault]]",
        ),
        (404 | 410, _) if via_proxy => Fault::stopped(what)
            .remedy("check `url`, and `proxy`: a web server that is no proxy answers so too"),
        (404 | 410, _) => Fault::stopped(what).remedy("check `url`"),
        (408 | 425 | 500..600, _) => Fault::transient(what),
        (202 | 206, _) => {
            let why = match status {
                202 => "the answer is not ready yet",
                _ => "it is only a part of the answer",
            };
            Fault::transient(format!("{what}: {why}"))
                .remedy("if this is a complete answer, say so with its status in `success`")
        }
        (300..400, _) => Fault::stopped(format!("{what}, a redirect that is not followed"))
            .remedy("check `url`; perhaps the source asks for a login"),
        (400..500, _) => return Meaning::Refused(Fault::stopped(what)),
        _ => return Meaning::Unclear,
    })
}

/// A number equals its text: XML has only texts, and some sources write `"0"` for `0` in JSON.
fn is_equal(actual: &Value, expected: &Value) -> bool {
    actual == expected
        || scalar_text(actual).is_some_and(|actual| Some(actual) == scalar_text(expected))
}

#[cfg(test)]
mod tests;
