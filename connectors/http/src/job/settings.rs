//! The section `[http.job]` of a channel file.

use std::{collections::BTreeMap, time::Duration};

use contract::{Fault, Period};
use document::{Path, scalar_text};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::Answer,
    config::{CallConfig, Config},
    inner::InnerDocument,
    origin,
    pages::Paging,
    plan::Plan,
    rules::{FaultRule, Rule},
};

/// What stands in the place of an address if the id is one.
const ID_IS_ADDRESS: &str = "{{ job }}";
/// The longest pause between two requests for the state: a channel that is silent for longer seems to hang.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(300);

/// An export job: the request in `url` of [http] begins it, its state is asked for until it is done, and its result has
/// the records. The settings for answers, like `format`, `records` and `key`, are those of the result.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobConfig {
    /// Where the answer to the first request has the id of the job: a path, or a header like
    /// `{ header = "Location" }`. All requests of the job have it as the parameter `{{ job }}`.
    pub(super) id: Place,
    /// The request for the state of the job. Its `url` is `{{ job }}` if the id is itself the address.
    #[serde(flatten)]
    pub(super) call: CallConfig,
    /// Which answers are successes; by default, the same as for the list, or else those with status 2xx.
    pub(super) success: Option<Rule>,
    /// Which answer about the state says that the job is done.
    pub(super) done: Rule,
    /// Which ones say that it has failed. Then the next attempt begins another job.
    #[serde(default)]
    pub(super) failed: Vec<FaultRule>,
    /// Which answers of those that match `done` say that the result is empty: it is then not asked for.
    #[serde(default)]
    pub(super) empty: Vec<Rule>,
    /// Where the answer that matches `done` says how many records the result has. A result with fewer is a fault.
    pub(super) count: Option<Path>,
    /// The pause between two requests for the state, at most `5m`. A longer one in `Retry-After` is respected.
    #[serde(default = "Period::seconds::<10>")]
    pub(super) every: Period,
    /// How long a job may take. When it takes longer, that is a fault, and the next attempt begins another job, unless
    /// this one is done by then.
    #[serde(default = "Period::seconds::<3600>")]
    pub(super) timeout: Period,
    /// Where the result is.
    pub(super) result: ResultConfig,
}

/// Where the result of a job is: at an address that the answer about its state names, or at a fixed one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultConfig {
    /// Where the answer that matches `done` has the address. If there are several, each is a part of the result, and
    /// all are read. An address at another origin must be named in `redirects`, and gets no credential.
    pub(super) at: Option<Path>,
    /// The header of that answer that contains the address, such as `Location`.
    pub(super) header: Option<String>,
    /// The address, if it is always the same, such as `https://source.example/jobs/{{ job }}/result`.
    #[schemars(extend("allow" = "address"))]
    pub(super) url: Option<String>,
    /// Headers of the request for the result, such as `Accept`. They are not sent to another origin.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Which answers are successes; by default, those with status 2xx. The rule of the list does not apply: it is for
    /// answers in an envelope, and a result often has none.
    pub(super) success: Option<Rule>,
    /// Texts within the result that are documents themselves. They are parsed in this order.
    #[serde(default)]
    pub(super) inner: Vec<InnerDocument>,
}

/// A place in an answer: a path, or a header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Place {
    /// The value at this path.
    At(Path),
    /// A header.
    Header(HeaderPlace),
}

/// A header of an answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderPlace {
    /// Its name.
    pub(super) header: String,
}

impl JobConfig {
    /// Which answers about the state are successes.
    pub(super) fn poll_success(&self, channel: &Config) -> Rule {
        let named = self.rules().flat_map(Rule::statuses);
        let statuses = (200..300).chain(named).collect();
        match self.success.as_ref().or(channel.rules.success.as_ref()) {
            Some(rule) => rule.clone().within(statuses),
            None => Rule::for_statuses(statuses),
        }
    }

