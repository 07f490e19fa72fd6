//! What an answer means: success is what the body says, not what the status says. Pure.

use std::time::Duration;

use contract::Fault;
use document::scalar;
use serde_json::Value;

use crate::config::{FaultRule, Kind, Rule, Scalars, Statuses};

/// How long nobody asks where neither the answer nor the channel says it.
const PAUSE: Duration = Duration::from_secs(30);

/// The rules of one call.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) success: Option<Rule>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) empty: Vec<Rule>,
}

/// An answer, as far as rules look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) status: u16,
    pub(crate) text: &'a str,
    /// `None`: the text is no document.
    pub(crate) tree: Option<&'a Value>,
    /// What the header `Retry-After` says.
    pub(crate) retry_after: Option<Duration>,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Judgement {
    Success,
    /// A success that says there is nothing.
    Nothing,
    /// Neither a success nor anything the channel has a rule for.
    Unclear,
    /// Cookies or a secret are too old.
    Stale,
    Fault(Fault),
}

impl Rules {
    pub(crate) fn judge(&self, evidence: Evidence<'_>) -> Judgement {
        if let Some(fault) = self.faults.iter().find(|fault| holds(&fault.rule(), evidence)) {
            return declared(fault, evidence);
        }
        if self.empty.iter().any(|rule| holds(rule, evidence)) {
            return Judgement::Nothing;
        }
        let is_success = match &self.success {
            Some(rule) => holds(rule, evidence),
            None => (200..300).contains(&evidence.status),
        };
        match usual(evidence) {
            _ if is_success => Judgement::Success,
            Some(fault) => Judgement::Fault(fault),
            None => Judgement::Unclear,
        }
    }

    /// Whether a redirect is an answer of its own here, and not followed.
    pub(crate) fn means(&self, status: u16) -> bool {
        let named = |statuses: &Option<Statuses>| statuses.as_ref().is_some_and(|s| has(s, status));
        self.success.as_ref().is_some_and(|rule| named(&rule.status))
            || self.faults.iter().any(|fault| named(&fault.status))
            || self.empty.iter().any(|rule| named(&rule.status))
    }
}

/// Whether all conditions hold. A rule without conditions holds for nothing.
pub(crate) fn holds(rule: &Rule, evidence: Evidence<'_>) -> bool {
    let Rule { status, at, equals, contains } = rule;
    if status.is_none() && at.is_none() && contains.is_none() {
        return false;
    }
    let stands = || {
        let found = at.as_ref().zip(evidence.tree).and_then(|(at, tree)| at.first(tree));
        match equals {
            None => found.is_some_and(|found| !found.is_null()),
            Some(Scalars::One(value)) => found.is_some_and(|found| equal(found, value)),
            Some(Scalars::Many(values)) => {
                found.is_some_and(|found| values.iter().any(|value| equal(found, value)))
            }
        }
    };
    status.as_ref().is_none_or(|statuses| has(statuses, evidence.status))
        && (at.is_none() || stands())
        && contains.as_ref().is_none_or(|text| evidence.text.contains(text.as_str()))
}

/// What a fault rule of the channel says.
fn declared(rule: &FaultRule, evidence: Evidence<'_>) -> Judgement {
    let what = match (&rule.at, &rule.contains) {
        (Some(at), _) => format!("the source answers with what {} stands for", at.as_str()),
        (None, Some(_)) => "the source answers with a text that stands for a fault".to_owned(),
        (None, None) => format!("the source answers with status {}", evidence.status),
    };
    Judgement::Fault(match rule.kind {
        Kind::Refresh => return Judgement::Stale,
        Kind::Transient => Fault::transient(what),
        Kind::Stopped => Fault::stopped(what).remedy("a rule in [[http.fault]] says so"),
        Kind::Throttled => {
            let told = evidence.retry_after.max(rule.wait.map(|wait| wait.0));
            Fault::throttled(told.unwrap_or(PAUSE), what)
        }
    })
}

/// What a status means by itself.
fn usual(evidence: Evidence<'_>) -> Option<Fault> {
    let Evidence { status, retry_after, .. } = evidence;
    let what = format!("the source answers with status {status}");
    Some(match (status, retry_after) {
        (429, wait) => Fault::throttled(wait.unwrap_or(PAUSE), what),
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

fn has(statuses: &Statuses, status: u16) -> bool {
    match statuses {
        Statuses::One(one) => *one == status,
        Statuses::Many(many) => many.contains(&status),
    }
}

/// XML has texts only, and JSON of careless sources has `"0"` for `0`.
fn equal(found: &Value, value: &Value) -> bool {
    found == value || scalar(found).is_some_and(|found| Some(found) == scalar(value))
}

#[cfg(test)]
mod tests;
