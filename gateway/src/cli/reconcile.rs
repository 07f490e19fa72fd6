//! `tonghui reconcile`: asks the source again for all its records, and compares them with the store by id and by the
//! digest that was stored with each demand. With `--repair`, reads the source again into the store.

mod repair;

use contract::{ChannelId, Period, ReadNo, TimeRange};
use serde::Serialize;

use super::{Change, Context, Exit, out, sync::range};
use crate::{
    assemble, channel::LiveChannel, offline::keep_only, reconcile::Comparison, service::run_within,
    stop::Stop, supervise::Shared,
};
use repair::compare_once;
pub(super) use repair::{Repaired, Unfinished, repair, with_source};

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
    let stopped = "stopped before everything was compared; nothing was changed";
    let work =
        with_source(settings, stop, stopped, async |channel: LiveChannel, shared: &Shared| {
            let range = range.unwrap_or(TimeRange::EVERYTHING);
            let again = channel.backfill(range);
            let Some(found) = Box::pin(compare_once(&again, shared)).await? else {
                return Ok(Err(stopped.to_owned()));
            };
            let channel = channel.id().clone();
            let in_flight = shared.store.missing_receipts(&channel, ReadNo(0), u64::MAX).await?;
            // Messages that were lost are missed by the books, even if later ones brought the same demands.
            if !args.repair || found.is_whole() && in_flight == 0 {
                return Ok(Ok(Report { channel, found, in_flight, repaired: None, lost: 0 }));
            }
            let (n_missing, n_different) = (found.missing.len(), found.different.len());
            let begun = format!("{n_missing} demands were missing and {n_different} different");
            let done = Box::pin(repair(again, range, shared, &begun)).await?;
            Ok(done.map(|Repaired { found: repaired, lost }| Report {
                channel,
                found,
                in_flight,
                repaired: Some(repaired),
                lost,
            }))
        });
    Box::pin(work).await
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

/// What a comparison has found, as text.
pub(super) fn describe(channel: &ChannelId, found: &Comparison) -> String {
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
