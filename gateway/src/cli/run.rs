//! `tonghui run`: all channels, until stopped. Killing it is as safe as stopping it.

use std::convert::Infallible;

use config::{Problem, Problems, Settings};
use contract::Fault;
use sink::store::{Access, Database};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    backoff::Backoff,
    intake::{Intake, Limits},
    service::{Role, serve, stop_on_signal},
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
    let settings = match args.role {
        Role::All | Role::Ingest => assemble::settings(&context.config)?,
        // It connects to no source: their secrets are not its business.
        Role::Sink => assemble::settings_without_secrets(&context.config)?,
    };
    if args.role != Role::All && settings.bus.is_none() {
        let problem = Problem::of_file("gateway.toml", "half a gateway needs a broker: no [bus]");
        return Err(Problems::from(problem.advise("name one, or run without --role")).into());
    }
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let signals = stop_on_signal(&stop);
        let running = run_until(&settings, args.role, &stop);
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => ended,
            () = signals => {
                out::note("stopping at the next batch border …");
                running.await
            }
        }
    })
}

async fn run_until(settings: &Settings, role: Role, stop: &Stop) -> anyhow::Result<Exit> {
    let Some((store, plans)) = prepared(settings, role, stop).await? else {
        return Ok(Exit::Done);
    };
    let doors = plans.iter().filter_map(|plan| Some((plan.id.clone(), plan.door()?))).collect();
    let intake = Intake::open(settings.intake, doors, Limits::default()).await?;
    tracing::info!(channels = plans.len(), ?store, ?role, "running");
    let letting_in = async {
        if let Some(intake) = intake {
            intake.serve(stop).await;
        }
        // Who is still waiting for an answer is cut off with the channels, and sends again.
        std::future::pending::<Infallible>().await
    };
    let ended = tokio::select! {
        ended = serve(settings, role, plans, &store, stop) => ended?,
        never = letting_in => match never {},
    };
    for (channel, fault) in ended.iter().filter_map(|(id, end)| Some((id, end.as_ref().err()?))) {
        tracing::warn!(%channel, "stopped while it had a fault: {fault}");
    }
    Ok(Exit::Done)
}

/// Opens the store and builds the channels; waits for a store that is not there yet. `None` where
/// stop was asked meanwhile.
async fn prepared(
    settings: &Settings,
    role: Role,
    stop: &Stop,
) -> anyhow::Result<Option<(Database, Vec<ChannelPlan>)>> {
    let mut backoff = Backoff::new();
    while !stop.is_asked() {
        let fault = match role {
            Role::Sink => match assemble::open_store(settings, Access::ReadWrite).await {
                Ok(store) => return Ok(Some((store, Vec::new()))),
                Err(fault) => fault,
            },
            Role::All | Role::Ingest => match assemble::open(settings).await {
                Ok((store, keys)) => {
                    return Ok(Some((store, assemble::channels(settings, &keys)?)));
                }
                Err(fault) => fault,
            },
        };
        wait(fault, &mut backoff, stop).await?;
    }
    Ok(None)
}

async fn wait(fault: Fault, backoff: &mut Backoff, stop: &Stop) -> Result<(), Fault> {
    if !fault.is_transient() {
        return Err(fault);
    }
    let wait = backoff.wait();
    tracing::warn!("store: {fault}; trying again in {:.1} s", wait.as_secs_f32());
    stop.or_sleep(wait).await;
    Ok(())
}