    /// The rules about the state.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        let failed = self.failed.iter().map(FaultRule::rule);
        [&self.done].into_iter().chain(failed).chain(&self.empty)
    }

    /// The settings that decide what a job is, as a text that stays the same in later versions: with others, the id in
    /// a cursor means nothing. `call` describes a request.
    pub(crate) fn text(&self, call: impl Fn(&CallConfig) -> Value) -> Value {
        let ResultConfig { at, header, url, .. } = &self.result;
        json!({
            "id": self.id.name(),
            "poll": call(&self.call),
            "result": [at.as_ref().map(Path::as_str), header.as_deref(), url.as_deref()],
        })
    }
}

impl ResultConfig {
    /// The addresses that an answer names; empty if the settings have the address.
    pub(super) fn addresses(
        &self,
        plan: &Plan,
        answer: &Answer,
        tree: &Value,
    ) -> Result<Vec<Url>, Fault> {
        let (texts, name) = match (&self.at, &self.header) {
            (Some(at), _) => {
                let named = at.all(tree).into_iter().filter(|value| !value.is_null());
                (named.map(scalar_text).collect::<Option<Vec<_>>>(), at.as_str())
            }
            (None, Some(header)) => {
                let address = answer.headers.get(&header.to_lowercase()).cloned();
                (Some(address.into_iter().collect()), header.as_str())
            }
            (None, None) => return Ok(Vec::new()),
        };
        let texts = texts.map(|mut texts: Vec<String>| {
            texts.retain(|text| !text.trim().is_empty());
            texts
        });
        let texts = texts.filter(|texts| !texts.is_empty()).ok_or_else(|| {
            Fault::stopped(format!("the job is done, but {name} has no address of its result"))
                .remedy("correct `result` of [http.job], or say in `empty` that there is nothing")
        })?;
        let mut addresses: Vec<Url> = Vec::with_capacity(texts.len());
        for text in texts {
            let url = origin::resolve(&answer.url, text.trim(), &plan.allowed_hosts)?;
            if !addresses.contains(&url) {
                addresses.push(url);
            }
        }
        Ok(addresses)
    }
}

impl Place {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::At(at) => at.as_str(),
            Self::Header(HeaderPlace { header }) => header,
        }
    }
}

/// Whether an address is nothing but the id.
pub(super) fn is_id(url: &str) -> bool {
    url.replace(' ', "") == ID_IS_ADDRESS.replace(' ', "")
}

pub(super) fn check(config: &JobConfig, channel: &Config) -> Result<(), Fault> {
    let JobConfig { every, timeout, failed, result, .. } = config;
    let stopped = |what: &str, at: &'static str, remedy: &str| {
        Err(Fault::stopped(what.to_owned()).at(at).remedy(remedy.to_owned()))
    };
    let ResultConfig { at, header, url, .. } = result;
    if [at.is_some(), header.is_some(), url.is_some()].iter().filter(|is| **is).count() != 1 {
        let remedy = "set `at`, `header` or `url`";
        return stopped("the place of the result is not clear", "result", remedy);
    }
    let can_have_pages = match &channel.page {
        Paging::None {} => true,
        // Its token is a parameter, which an address that the source names does not get.
        Paging::Token(_) => url.as_deref().is_some_and(|url| !is_id(url)),
        Paging::Link { .. } | Paging::Next(_) => true,
        _ => false,
    };
    if !can_have_pages || channel.page.changes().is_some() {
        let remedy = "remove `page`; a result at a fixed `url` may have pages of kind `token`, `link` or `next`, \
                      without `changes`";
        return stopped("the result of a job has no pages of this kind", "page", remedy);
    }
    if every.0.is_zero() || every.0 > MAX_PAUSE {
        return stopped("`every` must be more than 0 and at most 5m", "every", "write it like 10s");
    }
    if timeout.0 < every.0 {
        return stopped("`timeout` is shorter than `every`", "timeout", "raise `timeout`");
    }
    if failed.iter().any(FaultRule::is_refresh) {
        let remedy = "write this rule into [[http.fault]], or another `kind`";
        return stopped("a job that has failed does not go on after a login", "failed", remedy);
    }
    Ok(())
}
