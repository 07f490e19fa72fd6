//! `tonghui pause`, `resume`, `accept`, `retry`, `reload`: requests to the running service. They go through the
//! store, so the service may run on another machine.

use contract::ChannelId;
use sink::store::{Access, ChannelStatus, RequestKind, RequestState};

use super::{Change, Context, Exit, ask, out};
use crate::{assemble, instance, offline::unknown_channel};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Pause a channel until it is resumed.
    Pause(Args),
    /// Resume a paused channel.
    Resume(Args),
    /// Accept the records of a channel as they are now, after it stopped because they lack a field
    /// that nearly all had before.
    Accept(Args),
    /// End the wait after a fault: of a channel, of all channels, or of the sinks.
    Retry(Retry),
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
            Self::Retry(Retry { sink: true, .. }) => ("retry", "sinks".to_owned()),
            Self::Retry(Retry { channel, .. }) => {
                let all = || "all channels".to_owned();
                ("retry", channel.as_ref().map_or_else(all, ToString::to_string))
            }
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

#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// Folder name of the channel [default: all channels].
    channel: Option<ChannelId>,
    /// Wake the sinks, and no channel.
    #[arg(long, conflicts_with = "channel")]
    sink: bool,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let requester = instance::this_process();
    context.with_store(Access::ReadWrite, async |settings, store| {
        // `Accept` has no kind: it only changes the store, so no service has to serve it.
        let (Args { channel }, kind) = match command {
            Command::Pause(args) => (args, Some(RequestKind::Pause)),
            Command::Resume(args) => (args, Some(RequestKind::Resume)),
            Command::Accept(args) => (args, None),
            Command::Retry(Retry { channel, sink }) => {
                if let Some(channel) = channel
                    && !settings.channel_ids().contains(channel)
                {
                    return Err(unknown_channel(settings, channel).into());
                }
                return Box::pin(ask::retry(store, channel.as_ref(), *sink)).await;
            }
            Command::Reload => {
                if let Some(exit) = Box::pin(ask::reload(store)).await? {
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
