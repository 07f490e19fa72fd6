//! `tonghui run`: all channels, until stopped. Killing it is as safe as stopping it.

use std::convert::Infallible;

use config::{Problem, Problems, Settings};
use contract::Fault;
use futures_util::future::OptionFuture;
use sink::store::{Access, Database};
use tokio::sync::watch;

use super::{Context, out::Exit};
use crate::{
    assemble,
    channel::LiveChannel,
    console::Console,
    push::{Limits, PushListener},
    reload::{Next, Reloads},
    service::{Role, retry_while_transient, serve_wanted, until_signal},
    stop::Stop,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which part to run: with a broker one half of it, or what tells how the others stand.
    #[arg(long, value_enum, default_value_t)]
    role: Role,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let role = args.role;
    let read = || settings(context, role);
    let mut settings = read()?;
    let stop = Stop::default();
    let work = async {
        let Some((store, mut channels)) = prepared(&settings, role, &stop).await? else {
            return Ok(Exit::Done);
        };
        let mut reloads = Reloads::begin(&store).await;
        // Once for every configuration that changes what all channels share.
        loop {
            let mut listeners = Listeners::open(&settings, role, &channels, &store).await?;
            tracing::info!(channels = channels.len(), ?store, ?role, "running");
            let this_time = stop.child();
            let (change, wanted) = watch::channel(channels.clone());
            let common = settings.clone();
            let mut running = Box::pin(serve_wanted(&common, role, wanted, &store, &this_time));
            let (ended, next) = loop {
                let open = this_time.child();
                tokio::select! {
                    ended = &mut running => break (ended?, None),
                    never = listeners.serve(&open) => match never {},
                    next = reloads.next(role, (&settings, &channels), &read) => match next {
                        Next::Channels { settings: new, channels: merged, .. } => {
                            (settings, channels) = (*new, merged);
                            change.send_replace(channels.clone());
                        }
                        Next::Everything(new, channels) => {
                            this_time.request();
                            break ((&mut running).await?, Some((*new, channels)));
                        }
                    }
                }
                listeners = Listeners::open(&settings, role, &channels, &store).await?;
            };
            drop(running);
            for (channel, end) in &ended {
                if let Err(fault) = end {
                    tracing::warn!(%channel, "stopped while it had a fault: {fault}");
                }
            }
            match next {
                Some(next) if !stop.is_requested() => (settings, channels) = next,
                _ => return Ok(Exit::Done),
            }
        }
    };
    super::runtime()?.block_on(until_signal(&stop, work))
}

fn settings(context: &Context, role: Role) -> Result<Settings, Problems> {
    let settings = match role {
        Role::All | Role::Ingest => assemble::settings(&context.config)?,
        // It connects to no source: their secrets are not its business.
        Role::Sink | Role::Console => assemble::settings_without_secrets(&context.config)?,
    };
    if role == Role::Console && settings.console.is_none() {
        let problem =
            Problem::of_file("gateway.toml", "nothing says where to listen: no [console]");
        return Err(problem.advise("add it, with `listen`").into());
    }
    if matches!(role, Role::Ingest | Role::Sink) && settings.bus.is_none() {
        let problem = Problem::of_file("gateway.toml", "half a gateway needs a broker: no [bus]");
        return Err(problem.advise("name one, or run without --role").into());
    }
    Ok(settings)
}

/// Where others come in. Whoever is still waiting for an answer when it is dropped is cut off, and
/// comes again.
struct Listeners {
    senders: Option<PushListener>,
    console: Option<Console>,
}

impl Listeners {
    async fn open(
        settings: &Settings,
        role: Role,
        channels: &[LiveChannel],
        store: &Database,
    ) -> Result<Self, Fault> {
        let endpoints = channels
            .iter()
            .filter_map(|each| Some((each.id().clone(), each.endpoint.clone()?)))
            .collect();
        let senders = PushListener::open(settings.intake, endpoints, Limits::default()).await?;
        let console = match role {
            Role::All | Role::Console => Console::open(settings, store).await?,
            Role::Ingest | Role::Sink => None,
        };
        Ok(Self { senders, console })
    }

    /// Lets senders in, and answers who asks, until stop is asked; never ends by itself.
    async fn serve(self, stop: &Stop) -> Infallible {
        let senders = self.senders.map(|senders| senders.serve(stop));
        let console = self.console.map(|console| console.serve(stop));
        tokio::join!(OptionFuture::from(senders), OptionFuture::from(console));
        std::future::pending().await
    }
}

/// Opens the store and builds the channels; waits for a store that is not there yet. `None` where
/// stop was asked meanwhile.
pub(super) async fn prepared(
    settings: &Settings,
    role: Role,
    stop: &Stop,
) -> anyhow::Result<Option<(Database, Vec<LiveChannel>)>> {
    match role {
        Role::Sink | Role::Console => {
            let access = if role == Role::Sink { Access::ReadWrite } else { Access::ReadOnly };
            let opened = retry_while_transient(stop, || assemble::open_store(settings, access));
            Ok(opened.await?.map(|store| (store, Vec::new())))
        }
        Role::All | Role::Ingest => {
            let opened = retry_while_transient(stop, || assemble::open(settings)).await?;
            let prepared = opened.map(|(store, keys)| {
                let channels = assemble::channels(settings, &keys)?;
                anyhow::Ok((store, channels))
            });
            prepared.transpose()
        }
    }
}
