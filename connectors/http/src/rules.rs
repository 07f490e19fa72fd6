//! What an answer means: whether it is a success is decided by its body, not by its status. Pure.

use std::time::Duration;

use contract::{Fault, Period};
use document::{Path, scalar_text};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The pause where neither the answer nor the channel says how long it is.
const DEFAULT_PAUSE: Duration = Duration::from_secs(30);

/// What answers mean.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct Rules {
    /// When an answer is a success; without it, when its status is 2xx.
    pub(crate) success: Option<Rule>,
    /// What other answers mean. The first rule that matches counts.
    #[serde(default)]
    fault: Vec<FaultRule>,
    /// Answers that say there is nothing.
    #[serde(default)]
    empty: Vec<Rule>,
}

/// Conditions on an answer. It matches when all that are written are met.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The status, or one of several.
    status: Option<OneOf<u16>>,
    /// A place in the answer: there is a value, or the one in `equals`.
    at: Option<Path>,
    /// The value there, or one of several. A number equals the text that it is written as.
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

/// What an answer means that is not a success.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultRule {
    #[serde(flatten)]
    rule: Rule,
    /// What to do about it.
    kind: FaultRuleKind,
    /// How long the pause is at least. Only for `throttled`.
    wait: Option<Period>,
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FaultRuleKind {
    /// Try again: it may go away by itself.
    Transient,
    /// The source wants a pause.
    Throttled,
    /// Somebody has to act.
    Stopped,
    /// Cookies or a token have expired: they are fetched again, and the request is repeated once.
    Refresh,
}

/// The parts of an answer that rules look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerView<'a> {
    pub(crate) status: u16,
    pub(crate) text: &'a str,
    /// `None` where the text is not a document.
    pub(crate) tree: Option<&'a Value>,
    /// What the header `Retry-After` says.
    pub(crate) retry_after: Option<Duration>,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Meaning {
    Success,
    /// A success that says there is nothing.
    Nothing,
    /// Neither a success nor anything the channel has a rule for.
    Unclear,
    /// Cookies or a token have expired.
    Expired,
    Fault(Fault),
}

impl Rules {
    /// What an answer means. `success` replaces the channel's rule for successes.
    pub(crate) fn judge(&self, success: Option<&Rule>, answer: AnswerView<'_>) -> Meaning {
        if let Some(fault) = self.fault.iter().find(|fault| fault.rule.matches(answer)) {
            return fault.meaning(answer);
        }
        if self.empty.iter().any(|rule| rule.matches(answer)) {
            return Meaning::Nothing;
        }
        let is_success = match success.or(self.success.as_ref()) {
            Some(rule) => rule.matches(answer),
            None => (200..300).contains(&answer.status),
        };
        match default_fault(answer) {
            _ if is_success => Meaning::Success,
            Some(fault) => Meaning::Fault(fault),
            None => Meaning::Unclear,
        }
    }

    /// Whether a rule names this status: then a redirect is an answer and is not followed.
    pub(crate) fn names_status(&self, success: Option<&Rule>, status: u16) -> bool {
        let faults = self.fault.iter().map(|fault| &fault.rule);
        let mut rules =
            success.or(self.success.as_ref()).into_iter().chain(faults).chain(&self.empty);
        rules.any(|rule| rule.status.as_ref().is_some_and(|named| named.any(|one| *one == status)))
    }
}

impl Rule {
    /// Whether all conditions are met. A rule without conditions matches nothing.
    pub(crate) fn matches(&self, answer: AnswerView<'_>) -> bool {
        let Self { status, at, equals, contains } = self;
        if status.is_none() && at.is_none() && contains.is_none() {
            return false;
        }
        let is_there = |at: &Path| {
            let found = answer.tree.and_then(|tree| at.first(tree));
            found.is_some_and(|found| match equals {
                None => !found.is_null(),
                Some(values) => values.any(|value| is_equal(found, value)),
            })
        };
        status.as_ref().is_none_or(|named| named.any(|one| *one == answer.status))
            && at.as_ref().is_none_or(is_there)
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
    fn meaning(&self, answer: AnswerView<'_>) -> Meaning {
        let what = match (&self.rule.at, &self.rule.contains) {
            (Some(at), _) => format!("the answer of the source is a fault by its {}", at.as_str()),
            (None, Some(_)) => "the answer of the source has a text that means a fault".to_owned(),
            (None, None) => format!("the source answers with status {}", answer.status),
        };
        Meaning::Fault(match self.kind {
            FaultRuleKind::Refresh => return Meaning::Expired,
            FaultRuleKind::Transient => Fault::transient(what),
            FaultRuleKind::Stopped => {
                Fault::stopped(what).remedy("a rule in [[http.fault]] says so")
            }
            FaultRuleKind::Throttled => {
                let wait = answer.retry_after.max(self.wait.map(|wait| wait.0));
                Fault::throttled(wait.unwrap_or(DEFAULT_PAUSE), what)
            }
        })
    }
}

/// What a status means where no rule of the channel matches.
fn default_fault(answer: AnswerView<'_>) -> Option<Fault> {
    let AnswerView { status, retry_after, .. } = answer;
    let what = format!("the source answers with status {status}");
    Some(match (status, retry_after) {
        (429, wait) => Fault::throttled(wait.unwrap_or(DEFAULT_PAUSE), what),
        (503, Some(wait)) => Fault::throttled(wait, what),
        (401 | 407, _) => Fault::stopped(what)
            .remedy("check the secrets that `auth` names, and the clock of this machine"),
        (403, _) => Fault::stopped(what).remedy(
            "the account may not read this, or the source wants a pause: then say so in \
             [[http.fault]]",
        ),
        (404 | 410, _) => Fault::stopped(what).remedy("check `url`"),
        (408 | 425 | 500..600, _) => Fault::transient(what),
        (300..400, _) => Fault::stopped(format!("{what}, a redirect that is not followed"))
            .remedy("check `url`; the source may ask for a login"),
        (400..500, _) => Fault::stopped(what).remedy("check the parameters of the request"),
        _ => return None,
    })
}

/// Numbers equal their text: XML has only texts, and some sources write `"0"` for `0` in JSON.
fn is_equal(found: &Value, value: &Value) -> bool {
    found == value || scalar_text(found).is_some_and(|found| Some(found) == scalar_text(value))
}

#[cfg(test)]
mod tests;
