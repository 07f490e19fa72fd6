//! `tonghui reconcile`: asks the source again for all its records, and compares them by id with the store. With
//! `--repair`, reads the source again into the store.

use contract::{ChannelId, Fault, Period, TimeRange};
use serde::Serialize;
use sink::store::{Claim, RequestKind};

use super::{
    Context, Exit, out,
    run::open_store_and_channels,
    sync::{LEASE_POLL_INTERVAL, Requested, pass_and_store, range},
};
use crate::{
    assemble,
    channel::LiveChannel,
    lease::LeaseHolder,
    offline::ensure_configured,
    reconcile::{Comparison, compare},
    service::{BusEnds, Role, run_until_signal},
    stop::Stop,
    supervise::Shared,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// Compare only records from this time on: 2026-11-23, yesterday, -1d, in the gateway's time zone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End of the time range, exclusive.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "from")]
    to: Option<String>,
    /// Read the source again and store what is missing or different.
    #[arg(long)]
    repair: bool,
    /// Time limit; after it the command exits with code 75.
    #[arg(long, default_value = "20m", value_name = "PERIOD")]
    deadline: Period,
}

/// Maximum number of keys of each kind that are printed as text.
const MAX_SHOWN: usize = 10;

/// What the command prints.
#[derive(Debug, Serialize)]
struct Report {
    channel: ChannelId,
    #[serde(flatten)]
    found: Comparison,
    /// What was found after the repair; `null` if nothing was repaired.
    repaired: Option<Comparison>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut settings = assemble::settings(&context.config)?;
    ensure_configured(&settings, std::slice::from_ref(&args.channel))?;
    let range = range(args.from.as_deref(), args.to.as_deref(), settings.zone)?;
    settings.channels.retain(|channel| channel.id == args.channel);
    settings.broken.retain(|id, _| *id == args.channel);
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let work = reconcile(&mut settings, args, range, &stop);
        tokio::pin!(work);
        let until_deadline = async {
            tokio::select! {
                report = &mut work => return report,
                () = tokio::time::sleep(args.deadline.0) => stop.request(),
            }
            work.await
        };
        let Some(report) = run_until_signal(&stop, until_deadline).await? else {
            out::note("stopped before everything was compared; nothing was changed");
            return Ok(Exit::TryAgain);
        };
        let is_whole = report.repaired.as_ref().unwrap_or(&report.found).is_whole();
        out::show(context.format, &report, Report::draw)?;
        Ok(if is_whole { Exit::Done } else { Exit::Failed })
    })
}

/// Compares and, if the arguments say so, repairs; `None` if stop is requested before the end.
async fn reconcile(
    settings: &mut config::Settings,
    args: &Args,
    range: Option<TimeRange>,
    stop: &Stop,
) -> anyhow::Result<Option<Report>> {
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return Ok(None);
    };
    let Some(channel) = channels.into_iter().next() else { return Ok(None) };
    if channel.endpoint.is_some() {
        let fault = Fault::stopped("the sender of a push channel cannot be asked again")
            .at(format!("channel {}", channel.id()))
            .remedy("ask the sender for a list, or to send the records of that time again");
        return Err(fault.into());
    }
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return Ok(None);
    };
    let Some(shared) = ends.shared() else { return Ok(None) };
    let work = async {
        let again = channel.backfill(range.unwrap_or(TimeRange::EVERYTHING));
        let Some(found) = Box::pin(compare_once(&again, &shared)).await? else { return Ok(None) };
        let id = channel.id().clone();
        if found.is_whole() || !args.repair {
            return Ok(Some(Report { channel: id, found, repaired: None }));
        }
        // Messages that a queue lost will never be stored: the repair waits for its own messages only.
        let n_lost = store.missing_receipts(&id, u64::MAX >> 1).await?;
        let rows = pass_and_store(vec![again.clone()], &shared, n_lost).await;
        if let Some(row) = rows.iter().find(|row| !row.is_done()) {
            anyhow::bail!("what was found could not be repaired: {}", row.line());
        }
        let repaired = Box::pin(compare_once(&again, &shared)).await?;
        Ok(repaired.map(|repaired| Report { channel: id, found, repaired: Some(repaired) }))
    };
    Box::pin(ends.run_sink_beside(work)).await
}

/// Compares once: in this process, or by the service that reads the channel, so that the limits of the source
/// hold. `None` if stop is requested before the end.
async fn compare_once(
    channel: &LiveChannel,
    shared: &Shared,
) -> anyhow::Result<Option<Comparison>> {
    let Shared { store, environment, .. } = shared;
    let leases = LeaseHolder::new(store.separate_handle(), false);
    while !environment.stop.is_requested() {
        match leases.claim(&channel.spec.upstream).await? {
            Claim::Ours(lease) => {
                let work = Box::pin(compare(channel, channel.spec.range, store, environment));
                if let Some(comparison) =
                    Box::pin(leases.hold_counting(&lease, &channel.gate, work)).await
                {
                    return Ok(comparison?);
                }
            }
            Claim::Held(held) if held.serves => {
                let requested = Requested::new(shared, RequestKind::Reconcile, channel).await?;
                match requested.answer(&held).await {
                    Some(Ok(answer)) => return Ok(Some(serde_json::from_str(&answer)?)),
                    Some(Err(why)) => anyhow::bail!(why),
                    None => {}
                }
            }
            Claim::Held(_) | Claim::Lost => environment.stop.or_sleep(LEASE_POLL_INTERVAL).await,
        }
    }
    Ok(None)
}

impl Report {
    fn draw(&self) -> String {
        let mut text = describe(&self.channel, &self.found);
        if let Some(repaired) = &self.repaired {
            text.push_str("\nafter the repair: ");
            text.push_str(&describe(&self.channel, repaired));
        }
        text
    }
}

fn describe(channel: &ChannelId, found: &Comparison) -> String {
    let Comparison { in_source, not_compared, missing, different, only_stored } = found;
    let mut text = format!(
        "{channel}: {in_source} demands in the source; {} missing here, {} different, {} only here",
        missing.len(),
        different.len(),
        only_stored.len(),
    );
    if *not_compared > 0 {
        text.push_str(&format!("; {not_compared} records skipped or rejected, and not compared"));
    }
    let ids: Vec<_> = only_stored.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
    for (what, keys) in [("missing", missing), ("different", different), ("only here", &ids)] {
        for key in keys.iter().take(MAX_SHOWN) {
            text.push_str(&format!("\n{what}: {key}"));
        }
    }
    text
}
