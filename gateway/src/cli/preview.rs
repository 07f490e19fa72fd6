//! `tonghui preview CHANNEL`: reads the real source once, from the beginning, and shows what would become
//! of its records. Nothing is delivered, advanced or settled.

pub(super) mod save;

use std::path::PathBuf;

use config::Settings;
use connector_http::{HIDDEN_ANSWER, Http, Trace};
use contract::{Batch, ChannelId, Connector as _, Entry, Exchange, Fault, Partition, Timestamp};
use normalizer::{Place, Sealer, open_raw};
use serde::Serialize;
use sink::store::{Access, FailedExchange};

use super::{Context, Exit, audit, explain, out};
use crate::{
    assemble, channel::LiveChannel, clock::format_time, ingest::exchange_id, keys, offline,
    registry,
};

/// Maximum number of characters of an answer that are printed.
const MAX_SHOWN: usize = 2_000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// Maximum number of records to read.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Show every request, how it was signed, and every answer, with secrets hidden. Only for HTTP
    /// channels.
    #[arg(long)]
    trace: bool,
    /// Do not read the source: show the last exchange with it that ended in a fault, which the store keeps
    /// for a month. Only for HTTP channels.
    #[arg(long, conflicts_with_all = ["limit", "trace", "save"])]
    last: bool,
    /// Write what was read into this folder as an [[example]] of the channel: page.json or page.xml,
    /// without personal values, and the demands expected from it. Existing files are replaced.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Show personal values unmasked; recorded in the audit log of the store, if there is one.
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    let channel = offline::channel(&settings, &args.channel)?;
    anyhow::ensure!(
        channel.endpoint.is_none(),
        "channel {} is a push channel and cannot be read; use `tonghui explain` with the body of a request",
        args.channel
    );
    if args.reveal {
        audit::record_reveal(&settings, "preview", &args.channel.to_string())?;
    }
    if args.last {
        return show_last(context, &settings, &channel, args.reveal);
    }
    let ReadResult { exchanges, page, entries } =
        super::runtime()?.block_on(read(&channel, args))?;
    if args.trace {
        for exchange in exchanges {
            out::note(exchange);
        }
    }
    let entries = entries?;
    if let Some(folder) = &args.save {
        save::save(&channel, folder, page, &entries)?;
    }
    let outcomes = channel.outcomes(entries, args.reveal)?;
    let width = out::width();
    out::show(context.format, &outcomes, |outcomes| explain::draw_records(outcomes, width))
}

/// Shows the last exchange with the source that ended in a fault.
fn show_last(
    context: &Context,
    settings: &Settings,
    channel: &LiveChannel,
    reveal: bool,
) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let store = assemble::open_store(settings, Access::ReadOnly).await?;
        let id = channel.id();
        let Some(FailedExchange { at, sealed }) = store.failed_exchange(id).await? else {
            anyhow::bail!("no exchange of channel {id} that ended in a fault is kept");
        };
        let sealer = Sealer::new(&keys::read(settings)?);
        let place = Place { channel: id, id: &exchange_id(id) };
        let Exchange { head, is_refusal, body } =
            serde_json::from_slice(&open_raw(&sealer, place, &sealed)?)?;
        let entries = channel.sample("page", body.as_bytes()).unwrap_or_default();
        let records = save::records_of(&entries);
        let can_be_scrubbed = match entries.len() {
            0 => is_refusal,
            // One that could not be read may name somebody.
            n => records.len() == n,
        };
        let body = match reveal {
            true => body,
            // It is nothing of the source.
            false if body == HIDDEN_ANSWER => body,
            false if can_be_scrubbed => channel.mapping.scrub(&body, &records),
            // It is an answer with demands that cannot be told apart.
            false => "(it may contain personal values; show it with --reveal)".to_owned(),
        };
        out::show(context.format, &LastExchange { at, head, body }, |last| {
            let LastExchange { at, head, body } = last;
            let at = format_time(*at, settings.zone);
            format!("before the fault at {at}:\n{head}\n{}", beginning(body))
        })
    })
}

/// The last exchange that ended in a fault.
#[derive(Serialize)]
struct LastExchange {
    at: Timestamp,
    head: String,
    body: String,
}

/// The result of one read.
struct ReadResult {
    /// Requests and answers, as text.
    exchanges: Vec<String>,
    /// The page as the source sent it, if the source has pages.
    page: Option<String>,
    /// What was read, or the fault of the read.
    entries: Result<Vec<Entry>, Fault>,
}

async fn read(channel: &LiveChannel, args: &Args) -> Result<ReadResult, Fault> {
    let max = usize::from(args.limit);
    if channel.spec.connector != Http::KIND {
        let mut connector = channel.connector(channel.context())?;
        let entries = connector.read(None, max).await.map(entries_of);
        return Ok(ReadResult { exchanges: Vec::new(), page: None, entries });
    }
    let mut http: Http = registry::connector(&channel.spec.section, channel.context())?;
    http.keep_traces();
    let entries = http.read(None, max).await.map(entries_of);
    let records_read = entries.as_ref().map(|read| save::records_of(read)).unwrap_or_default();
    let records_in = |page: &[u8]| save::records_of(&http.sample("page", page).unwrap_or_default());
    let answer_text = |exchange: &Trace| {
        let text = http.text(exchange);
        if text == HIDDEN_ANSWER {
            return text;
        }
        let records = [records_read.clone(), records_in(&exchange.page)].concat();
        if args.reveal { text } else { channel.mapping.scrub(&text, &records) }
    };
    let drawn =
        |exchange: &Trace| format!("{}\n{}", exchange.head(), beginning(&answer_text(exchange)));
    let exchanges = http.traces().iter().map(drawn).collect();
    // The last page that contains records; other answers only complete single records.
    let list = http.traces().iter().rev().find(|exchange| !records_in(&exchange.page).is_empty());
    let page = list.map(|exchange| http.text(exchange));
    Ok(ReadResult { exchanges, page, entries })
}

/// The entries of a batch. Prints the fault of each part of the source that could not be read.
fn entries_of<C>(batch: Batch<C>) -> Vec<Entry> {
    for (Partition(name), fault) in &batch.trouble {
        out::note(format!("{name}: {fault}"));
    }
    batch.entries
}

/// The beginning of the text of an answer.
fn beginning(text: &str) -> String {
    let head: String = text.chars().take(MAX_SHOWN).collect();
    match text.chars().count().saturating_sub(MAX_SHOWN) {
        0 => head.trim_end().to_owned(),
        n => format!("{}\n… {n} more characters", head.trim_end()),
    }
}
