//! Asks the processes of the running service, through the store, and waits until each of them has answered.

use std::time::Duration;

use contract::{ChannelId, Fault};
use sink::store::{Database, Process, RequestKind, RequestState};
use tokio::time::{sleep, timeout};

use super::{Exit, out};
use crate::{
    instance, lease::is_service_running, processes::is_alive, reload::ReloadDone, service::Role,
};

/// How long to wait for the answers; after it, the command exits with code 75.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to check for them.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Makes every process that uses this store read its configuration and keys again. Returns the exit code, or
/// `None` if no service is running.
pub(super) async fn reload(store: &Database) -> anyhow::Result<Option<Exit>> {
    let answers = ask(store, RequestKind::Reload, None, |role| role != Role::Console).await?;
    if answers.is_empty() {
        return Ok(None);
    }
    let (mut n_broken, mut has_failed, mut has_silent) = (0, false, false);
    for (process, state) in &answers {
        match state {
            RequestState::Done(answer) => {
                let done = ReloadDone::from_answer(answer);
                n_broken += done.n_broken;
                let summary = format!("configuration reloaded: {}", done.summary);
                out::print(format!("{}: {summary}", name(process)))?;
            }
            RequestState::Failed(why) => {
                has_failed = true;
                out::note(format!("{}: {why}", name(process)));
            }
            RequestState::Open => {
                has_silent = true;
                note_silent(process);
            }
        }
    }
    Ok(Some(match (has_failed, has_silent) {
        (true, _) => Exit::Configuration,
        (false, true) => Exit::TryAgain,
        (false, false) if n_broken > 0 => Exit::SomeChannels,
        (false, false) => Exit::Done,
    }))
}

/// Ends the waits after faults: of the sinks, of one channel, or of all.
pub(super) async fn retry(
    store: &Database,
    channel: Option<&ChannelId>,
    sinks: bool,
) -> anyhow::Result<Exit> {
    let answers = match sinks {
        true => ask(store, RequestKind::RetrySinks, channel, Role::has_sink).await?,
        false => ask(store, RequestKind::Retry, channel, Role::reads_channels).await?,
    };
    if answers.is_empty() {
        out::note("nothing was woken: no process that could wait is running; see `tonghui status`");
        return Ok(Exit::TryAgain);
    }
    let mut exit = Exit::Done;
    for (process, state) in &answers {
        match state {
            RequestState::Done(answer) => out::print(format!("{}: {answer}", name(process)))?,
            RequestState::Failed(why) => {
                exit = Exit::Failed;
                out::note(format!("{}: {why}", name(process)));
            }
            RequestState::Open => {
                if exit == Exit::Done {
                    exit = Exit::TryAgain;
                }
                note_silent(process);
            }
        }
    }
    Ok(exit)
}

/// Asks all live processes with a role that it concerns; returns the answer of each, which is `Open` if it has not answered
/// in time or has ended. Empty if there are none.
async fn ask(
    store: &Database,
    kind: RequestKind,
    channel: Option<&ChannelId>,
    is_concerned: fn(Role) -> bool,
) -> anyhow::Result<Vec<(Process, RequestState)>> {
    let concerns = |process: &Process| Role::by_name(&process.role).is_some_and(is_concerned);
    let (mut asked, unseen): (Vec<_>, Vec<_>) =
        store.processes().await?.into_iter().partition(is_alive);
    for process in unseen.iter().filter(|process| concerns(process)) {
        out::note(format!(
            "{}: was not seen for {} s and is not waited for; if it still runs, it does this when it goes on",
            name(process),
            process.unseen_for.as_secs()
        ));
    }
    if asked.is_empty() && is_service_running(store).await? {
        let what = "a service is running, but it cannot write to the list of processes";
        let remedy = "its log says why; after an upgrade, the owner of a shared store has to run docs/rights/postgres.sql again";
        return Err(Fault::stopped(what).remedy(remedy).into());
    }
    asked.retain(concerns);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let seq = store.ask(kind, channel, None, &instance::this_process()).await?;
    // Each process answers in a row of its own, so the request itself is done.
    store.answer(seq, &RequestState::Done(String::new())).await?;
    if let Ok(waited) = timeout(ANSWER_TIMEOUT, wait_for_answers(store, seq, &asked)).await {
        waited?;
    }
    let answers = store.answers(seq).await?;
    let answer_of = |process: Process| {
        let answer = answers.iter().find(|(id, _)| *id == process.id);
        let state = answer.map_or(RequestState::Open, |(_, state)| state.clone());
        (process, state)
    };
    Ok(asked.into_iter().map(answer_of).collect())
}

/// Waits until all these processes have answered, or have ended.
async fn wait_for_answers(store: &Database, seq: i64, asked: &[Process]) -> Result<(), Fault> {
    loop {
        let (live, answers) = (live(store).await?, store.answers(seq).await?);
        let is_open = |process: &Process| {
            answers.iter().all(|(id, _)| *id != process.id)
                && live.iter().any(|each| each.id == process.id)
        };
        if !asked.iter().any(is_open) {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// The processes that run now.
async fn live(store: &Database) -> Result<Vec<Process>, Fault> {
    Ok(store.processes().await?.into_iter().filter(is_alive).collect())
}

/// A process in words, like `process 77 on gw1 (sink)`.
fn name(process: &Process) -> String {
    format!("{} ({})", instance::describe(&process.id), process.role)
}

fn note_silent(process: &Process) {
    out::note(format!(
        "{}: has not answered within {} s, or has ended; if it still runs, it does this as soon as it can: see its log",
        name(process),
        ANSWER_TIMEOUT.as_secs()
    ));
}
