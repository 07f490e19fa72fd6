//! `tonghui reconcile`: asks the source again for all its records, and compares them with the store by id and by the
//! digest that was stored with each demand. With `--repair`, reads the source again into the store.

use contract::{ChannelId, Complete, Fault, Period, ReadNo, TimeRange};
use serde::Serialize;
use sink::store::{Claim, RequestKind};

use super::{
    Change, Context, Exit, out,
    run::open_store_and_channels,
    sync::{LEASE_POLL_INTERVAL, PassResult, Requested, Row, pass_and_store, range},
};
use crate::{
    assemble,
    channel::LiveChannel,
    lease::LeaseHolder,
    offline::keep_only,
    reconcile::{Comparison, compare},
    service::{BusEnds, Role, retry_while_transient, run_within},
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

impl Args {
    /// What the command is about to change.
    pub(super) fn change(&self) -> Option<Change> {
        self.repair.then(|| Change { action: "repair", subject: self.channel.to_string() })
    }
}

/// Maximum number of keys of each kind that are printed as text.
const MAX_SHOWN: usize = 10;

/// What the command prints.
#[derive(Debug, Serialize)]
struct Report {
    channel: ChannelId,
    #[serde(flatten)]
    found: Comparison,
    /// Number of messages that were not stored yet: what they contain counts as missing.
    in_flight: u64,
    /// What was found after the repair; `null` if nothing was repaired.
    repaired: Option<Comparison>,
    /// Number of messages that the bus lost, and that the books no longer wait for after the repair.
    lost: u64,
}

/// What the command says if it ended before its work was done.
type Unfinished = String;

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut settings = assemble::settings(&context.config)?;
    keep_only(&mut settings, &args.channel)?;
    let range = range(args.from.as_deref(), args.to.as_deref(), settings.zone)?;
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let work = reconcile(&mut settings, args, range, &stop);
        let report = match run_within(&stop, args.deadline.0, Box::pin(work)).await? {
            Ok(report) => report,
            Err(done) => {
                out::note(done);
                return Ok(Exit::TryAgain);
            }
        };
        let is_whole = report.repaired.as_ref().unwrap_or(&report.found).is_whole();
        out::show(context.format, &report, Report::draw)?;
        Ok(if is_whole { Exit::Done } else { Exit::Failed })
    })
}

/// Compares and, if the arguments say so, repairs.
async fn reconcile(
    settings: &mut config::Settings,
    args: &Args,
    range: Option<TimeRange>,
    stop: &Stop,
) -> anyhow::Result<Result<Report, Unfinished>> {
    let stopped =
        || Ok(Err("stopped before everything was compared; nothing was changed".to_owned()));
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return stopped();
    };
    let Some(channel) = channels.into_iter().next() else { return stopped() };
    if channel.endpoint.is_some() {
        let fault = Fault::stopped("the sender of a push channel cannot be asked again")
            .at(format!("channel {}", channel.id()))
            .remedy("ask the sender for a list, or to send the records of that time again");
        return Err(fault.into());
    }
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return stopped();
    };
    let Some(shared) = ends.shared() else { return stopped() };
    let work = async {
        let range = range.unwrap_or(TimeRange::EVERYTHING);
        let again = channel.backfill(range);
        let Some(found) = Box::pin(compare_once(&again, &shared)).await? else { return stopped() };
        let channel = channel.id().clone();
        let in_flight = store.missing_receipts(&channel, ReadNo(0), u64::MAX).await?;
        let found = Report { channel, found, in_flight, repaired: None, lost: 0 };
        // Messages that were lost are missed by the books, even if later ones brought the same demands.
        if !args.repair || found.found.is_whole() && in_flight == 0 {
            return Ok(Ok(found));
        }
        Box::pin(repair(found, again, range, &shared)).await
    };
    let done = Box::pin(ends.run_sink_beside(work)).await?.0;
    store.close().await;
    done
}

