//! `tonghui books`: the ledger. Read = accepted + skipped + rejected; published = stored +
//! unchanged + stale + quarantined + in flight; balanced when every message has an equal receipt.

use contract::{ChannelId, Timestamp};
use serde::Serialize;
use sink::store::{Access, BooksRow, Database};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    clock::{self, moment},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this channel.
    channel: Option<ChannelId>,
    /// Only reads since then: 2026-11-23, 2026-11-23T08:00, yesterday, -1d, in the gateway's zone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
}

/// The books of all channels.
#[derive(Debug, Serialize)]
pub(super) struct Ledger {
    /// All balanced; null while something is in flight.
    pub(super) balanced: Option<bool>,
    /// Seconds of the run that this ledger ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    /// Memory the run needed at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_mb: Option<u64>,
    pub(super) channels: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) books: BooksRow,
    /// What the source itself counts, where it does.
    source_count: Option<u64>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let since = args.since.as_deref().map(|text| moment(text, settings.zone, clock::now()));
    let since = since.transpose()?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let ledger = ledger(&store, args.channel.as_ref(), since).await?;
        out::show(context.format, &ledger, Ledger::draw)?;
        Ok(if ledger.balanced == Some(false) { Exit::Failed } else { Exit::Done })
    })
}

/// Reads the books from the store.
pub(super) async fn ledger(
    store: &Database,
    channel: Option<&ChannelId>,
    since: Option<Timestamp>,
) -> anyhow::Result<Ledger> {
    let rows = store.books(channel, since).await?;
    let balanced = if rows.iter().any(|row| row.balanced == Some(false)) {
        Some(false)
    } else {
        rows.iter().all(|row| row.balanced == Some(true)).then_some(true)
    };
    let channels = rows.into_iter().map(|books| Row { books, source_count: None }).collect();
    Ok(Ledger { balanced, seconds: None, peak_rss_mb: None, channels })
}

impl Ledger {
    /// For people.
    pub(super) fn draw(&self) -> String {
        let headings = [
            "channel",
            "read",
            "accepted",
            "skipped",
            "rejected",
            "published",
            "stored",
            "unchanged",
            "stale",
            "quarantined",
            "in flight",
            "redelivered",
            "balanced",
        ];
        let rows: Vec<_> = self.channels.iter().map(Row::cells).collect();
        let mut text = out::table(&headings, &rows, 1);
        let verdict = match self.balanced {
            Some(true) => "books balanced",
            Some(false) => "BOOKS NOT BALANCED",
            None => "something is in flight",
        };
        text.push_str(&format!("\n{verdict}"));
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
    fn cells(&self) -> Vec<String> {
        let books = &self.books;
        let numbers = [
            books.read,
            books.accepted,
            books.skipped,
            books.rejected,
            books.published,
            books.stored,
            books.unchanged,
            books.stale,
            books.quarantined,
            books.in_flight,
            books.redelivered,
        ];
        let balanced = match books.balanced {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let mut cells = vec![books.channel.to_string()];
        cells.extend(numbers.iter().map(ToString::to_string));
        cells.push(balanced.to_owned());
        cells
    }
}
