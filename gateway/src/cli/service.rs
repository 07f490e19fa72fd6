//! `tonghui pause`, `resume`, `reload`: what a running service is told, through the store, whichever
//! process and machine it is.

use std::time::Duration;

use config::{Problem, Problems};
use contract::ChannelId;
use sink::store::{Access, Database, RequestKind, RequestState};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, instance::Instance};

/// A running service answers within this, or there is none.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The channel.
    channel: ChannelId,
}

pub(super) fn pause(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    of_channel(context, args, RequestKind::Pause)
}

pub(super) fn resume(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    of_channel(context, args, RequestKind::Resume)
}

pub(super) fn reload(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadWrite).await?;
        if store.leases().await?.iter().all(|lease| !lease.serves) {
            out::note("no service is running: the next one reads the configuration as it is");
            return Ok(Exit::Done);
        }
        tell(&store, RequestKind::Reload, None).await
    })
}

fn of_channel(context: &Context, args: &Args, kind: RequestKind) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let channel = &args.channel;
    let Some(known) = settings.channels.iter().find(|known| known.id == *channel) else {
        let problem = Problem::of_file(format!("channels/{channel}"), "there is no such channel");
        return Err(Problems::from(problem).into());
    };
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadWrite).await?;
        let upstream = known.id.as_str();
        if store.leases().await?.iter().any(|lease| lease.serves && lease.upstream == upstream) {
            return tell(&store, kind, Some(channel)).await;
        }
        // No service holds it now: the next one finds it told.
        let seq = store.ask(kind, Some(channel), Instance::own().as_str()).await?;
        store.answer(seq, &RequestState::Done(String::new())).await?;
        out::print(format!("{channel}: no service runs it now; the next one will know"))?;
        Ok(Exit::Done)
    })
}

/// Asks, and waits for the answer.
async fn tell(
    store: &Database,
    kind: RequestKind,
    channel: Option<&ChannelId>,
) -> anyhow::Result<Exit> {
    let seq = store.ask(kind, channel, Instance::own().as_str()).await?;
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            match store.request(seq).await? {
                RequestState::Open => tokio::time::sleep(LOOK_EVERY).await,
                ended => return anyhow::Ok(ended),
            }
        }
    });
    let who = channel.map_or_else(|| "configuration".to_owned(), ToString::to_string);
    match answered.await {
        Ok(ended) => match ended? {
            RequestState::Failed(why) => {
                out::note(format!("{who}: {why}"));
                Ok(Exit::Failed)
            }
            RequestState::Done(said) if said.is_empty() => {
                out::print(format!("{who}: done"))?;
                Ok(Exit::Done)
            }
            RequestState::Done(said) => {
                out::print(format!("{who}: {said}"))?;
                Ok(Exit::Done)
            }
            RequestState::Open => Ok(Exit::TryAgain),
        },
        Err(_) => {
            out::note(format!("{who}: the service has not answered yet; it will"));
            Ok(Exit::TryAgain)
        }
    }
}
