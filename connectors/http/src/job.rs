//! Export jobs: lists that a source gives only as files, which it makes on request.
//!
//! The request in `url` of `[http]` begins a job. Its state is asked for until it is done, and then its result is read
//! as pages of a list are: the rules for records, keys and ends of lists are those of any other channel. So a job is
//! no kind of paging, but what comes before the first page.
//!
//! The id of a job is in the cursor. Making an export is expensive for the source, and many sources limit how many a
//! day may have: a fault, or a restart of this program, must not begin another one. The addresses of results are not
//! in the cursor, because they often contain a signature, and expire: the source is asked for them again.

mod poll;
mod settings;

use connector_wire::identity::short_hash;
use contract::{Fault, Timestamp};
use document::scalar_text;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::settings::{HeaderPlace, Place, ResultConfig, check, is_id};
pub(crate) use self::{
    poll::{OpenJob, Step, advance, note_absent},
    settings::JobConfig,
};
use crate::{
    client::Answer,
    config::{CallConfig, Config, Method},
    origin,
    pages::{Paging, Param},
    placeholder::Names,
    plan::Plan,
    request::{Call, Request},
    rules::{AnswerView, Rule},
};

/// The name of the parameter with the id.
const PARAM: &str = "job";
/// Maximum length of an id in bytes: it is in the cursor.
const MAX_ID: usize = 2_000;
/// The same in a channel with `each`, whose cursor has many of them.
const MAX_ID_OF_EACH: usize = crate::plan::MAX_NEXT_BYTES;
/// What a source may answer when the address of a result has expired: 400 and 403 are those of object stores.
const EXPIRED: [u16; 6] = [204, 400, 401, 403, 404, 410];

/// The job of a walk, as the cursor has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobPosition {
    /// Its id: a text or a number.
    id: Value,
    /// When it began, by the source's clock.
    began: Timestamp,
    /// A hash of the addresses of its parts, of which some were read; `None` before it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<String>,
}

/// The checked settings of a job.
#[derive(Debug)]
pub(crate) struct Job {
    config: JobConfig,
    /// The request for its state.
    pub(crate) poll: Call,
    /// The request for its result.
    pub(crate) result: Call,
    /// Whether the id is the address at which the state is asked for.
    id_is_address: bool,
    /// Answers that say that the source does not know the job.
    gone: Rule,
    /// Answers that say that the result is not there, or has nothing.
    absent: Rule,
    /// The same of another origin: what gets no credential there refuses only an address that has expired.
    expired: Rule,
}

/// What the source says of a job.
#[derive(Debug)]
enum State {
    Running,
    Done(Finished),
    Failed(Fault),
}

/// A job that is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finished {
    /// The addresses of its parts; empty if the settings have the address.
    addresses: Vec<Url>,
    /// How many records they have.
    pub(crate) count: Option<u64>,
    /// Whether there are none.
    pub(crate) is_empty: bool,
}

