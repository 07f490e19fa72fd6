//! `tonghui pause`, `resume`, `accept`, `reload`: what a running service is told, through the store,
//! whichever process and machine it is.

use std::time::Duration;

use config::{Problem, Problems, Settings};
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

/// Lets a channel go on whose source says less than it always said.
pub(super) fn accept(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = known(context, &args.channel)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadWrite).await?;
        store.accept_shape(&args.channel, Instance::own().as_str()).await?;
        out::note(format!("accepted; `tonghui sync {}` reads the channel now", args.channel));
        Ok(Exit::Done)
    })
}

pub(super) fn reload(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadWrite).await?;
        let answered = reload_running(&store).await?;
        Ok(answered.unwrap_or_else(|| {
            out::note("no service is running; the next one starts with the configuration as it is");
            Exit::Done
        }))
    })
}

/// Has the service that runs on this store read its configuration and its keys again; `None` where
/// there is none.
pub(super) async fn reload_running(store: &Database) -> anyhow::Result<Option<Exit>> {
    let is_running = store.leases().await?.iter().any(|lease| lease.serves);
    if is_running { tell(store, RequestKind::Reload).await.map(Some) } else { Ok(None) }
}

/// The settings, if they have this channel.
fn known(context: &Context, channel: &ChannelId) -> anyhow::Result<Settings> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    no_stranger(&settings, std::slice::from_ref(channel))?;
    Ok(settings)
}

/// Refuses names that no channel has.
pub(super) fn no_stranger(settings: &Settings, named: &[ChannelId]) -> Result<(), Problems> {
    let is_strange = |id: &&ChannelId| settings.channels.iter().all(|known| known.id != **id);
    let Some(stranger) = named.iter().find(is_strange) else { return Ok(()) };
    let problem = Problem::of_file(format!("channels/{stranger}"), "there is no such channel");
    Err(problem.into())
}

fn of_channel(context: &Context, args: &Args, kind: RequestKind) -> anyhow::Result<Exit> {
    let settings = known(context, &args.channel)?;
    let channel = &args.channel;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadWrite).await?;
        // Who holds the channel looks twice a second; who will hold it finds it told.
        let seq = store.ask(kind, Some(channel), None, Instance::own().as_str()).await?;
        store.answer(seq, &RequestState::Done(String::new())).await?;
        Ok(Exit::Done)
    })
}

/// Asks, and waits for the answer.
async fn tell(store: &Database, kind: RequestKind) -> anyhow::Result<Exit> {
    let seq = store.ask(kind, None, None, Instance::own().as_str()).await?;
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            match store.request(seq).await? {
                RequestState::Open => tokio::time::sleep(LOOK_EVERY).await,
                RequestState::Done(said) => return anyhow::Ok(Ok(said)),
                RequestState::Failed(why) => return Ok(Err(why)),
            }
        }
    });
    match answered.await {
        Ok(Ok(Ok(said))) => {
            out::print(format!("configuration reloaded: {said}"))?;
            Ok(Exit::Done)
        }
        Ok(Ok(Err(why))) => {
            out::note(why);
            Ok(Exit::Failed)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => {
            out::note("the service has not answered within 30 s; it still will");
            Ok(Exit::TryAgain)
        }
    }
}
