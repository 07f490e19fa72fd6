//! `tonghui run`: runs all channels until stopped. Killing it is as safe as stopping it.

use std::convert::Infallible;

use config::{Problem, Problems, Settings};
use contract::{Fault, Memory};
use futures_util::future::join_all;
use sink::store::{Access, Database};
use tokio::sync::watch;

use super::{Context, Exit};
use crate::{
    asked::Asked,
    assemble, audit_copy,
    channel::LiveChannel,
    console,
    listener::{Listener, Refusals},
    presence::Presence,
    push,
    reload::{NextRun, ReloadRequests, note_broken},
    service::{Role, retry_while_transient, run_until_signal, serve_reloadable},
    stop::Stop,
    transport,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which part to run. `ingest` and `sink` need a broker.
    #[arg(long, value_enum, default_value_t)]
    role: Role,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let role = args.role;
    let read = || settings(context, role);
    let mut settings = read()?;
    let stop = Stop::default();
    let work = async {
        let opened = open_store_and_channels(&mut settings, role, &stop).await?;
        let Some((store, channels)) = opened else { return Ok(Exit::Done) };
        // Whoever sees this process may ask it at once.
        let asked = Asked::begin(&store).await;
        let presence = Presence::begin(&store, role).await;
        let own = presence.as_ref();
        let reloads = ReloadRequests::new(&store, asked, presence.clone());
        let serving =
            Box::pin(serve((settings, channels), role, (reloads, &read), &store, own, &stop));
        match &presence {
            Some(presence) => tokio::select! { biased;
                served = serving => {
                    presence.end().await;
                    served?;
                }
                never = presence.serve() => match never {},
            },
            None => serving.await?,
        }
        store.close().await;
        Ok(Exit::Done)
    };
    super::runtime()?.block_on(run_until_signal(&stop, work))
}

/// Runs the channels until stop is requested. Each turn runs until settings change that all channels share, and
/// everything has to restart.
async fn serve(
    (mut settings, mut channels): (Settings, Vec<LiveChannel>),
    role: Role,
    (mut reloads, read): (ReloadRequests, &impl Fn() -> Result<Settings, Problems>),
    store: &Database,
    presence: Option<&Presence>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let sink = presence.map(|presence| presence.sink.clone()).unwrap_or_default();
    let refusals = Refusals::default();
    note_broken(&settings, role, store).await;
    loop {
        let memory = Memory::new(settings.limits.memory.0);
        let shown = Shown { store, presence, refusals: &refusals, memory: &memory };
        let mut open_listeners = listeners(&settings, role, &channels, &shown).await?;
        tracing::info!(channels = channels.len(), store = store.place(), ?role, "running");
        let run_stop = stop.child();
        let (change, desired) = watch::channel(channels.clone());
        let common = settings.clone();
        // A console may not be allowed to read the audit log.
        let copy = common.audit_copy.as_deref().filter(|_| role != Role::Console);
        let mut running =
            Box::pin(serve_reloadable(&common, role, desired, store, &run_stop, &sink));
        let (ended, next) = loop {
            let listen_stop = run_stop.child();
            tokio::select! {
                ended = &mut running => break (ended?, None),
                never = listen(open_listeners, &listen_stop) => match never {},
                never = audit_copy::serve(copy, store) => match never {},
                next = reloads.next(role, (&settings, &channels), read) => match next {
                    NextRun { settings: new, channels: merged, n_new: Some(_) } => {
                        (settings, channels) = (new, merged);
                        change.send_replace(channels.clone());
                    }
                    NextRun { settings, channels, n_new: None } => {
                        run_stop.request();
                        break ((&mut running).await?, Some((settings, channels)));
                    }
                }
            }
            // What an inbox holds stays charged, so the memory is the same.
            open_listeners = listeners(&settings, role, &channels, &shown).await?;
        };
        drop(running);
        for (channel, end) in &ended {
            if let Err(fault) = end {
                let kind = fault.kind().name();
                tracing::warn!(%channel, kind, "the channel had a fault when it stopped: {fault}");
            }
        }
        match next {
            Some(next) if !stop.is_requested() => (settings, channels) = next,
            _ => return Ok(()),
        }
    }
}

/// Reads the configuration, and checks that it has what `role` needs.
fn settings(context: &Context, role: Role) -> Result<Settings, Problems> {
    let settings = match role {
        Role::All | Role::Ingest => assemble::settings(&context.config)?,
        // These roles connect to no source, so they need no secrets of sources.
        Role::Sink | Role::Console => {
            transport::checked(assemble::settings_without_secrets(&context.config)?)?
        }
    };
    let missing = |what: &str, remedy: &str| {
        Err(Problem::of_file("gateway.toml", what).advise(remedy).into())
    };
    if role == Role::Console && settings.console.is_none() {
        let what = "there is no [console], which `--role console` needs";
        return missing(what, "add [console] with `listen`");
    }
    if matches!(role, Role::Ingest | Role::Sink) && settings.bus.is_none() {
        let what = "there is no [bus], which `--role ingest` and `--role sink` need";
        return missing(what, "add [bus] with the URL of a broker, or run without --role");
    }
    Ok(settings)
}

/// What the listeners show, and what they count.
struct Shown<'a> {
    store: &'a Database,
    presence: Option<&'a Presence>,
    refusals: &'a Refusals,
    memory: &'a Memory,
}

/// Opens the HTTP listeners: for push channels, and for monitoring.
async fn listeners(
    settings: &Settings,
    role: Role,
    channels: &[LiveChannel],
    shown: &Shown<'_>,
) -> Result<Vec<Listener>, Fault> {
    let Shown { store, presence, refusals, memory } = shown;
    let endpoints =
        channels.iter().filter_map(|each| Some((each.id().clone(), each.endpoint.clone()?)));
    let endpoints = endpoints.collect();
    let timeouts = push::Timeouts::default();
    let intake =
        push::open(&settings.intake, endpoints, timeouts, memory.pushed.clone(), &refusals.intake)
            .await?;
    let console = match role {
        Role::All | Role::Console => console::open(settings, store, refusals, *presence).await?,
        Role::Ingest | Role::Sink => None,
    };
    Ok(intake.into_iter().chain(console).collect())
}

/// Serves until stop is requested, and then waits until the caller drops this future. That cuts off clients
/// that still wait for an answer; they try again.
async fn listen(listeners: Vec<Listener>, stop: &Stop) -> Infallible {
    join_all(listeners.into_iter().map(|listener| listener.serve(stop))).await;
    std::future::pending().await
}

/// Opens the store and builds the channels that can be used. Waits while the store cannot be reached; `None`
/// if stop is requested first.
pub(super) async fn open_store_and_channels(
    settings: &mut Settings,
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
            let Some((store, keys)) = opened else { return Ok(None) };
            let channels = assemble::some_channels(settings, &keys)?;
            Ok(Some((store, channels)))
        }
    }
}
