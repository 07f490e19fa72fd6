//! `tonghui pause`, `resume`, `accept`, `reload`: requests to the running service. They go through the
//! store, so the service may run on another machine.

use std::time::Duration;

use contract::{ChannelId, Fault};
use sink::store::{Access, ChannelStatus, Database, RequestKind, RequestState};

use super::{Change, Context, Exit, out};
use crate::{
    assemble, instance, lease::is_service_running, offline::unknown_channel, reload::ReloadDone,
};

/// How long to wait for the answer of a running service; after it, the command exits with code 75.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often `reload` checks for the answer.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Pause a channel until it is resumed.
    Pause(Args),
    /// Resume a paused channel.
    Resume(Args),
    /// Accept the records of a channel as they are now, after it stopped because they lack a field
    /// that nearly all had before.
    Accept(Args),
    /// Make the running service read its configuration again.
    Reload,
}

impl Command {
    /// What it is about to change.
    pub(super) fn change(&self) -> Change {
        let (action, subject) = match self {
            Self::Pause(Args { channel }) => ("pause", channel.to_string()),
            Self::Resume(Args { channel }) => ("resume", channel.to_string()),
            Self::Accept(Args { channel }) => ("accept", channel.to_string()),
            Self::Reload => ("reload", "configuration".to_owned()),
        };
        Change { action, subject }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let requester = instance::this_process();
    context.with_store(Access::ReadWrite, async |settings, store| {
        // `Accept` has no kind: it only changes the store, so no service has to serve it.
        let (Args { channel }, kind) = match command {
            Command::Pause(args) => (args, Some(RequestKind::Pause)),
            Command::Resume(args) => (args, Some(RequestKind::Resume)),
            Command::Accept(args) => (args, None),
            Command::Reload => {
                if let Some(exit) = reload_running(store).await? {
                    return Ok(exit);
                }
                out::note(
                    "nothing was reloaded: no service is running; the next one will read the configuration",
                );
                if let Some(problems) = assemble::with_all_problems(settings)?.all_problems() {
                    out::note(problems.to_string());
                }
                return Ok(Exit::Configuration);
            }
        };
        if !settings.channel_ids().contains(channel) {
            return Err(unknown_channel(settings, channel).into());
        }
        if let Some(kind) = kind {
            // The process that reads the channel checks twice a second whether it is paused.
            let seq = store.ask(kind, Some(channel), None, &requester).await?;
            store.answer(seq, &RequestState::Done(String::new())).await?;
        } else {
            let is_stopped = |status: &ChannelStatus| status.channel == *channel && status.braked;
            if !store.status().await?.iter().any(is_stopped) {
                out::note(format!(
                    "{channel} has not stopped for a missing field: nothing to accept"
                ));
                return Ok(Exit::Done);
            }
            store.accept_shape(channel, &requester).await?;
            out::note(format!("accepted; read the channel now with `tonghui sync {channel}`"));
        }
        Ok(Exit::Done)
    })
}

/// Makes the service that uses this store read its configuration and keys again. Returns the exit code, or
/// `None` if no service is running.
pub(super) async fn reload_running(store: &Database) -> anyhow::Result<Option<Exit>> {
    if !is_service_running(store).await? {
        return Ok(None);
    }
    let seq = store.ask(RequestKind::Reload, None, None, &instance::this_process()).await?;
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, wait_for_answer(store, seq)).await;
    let exit = match answered.unwrap_or(Ok(RequestState::Open))? {
        RequestState::Done(answer) => {
            let ReloadDone { summary, n_broken } = ReloadDone::from_answer(&answer);
            out::print(format!("configuration reloaded: {summary}"))?;
            if n_broken > 0 { Exit::SomeChannels } else { Exit::Done }
        }
        RequestState::Failed(why) => {
            out::note(why);
            Exit::Configuration
        }
        RequestState::Open => {
            out::note(
                "the service has not answered within 30 s; it reloads as soon as it can: see its log",
            );
            Exit::TryAgain
        }
    };
    Ok(Some(exit))
}

/// Waits for the answer to a request.
async fn wait_for_answer(store: &Database, seq: i64) -> Result<RequestState, Fault> {
    loop {
        match store.request(seq).await? {
            RequestState::Open => tokio::time::sleep(POLL_INTERVAL).await,
            answer => return Ok(answer),
        }
    }
}
