//! Begins jobs, and waits until they are done.
//!
//! What is known of a job beyond its id is in memory only: when the state was asked for, and where the result is. After
//! a fault the connector is made anew, so what it knows began with this attempt. A job that cannot be used any more is
//! replaced if this attempt has found it so; if the attempt has seen it alive before, that is a fault, so that a
//! source whose every job fails gets one for each attempt, and attempts have growing pauses.

use std::time::Duration;

use contract::{Fault, Timestamp};
use document::delta;
use serde_json::Value;
use tokio::time::Instant;

use super::{Finished, Job, JobPosition, State, settings::MAX_PAUSE};
use crate::{
    calls::call_fault,
    client::FetchError,
    cursor::Progress,
    fetch::{self, ReadAnswer, Source},
    pages::{Paging, Param},
    plan::Plan,
};

/// What was done for a job that has no result yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was begun: the cursor has its id, which must not be lost.
    Begun,
    /// It is not done yet, or it was given up and another one is begun next.
    Waiting,
}

/// What this attempt knows of a job.
#[derive(Debug)]
pub(crate) struct OpenJob {
    /// Its id; `null` if it was given up.
    id: Value,
    /// When its state is asked for.
    next_poll: Instant,
    /// Its result, as soon as it is done.
    finished: Option<Finished>,
    /// Whether its result was not where it should be, so that the source was asked for its place again.
    was_absent: bool,
    /// Whether this attempt has lost a job that the source no longer knows.
    has_lost: bool,
}

impl OpenJob {
    fn new(id: Value, has_lost: bool) -> Self {
        Self { id, next_poll: Instant::now(), finished: None, was_absent: false, has_lost }
    }

    /// Notes that a part of its result was where it should be.
    pub(crate) fn note_present(&mut self) {
        self.was_absent = false;
    }

    /// Its result.
    pub(crate) fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }
}

/// Takes the job of a walk one step further: begins it, or asks for its state. `None` if its result can be read now.
/// `index` is that of the sequence, `params` are the parameters of the first request.
pub(crate) async fn advance(
    source: &mut Source,
    plan: &Plan,
    job: &Job,
    (index, params): (usize, Vec<Param>),
    progress: &mut Progress,
) -> Result<Option<Step>, Fault> {
    let Some(position) = progress.job.clone() else {
        // A result that the source has said to be empty needs no id.
        if source.jobs.get(&index).is_some_and(|open| open.finished.is_some()) {
            return Ok(None);
        }
        return begin(source, plan, job, (index, &params), progress).await;
    };
    let open = source.jobs.get(&index).filter(|open| open.id == position.id);
    if open.is_some_and(|open| open.finished.is_some()) {
        return Ok(None);
    }
    let is_first_look = open.is_none();
    let has_lost = source.jobs.get(&index).is_some_and(|open| open.has_lost);
    let has_read = progress.pages.n_pages > 0 || progress.pages.partly_read.is_some();
    if let Some(next_poll) = open.map(|open| open.next_poll) {
        tokio::time::sleep_until(next_poll).await;
    }
    let asked = ask(source, plan, job, &position, params).await;
    // What could not be read for so long cannot be read at all. Only the source's clock counts, unless it has none.
    let now = match &asked {
        Ok(_) => Some(source.client.now()),
        Err(_) => source.client.source_time(),
    };
    let is_outdated = now.is_some_and(|now| is_older(&position, now, job.config.timeout.0 * 2));
    if is_first_look && is_outdated && !has_read {
        return Ok(Some(give_up(source, index, progress, has_lost, "it is too old")));
    }
    let (state, retry_after) = match asked? {
        Some(asked) => asked,
        None if !has_lost => {
            return Ok(Some(give_up(source, index, progress, true, "the source has lost it")));
        }
        None => {
            let what = "the source does not know the job that it has just begun";
            return Err(Fault::transient(what)
                .at("http.job")
                .remedy("check `id` and `url` of [http.job]"));
        }
    };
    let id = position.id.clone();
    let open = source.jobs.entry(index).or_insert_with(|| OpenJob::new(id.clone(), has_lost));
    open.id = id;
    match state {
        State::Done(finished) => {
            let parts = Some(finished.parts());
            // The place in one list of parts is none in another.
            if position.parts.is_some() && position.parts != parts {
                progress.pages = Paging::start(&progress.pages);
            }
            progress.job = Some(JobPosition { parts, ..position });
            open.finished = Some(finished);
            Ok(None)
        }
        State::Failed(_) if is_first_look => {
            Ok(Some(give_up(source, index, progress, has_lost, "it has failed")))
        }
        State::Failed(fault) => Err(fault.at("http.job")),
        State::Running if is_older(&position, source.client.now(), job.config.timeout.0) => {
            if is_first_look {
                return Ok(Some(give_up(source, index, progress, has_lost, "it takes too long")));
            }
            let what = format!("the job is not done after {:?}", job.config.timeout.0);
            Err(Fault::transient(what).at("http.job").remedy(
                "ask the owner of the source why it takes so long, or raise `timeout` of [http.job]",
            ))
        }
        State::Running => {
            let pause = retry_after.unwrap_or_default().max(job.config.every.0);
            if pause > MAX_PAUSE {
                let what = "the job is not done, and the source asks for a long pause";
                return Err(Fault::throttled(pause, what).at("http.job"));
            }
            open.next_poll = Instant::now() + pause;
            Ok(Some(Step::Waiting))
        }
    }
}

