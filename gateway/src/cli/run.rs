//! `tonghui run`: all channels, until stopped. Killing it is as safe as stopping it.

use std::convert::Infallible;

use config::{Problem, Problems, Settings};
use sink::store::{Access, Database};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    intake::{Intake, Limits},
    reload,
    service::{Role, patiently, serve, stop_on_signal},
    stop::Stop,
    supervise::ChannelPlan,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which half to run, where a broker stands between the two.
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
        Role::Sink => assemble::settings_without_secrets(&context.config)?,
    };
    if role != Role::All && settings.bus.is_none() {
        let problem = Problem::of_file("gateway.toml", "half a gateway needs a broker: no [bus]");
        return Err(problem.advise("name one, or run without --role").into());
    }
    Ok(settings)
}

/// Runs until stop is asked; begins anew with every configuration that is whole.
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
        let doors = plans.iter().filter_map(|plan| Some((plan.id.clone(), plan.door()?))).collect();
        let intake = Intake::open(settings.intake, doors, Limits::default()).await?;
        tracing::info!(channels = plans.len(), ?store, ?role, "running");
        let this_time = stop.child();
        let serving = serve(&settings, role, plans, &store, &this_time);
        let mut running = Box::pin(beside(intake, serving, &this_time));
        let (ended, next) = tokio::select! {
            ended = &mut running => (ended?, None),
            next = reloads.next(role, read) => {
                this_time.ask();
                ((&mut running).await?, Some(next))
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

/// Lets senders in for as long as `serving` goes on. Who is still waiting for an answer then is cut
/// off, and sends again.
async fn beside<T>(intake: Option<Intake>, serving: impl Future<Output = T>, stop: &Stop) -> T {
    let letting_in = async {
        if let Some(intake) = intake {
            intake.serve(stop).await;
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        served = serving => served,
        never = letting_in => match never {},
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
        Role::Sink => {
            let opened = patiently(stop, || assemble::open_store(settings, Access::ReadWrite));
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