/// Reads the source again into the store, and compares again. If nothing is missing then, the messages that are
/// still not stored are lost: their queue has delivered those of the repair, which were behind them.
async fn repair(
    report: Report,
    again: LiveChannel,
    range: TimeRange,
    shared: &Shared,
) -> anyhow::Result<Result<Report, Unfinished>> {
    let Report { channel, found, .. } = &report;
    let (n_missing, n_different) = (found.missing.len(), found.different.len());
    let begun = format!("{n_missing} demands were missing and {n_different} different");
    let last = shared.store.last_read(channel).await?;
    let rows = pass_and_store(vec![again.clone()], shared, last).await;
    match rows.first().map(Row::end) {
        Some(PassResult::Done { complete: Complete::Yes | Complete::Unknown, .. }) => {}
        Some(PassResult::NotYet { why }) => {
            let done = "the repair was begun, and may have brought back some of them already";
            return Ok(Err(format!("{begun}; {done}: {why}; run the command again to go on")));
        }
        _ => {
            let line = rows.first().map(Row::line).unwrap_or_default();
            anyhow::bail!("{begun}; they could not all be repaired: {line}");
        }
    }
    let Some(repaired) = Box::pin(compare_once(&again, shared)).await? else {
        let done = "everything was read again and stored, but not compared again";
        return Ok(Err(format!("{begun}; {done}; run the command again to compare")));
    };
    let is_proven = repaired.is_whole() && range == TimeRange::EVERYTHING;
    let lost = if is_proven { shared.store.write_off(channel, last).await? } else { 0 };
    Ok(Ok(Report { repaired: Some(repaired), lost, ..report }))
}

/// Compares once: in this process, or by the service that reads the channel, so that the limits of the source
/// hold. `None` if stop is requested before the end.
async fn compare_once(
    channel: &LiveChannel,
    shared: &Shared,
) -> anyhow::Result<Option<Comparison>> {
    let Shared { store, environment, .. } = shared;
    let leases = LeaseHolder::new(store.separate_handle(), false);
    let claim = || leases.claim(&channel.spec.upstream);
    while let Some(claim) = retry_while_transient(&environment.stop, claim).await? {
        match claim {
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
        if self.in_flight > 0 && !self.found.missing.is_empty() {
            let n = self.in_flight;
            text.push_str(&format!(
                "\n{n} messages are not stored yet; what they contain counts as missing"
            ));
        }
        if let Some(repaired) = &self.repaired {
            text.push_str("\nafter the repair: ");
            text.push_str(&describe(&self.channel, repaired));
        }
        if self.lost > 0 {
            text.push_str(&format!("\n{} messages that the bus lost were written off", self.lost));
        }
        text.push_str(
            "\ncompared by id, and by the digest that was stored with each demand: a column that somebody changed \
             in the database by hand is not found",
        );
        text
    }
}

fn describe(channel: &ChannelId, found: &Comparison) -> String {
    let Comparison { in_source, not_compared, rejected, missing, different, only_stored } = found;
    let mut text = format!(
        "{channel}: {in_source} demands in the source; {} missing here, {} different, {} only here",
        missing.len(),
        different.len(),
        only_stored.len(),
    );
    let skipped = not_compared.saturating_sub(*rejected);
    if skipped > 0 {
        text.push_str(&format!("; {skipped} records are skipped, and not compared"));
    }
    if *rejected > 0 {
        text.push_str(&format!(
            "\n{rejected} records of the source cannot be mapped, so nobody knows whether their demands are here: see \
             `tonghui quarantine list {channel}`",
        ));
    }
    let ids: Vec<_> = only_stored.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
    for (what, keys) in [("missing", missing), ("different", different), ("only here", &ids)] {
        for key in keys.iter().take(MAX_SHOWN) {
            text.push_str(&format!("\n{what}: {key}"));
        }
    }
    text
}