impl Job {
    /// Checks the settings. `call` makes a request with the parameters of `names`.
    pub(crate) fn new(
        config: &JobConfig,
        channel: &Config,
        home: &Url,
        call: impl Fn(&CallConfig, Option<&Rule>, &Names<'_>) -> Result<Call, Fault>,
    ) -> Result<Self, Fault> {
        check(config, channel)?;
        let names = Names::of_list(channel).with(PARAM)?;
        let id_is_address = is_id(&config.call.url);
        // The address is not known yet, but that it gets the headers and the credentials is.
        let home = format!("{}/", origin::name(home));
        let mut of_poll = config.call.clone();
        if id_is_address {
            of_poll.url.clone_from(&home);
        }
        let success = config.poll_success(channel);
        let poll = call(&of_poll, Some(&success), &names).and_then(Call::asking)?;
        if id_is_address && poll.method != Method::Get {
            let what = "an address that the source names is asked for with GET";
            return Err(Fault::stopped(what).remedy("remove `method` and the body"));
        }
        let ResultConfig { url, headers, success, inner, .. } = &config.result;
        let at_result = |fault: Fault| fault.at("result");
        let of_result = CallConfig {
            url: url.clone().filter(|url| !is_id(url)).unwrap_or(home),
            method: Some(Method::Get),
            query: Map::new(),
            query_charset: None,
            headers: headers.clone(),
            form: None,
            json: None,
            body: None,
            inner: inner.clone(),
        };
        // One that is not whole (202, 206) is none.
        let whole = (200..300).filter(|status| ![202, 206].contains(status)).collect();
        let success = success.clone().unwrap_or_else(|| Rule::for_statuses(whole));
        let result = call(&of_result, Some(&success), &names).map_err(at_result)?;
        let free = |statuses: &[u16], success: &Rule| {
            let is_named = |status: &u16| channel.rules.has_status(Some(success), *status);
            statuses.iter().copied().filter(|status| !is_named(status)).collect::<Vec<u16>>()
        };
        let own: Vec<u16> = config.rules().flat_map(Rule::statuses).collect();
        let mut gone = free(&[404, 410], &config.poll_success(channel));
        gone.retain(|status| !own.contains(status));
        let by_default = Rule::for_statuses(Vec::new());
        let success = config.result.success.as_ref().unwrap_or(&by_default);
        Ok(Self {
            poll,
            result,
            id_is_address,
            gone: Rule::for_statuses(gone),
            absent: Rule::for_statuses(free(&[204, 404, 410], success)),
            expired: Rule::for_statuses(free(&EXPIRED, success)),
            config: config.clone(),
        })
    }

    /// The request for a part of the result, or for the page of it that `next` names. The parameters are those of the
    /// page, and those that select records.
    pub(crate) fn result_request(
        &self,
        plan: &Plan,
        job: (&JobPosition, &Finished),
        (page, selection): (Vec<Param>, Vec<Param>),
        (part, next): (usize, Option<Url>),
    ) -> Result<Request, Fault> {
        let (position, finished) = job;
        let named = match &self.config.result.url {
            Some(url) if is_id(url) => Some(self.address(plan, position)?),
            Some(_) => None,
            None => finished.addresses.get(part).cloned(),
        };
        let mut params = self.params(&self.result, position, selection);
        params.extend(page);
        self.result.request(&params, next.or(named))
    }

    /// Which answers to such a request say that the result is not there.
    pub(crate) fn absent(&self, plan: &Plan, request: &Request) -> &Rule {
        if plan.list.is_at_home(&request.url) { &self.absent } else { &self.expired }
    }

    /// The request for the state.
    fn poll_request(
        &self,
        plan: &Plan,
        position: &JobPosition,
        params: Vec<Param>,
    ) -> Result<Request, Fault> {
        let address = self.id_is_address.then(|| self.address(plan, position)).transpose()?;
        self.poll.request(&self.params(&self.poll, position, params), address)
    }

    /// The address that the id is. It may have been read with other settings.
    fn address(&self, plan: &Plan, position: &JobPosition) -> Result<Url, Fault> {
        let id = position.id.as_str().unwrap_or_default();
        origin::resolve(&plan.list.url, id, &plan.allowed_hosts)
    }

    /// Those of the parameters that a request has a placeholder for. What selects records is for the first request.
    fn params(&self, call: &Call, position: &JobPosition, params: Vec<Param>) -> Vec<Param> {
        let id = (PARAM.to_owned(), position.id.clone());
        params.into_iter().chain([id]).filter(|(name, _)| call.has_place(name)).collect()
    }

    /// The id in the answer to the first request.
    ///
    /// # Errors
    /// There is none; the message says where it should be.
    fn id(&self, plan: &Plan, answer: &Answer, tree: &Value) -> Result<Value, String> {
        let place = &self.config.id;
        let id = match place {
            Place::At(at) => at.first(tree).and_then(|value| match value {
                Value::Number(_) => Some(value.clone()),
                value => scalar_text(value).map(Value::from),
            }),
            Place::Header(HeaderPlace { header }) => {
                answer.headers.get(&header.to_lowercase()).map(|id| Value::from(id.as_str()))
            }
        };
        let text = id.as_ref().and_then(scalar_text).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(format!("it has no id of a job at {}", place.name()));
        }
        let max = if plan.config.each.is_some() { MAX_ID_OF_EACH } else { MAX_ID };
        if text.len() > max {
            return Err(format!("the id of the job at {} exceeds {max} bytes", place.name()));
        }
        if !self.id_is_address {
            return Ok(id.unwrap_or_default());
        }
        let url = answer.url.join(&text);
        let mut url = url.map_err(|_| format!("the value at {} is no address", place.name()))?;
        // The cursor has it, and each request gets the secrets anyway.
        origin::remove_params(&mut url, |name| plan.secret_params.iter().any(|one| one == name));
        Ok(url.as_str().into())
    }

    /// What an answer says of the job.
    fn state(
        &self,
        plan: &Plan,
        answer: &Answer,
        text: &str,
        tree: &Value,
    ) -> Result<State, Fault> {
        let view = AnswerView {
            status: answer.status,
            content_type: answer.headers.get("content-type").map(String::as_str),
            text,
            tree: Some(tree),
            retry_after: answer.retry_after,
            via_proxy: false,
        };
        let JobConfig { done, failed, empty, count, .. } = &self.config;
        if let Some(fault) = failed.iter().find_map(|rule| rule.fault(view)) {
            return Ok(State::Failed(fault.at("the job has failed")));
        }
        if !done.matches(view) {
            return Ok(State::Running);
        }
        let is_empty = empty.iter().any(|rule| rule.matches(view));
        let count = count.as_ref().filter(|_| !is_empty).map(|at| {
            at.text(tree).and_then(|count| count.trim().parse().ok()).ok_or_else(|| {
                let what = format!("the job is done, but {} has no number of records", at.as_str());
                Fault::stopped(what).remedy("correct or remove `count` of [http.job]")
            })
        });
        let count: Option<u64> = count.transpose()?;
        let is_empty = is_empty || count == Some(0);
        let addresses = match is_empty {
            true => Vec::new(),
            false => self.config.result.addresses(plan, answer, tree)?,
        };
        if addresses.len() > 1 && !matches!(plan.config.page, Paging::None {}) {
            let what = format!("the result has {} parts, and `page` is for one", addresses.len());
            return Err(Fault::stopped(what).remedy("remove `page`"));
        }
        Ok(State::Done(Finished { addresses, count, is_empty }))
    }
}

impl Finished {
    /// A result without records.
    fn empty() -> Self {
        Self { is_empty: true, ..Self::default() }
    }

    /// A hash of its addresses, without what changes in them each time.
    fn parts(&self) -> String {
        let paths = self.addresses.iter().map(Url::path);
        short_hash(&paths.collect::<Vec<_>>().join("\n"))
    }

    /// Whether a part follows this one.
    pub(crate) fn has_more(&self, part: usize) -> bool {
        self.addresses.len() > part + 1
    }

    /// Why a part does not complete the result, if it should; `n_records` are those of it.
    pub(crate) fn lacks(&self, n_records: usize) -> Option<String> {
        let count = self.count.filter(|_| self.addresses.len() <= 1)?;
        let is_short = u64::try_from(n_records).is_ok_and(|n_records| n_records < count);
        is_short.then(|| format!("the job says that it has {count} records, and {n_records} came"))
    }
}