/// Notes that a part of the result is not where the source has said. Its address may have expired, so the source is
/// asked for it again, once; then the job is given up, once.
///
/// # Errors
/// Neither has helped.
pub(crate) fn note_absent(
    source: &mut Source,
    index: usize,
    progress: &mut Progress,
    status: Option<u16>,
) -> Result<Step, Fault> {
    let Some(open) = source.jobs.get_mut(&index) else { return Ok(Step::Waiting) };
    if !open.was_absent {
        (open.was_absent, open.finished) = (true, None);
        return Ok(Step::Waiting);
    }
    if !open.has_lost {
        return Ok(give_up(source, index, progress, true, "its result is gone"));
    }
    let status = status.map(|status| format!(" (status {status})")).unwrap_or_default();
    let what = format!("the job is done, but its result is not there{status}");
    Err(Fault::stopped(what).at("http.job").remedy("check `result` of [http.job]"))
}

/// Sends the request that begins a job.
async fn begin(
    source: &mut Source,
    plan: &Plan,
    job: &Job,
    (index, params): (usize, &[Param]),
    progress: &mut Progress,
) -> Result<Option<Step>, Fault> {
    let request = plan.list.request(params, None)?;
    let id = |ReadAnswer { parsed, answer, .. }: ReadAnswer| {
        if parsed.is_nothing {
            return Ok(None);
        }
        job.id(plan, &answer, &parsed.tree).map(Some).map_err(|what| (what, answer))
    };
    let id = source.fetch(plan, &plan.list, &request, &[], id).await;
    let id = id.map_err(|error| call_fault(error, "the answer to the request for a job"))?;
    let has_lost = source.jobs.get(&index).is_some_and(|open| open.has_lost);
    let mut open = OpenJob::new(id.clone().unwrap_or_default(), has_lost);
    let Some(id) = id else {
        open.finished = Some(Finished::empty());
        source.jobs.insert(index, open);
        return Ok(None);
    };
    source.jobs.insert(index, open);
    progress.job = Some(JobPosition { id, began: source.client.now(), parts: None });
    Ok(Some(Step::Begun))
}

/// Asks for the state of a job, and for the pause that the source wants; `None` if it does not know the job.
async fn ask(
    source: &mut Source,
    plan: &Plan,
    job: &Job,
    position: &JobPosition,
    params: Vec<Param>,
) -> Result<Option<(State, Option<Duration>)>, Fault> {
    let request = job.poll_request(plan, position, params)?;
    let gone = std::slice::from_ref(&job.gone);
    let read = source.fetch(plan, &job.poll, &request, gone, Ok).await;
    let ReadAnswer { parsed, answer, .. } = read.map_err(|error: FetchError| {
        call_fault(error, "the answer about the state of a job").at("http.job")
    })?;
    if parsed.is_missing {
        return Ok(None);
    }
    if parsed.is_nothing {
        let finished = Finished::empty();
        return Ok(Some((State::Done(finished), None)));
    }
    let (text, _) = fetch::parse_own(plan, &job.poll, &answer);
    let state = job.state(plan, &answer, &text, &parsed.tree);
    Ok(Some((state.map_err(|fault| fault.at("http.job"))?, answer.retry_after)))
}

/// Gives a job up: the next step begins another one, whose result is read from its beginning.
fn give_up(
    source: &mut Source,
    index: usize,
    progress: &mut Progress,
    has_lost: bool,
    why: &str,
) -> Step {
    tracing::warn!("a job is given up, and another one is begun: {why}");
    progress.job = None;
    progress.pages = Paging::start(&progress.pages);
    source.jobs.insert(index, OpenJob::new(Value::Null, has_lost));
    Step::Waiting
}

/// Whether so much time has passed since a job began.
fn is_older(position: &JobPosition, now: Timestamp, age: Duration) -> bool {
    now - position.began >= delta(age)
}
