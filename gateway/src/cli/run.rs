//! `tonghui run`: all channels, until stopped. Killing it is as safe as stopping it.

use std::convert::Infallible;

use config::{Problem, Problems, Settings};
use contract::Fault;
use sink::store::{Access, Database};
use tokio::sync::watch;

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    console::Console,
    intake::{Intake, Limits},
    reload::{self, Next},
    service::{Role, patiently, serve_on, stop_on_signal},
    stop::Stop,
    supervise::ChannelPlan,
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
    let settings = read()?;
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let running = run_until(settings, role, &read, &stop);
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => ended,
            () = stop_on_signal(&stop) => {
                out::note("stopping at the next batch border …");
                running.await
            }
        }
    })
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

/// Runs until stop is asked, with every configuration that is whole.
async fn run_until(
    mut settings: Settings,
    role: Role,
    read: &impl Fn() -> Result<Settings, Problems>,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let Some((store, mut plans)) = prepared(&settings, role, stop).await? else {
        return Ok(Exit::Done);
    };
    let mut reloads = reload::Watch::begin(&store).await;
    loop {
        let mut first = Some(Doors::open(&settings, role, &plans, &store).await?);
        tracing::info!(channels = plans.len(), ?store, ?role, "running");
        let this_time = stop.child();
        let (change, changing) = watch::channel(plans.clone());
        let common = settings.clone();
        let mut running = Box::pin(serve_on(&common, role, changing, &store, &this_time));
        let (ended, next) = loop {
            let doors = match first.take() {
                Some(doors) => doors,
                None => Doors::open(&settings, role, &plans, &store).await?,
            };
            let open = this_time.child();
            tokio::select! {
                ended = &mut running => break (ended?, None),
                never = doors.serve(&open) => match never {},
                next = reloads.next(role, (&settings, &plans), read) => match next {
                    Next::Channels { settings: new, plans: merged, .. } => {
                        (settings, plans) = (*new, merged);
                        change.send_replace(plans.clone());
                    }
                    Next::Everything(new, plans) => {
                        this_time.ask();
                        break ((&mut running).await?, Some((*new, plans)));
                    }
                }
            }
        };
        drop(running);
        for (channel, end) in &ended {
            if let Err(fault) = end {
                tracing::warn!(%channel, "stopped while it had a fault: {fault}");
            }
        }
        match next {
            Some(next) if !stop.is_asked() => (settings, plans) = next,
            _ => return Ok(Exit::Done),
        }
    }
}

/// Where others come in. Whoever is still waiting for an answer when it is dropped is cut off, and
/// comes again.
struct Doors {
    intake: Option<Intake>,
    console: Option<Console>,
}

impl Doors {
    async fn open(
        settings: &Settings,
        role: Role,
        plans: &[ChannelPlan],
        store: &Database,
    ) -> Result<Self, Fault> {
        let doors = plans.iter().filter_map(|plan| Some((plan.id.clone(), plan.door()?))).collect();
        let intake = Intake::open(settings.intake, doors, Limits::default()).await?;
        let console = match role {
            Role::All | Role::Console => Console::open(settings, store).await?,
            Role::Ingest | Role::Sink => None,
        };
        Ok(Self { intake, console })
    }

    /// Lets senders in, and answers who asks, until stop is asked; never ends by itself.
    async fn serve(self, stop: &Stop) -> Infallible {
        let intake = async {
            if let Some(intake) = self.intake {
                intake.serve(stop).await;
            }
        };
        let console = async {
            if let Some(console) = self.console {
                console.serve(stop).await;
            }
        };
        tokio::join!(intake, console);
        std::future::pending().await
    }
}

/// Opens the store and builds the channels; waits for a store that is not there yet. `None` where
/// stop was asked meanwhile.
pub(super) async fn prepared(
    settings: &Settings,
    role: Role,
    stop: &Stop,
) -> anyhow::Result<Option<(Database, Vec<ChannelPlan>)>> {
    match role {
        Role::Sink | Role::Console => {
            let access = if role == Role::Sink { Access::ReadWrite } else { Access::ReadOnly };
            let opened = patiently(stop, || assemble::open_store(settings, access));
            Ok(opened.await?.map(|store| (store, Vec::new())))
        }
        Role::All | Role::Ingest => {
            let opened = patiently(stop, || assemble::open(settings)).await?;
            let prepared = opened.map(|(store, keys)| {
                let plans = assemble::channels(settings, &keys)?;
                anyhow::Ok((store, plans))
            });
            prepared.transpose()
        }
    }
}
