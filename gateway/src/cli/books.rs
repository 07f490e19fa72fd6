//! `tonghui books`: prints the books. Read = accepted + skipped + rejected; published = stored +
//! unchanged + stale + quarantined + in flight + lost. Books balance when every message has an equal receipt, or was
//! lost and written off.

mod statement;
mod verify;

use config::Settings;
use contract::{ChannelId, Complete, PassEnd, Timestamp};
use serde::Serialize;
use sink::store::{Access, BooksRow, Database};

use super::{Context, Exit, out};
use crate::{
    clock::{self, parse_time},
    offline::unknown_channel,
    status::COUNTS,
};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Show only this channel.
    channel: Option<ChannelId>,
    /// Count only reads since this time: 2026-11-23, 2026-11-23T08:00, yesterday, -1d, in the gateway's
    /// time zone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the statement of a day of a channel: the counts of its books, the demands that were first seen on it, the
    /// hash of the statement before, and a proof by the bus key.
    Statement(statement::Args),
    /// Check that a statement was not altered and that the store is as it says, and compare it with the source's list.
    Verify(verify::Args),
}

/// The books of all channels.
#[derive(Debug, Serialize)]
pub(super) struct Ledger {
    /// Whether all books balance; null while messages are in flight.
    pub(super) balanced: Option<bool>,
    /// States that were stored and are gone.
    pub(super) missing: u64,
    /// Duration of a demo, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    /// Peak memory of a demo, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_mb: Option<u64>,
    pub(super) channels: Vec<Row>,
}

/// The books of one channel.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) books: BooksRow,
    /// Number of records that the source listed in the last pass; `None` if it does not say.
    source_count: Option<u64>,
    /// The account of the last pass that came to an end.
    pass: Option<PassEnd>,
    /// Whether that pass read everything that the source has.
    complete: Option<Complete>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Some(Command::Statement(args)) => return statement::run(context, args),
        Some(Command::Verify(args)) => return verify::run(context, args),
        None => {}
    }
    context.with_store(Access::ReadOnly, async |settings, store| {
        ensure_known(settings, store, args.channel.as_ref()).await?;
        let since = args.since.as_deref().map(|text| parse_time(text, settings.zone, clock::now()));
        let since = since.transpose()?;
        let mut ledger = read_ledger(store, args.channel.as_ref(), since).await?;
        if args.channel.is_none() && since.is_none() {
            let books: Vec<_> = ledger.channels.iter().map(|row| row.books.clone()).collect();
            ledger.missing = store.missing_states(&books, settings.history.is_some()).await?;
            // Demands can be brought back, their deleted history cannot.
            if ledger.missing > 0 && store.missing_states(&books, true).await? > 0 {
                ledger.balanced = Some(false);
            }
        }
        out::show(context.format, &ledger, Ledger::draw)?;
        Ok(if ledger.balanced == Some(false) { Exit::Failed } else { Exit::Done })
    })
}

/// Fails if neither the configuration nor the store knows this channel.
pub(super) async fn ensure_known(
    settings: &Settings,
    store: &Database,
    channel: Option<&ChannelId>,
) -> anyhow::Result<()> {
    if let Some(id) = channel
        && !settings.channel_ids().contains(id)
        && store.status().await?.iter().all(|status| status.channel != *id)
    {
        return Err(unknown_channel(settings, id).into());
    }
    Ok(())
}

/// Whether the books of all these channels balance; `None` while something is in flight.
pub(super) fn balanced(rows: &[BooksRow]) -> Option<bool> {
    if rows.iter().any(|row| row.balanced == Some(false)) {
        Some(false)
    } else {
        rows.iter().all(|row| row.balanced == Some(true)).then_some(true)
    }
}

/// Reads the books from the store.
pub(super) async fn read_ledger(
    store: &Database,
    channel: Option<&ChannelId>,
    since: Option<Timestamp>,
) -> anyhow::Result<Ledger> {
    let rows = store.books(channel, since).await?;
    let balanced = balanced(&rows);
    let mut channels = Vec::new();
    for books in rows {
        let pass = store.progress(&books.channel).await?.pass;
        let source_count = pass.as_ref().and_then(|pass| pass.listed);
        let complete = pass.as_ref().map(PassEnd::complete);
        channels.push(Row { books, source_count, pass, complete });
    }
    Ok(Ledger { balanced, missing: 0, seconds: None, peak_rss_mb: None, channels })
}

impl Ledger {
    /// The ledger as text.
    pub(super) fn draw(&self) -> String {
        let counts = COUNTS.iter().map(|(name, _)| *name);
        let headings: Vec<_> = ["channel"].into_iter().chain(counts).chain(["balanced"]).collect();
        let mut text = out::table(&headings, self.channels.iter().map(Row::cells), 1);
        let result = match self.balanced {
            Some(true) => "books balanced",
            Some(false) => "BOOKS NOT BALANCED",
            None => "messages are in flight",
        };
        let passes = self.channels.iter().filter_map(Row::pass_cells);
        let headings = ["last pass", "listed", "given", "distinct", "dropped", "complete"];
        text.push_str(&format!("\n\n{}\n", out::table(&headings, passes, 1)));
        for book in
            self.channels.iter().map(|row| &row.books).filter(|book| book.stored_by_orphans > 0)
        {
            let BooksRow { channel, stored_by_orphans, .. } = book;
            text.push_str(&format!(
                "\n{channel}: {stored_by_orphans} states more are stored than these counts say: the read that brought \
                 them is under way, or its process ended before it was counted; then they were read again, and count \
                 as unchanged or stale"
            ));
        }
        if self.missing > 0 {
            text.push_str(&format!(
                "\n{} states fewer are stored than these counts say: rows were deleted from the store; find out who may \
                 write to it; `tonghui reconcile CHANNEL` names the demands that are missing, and `--repair` brings back \
                 what the source still has; deleted history does not come back, so this line stays",
                self.missing
            ));
        }
        text.push_str(&format!("\n{result}"));
        if let Some(seconds) = self.seconds {
            text.push_str(&format!("; {seconds} s"));
        }
        if let Some(mib) = self.peak_rss_mb {
            text.push_str(&format!("; at most {mib} MiB of memory"));
        }
        text
    }
}

impl Row {
    /// The account of the last pass; `None` before the end of the first one.
    fn pass_cells(&self) -> Option<Vec<String>> {
        let pass = self.pass.as_ref()?;
        let count = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let dropped = pass.dropped.values().sum::<u64>().to_string();
        let (channel, complete) = (self.books.channel.to_string(), pass.complete().name());
        let counts = [count(pass.listed), pass.given.to_string(), count(pass.distinct), dropped];
        Some([channel].into_iter().chain(counts).chain([complete.to_owned()]).collect())
    }

    fn cells(&self) -> Vec<String> {
        let balanced = match self.books.balanced {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let counts = COUNTS.iter().map(|(_, count)| count(&self.books).to_string());
        let channel = self.books.channel.to_string();
        [channel].into_iter().chain(counts).chain([balanced.to_owned()]).collect()
    }
}
