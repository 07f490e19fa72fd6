//! `tonghui preview CHANNEL`: asks the real source once, from the beginning, and shows what would
//! become of its records. Nothing is delivered, advanced or settled.

mod save;
mod trace;

use std::path::PathBuf;

use connector_http::{Http, Trace};
use contract::{Batch, ChannelId, Connector as _, Entry, Fault, Partition};

use super::{
    Context, audit, explain,
    out::{self, Exit},
};
use crate::{
    assemble::{self, Desk},
    example, registry,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// Records at most.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Show every request with what was signed, and every answer; secrets are hidden. Of channels
    /// that are asked over HTTP.
    #[arg(long)]
    trace: bool,
    /// Write what was read, without what it says of persons, as `page` into this folder, and beside
    /// it what is expected of it: an [[example]] of the channel. Over older ones of the same name.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Show personal values in plain. Recorded in the audit log of the store, where there is one.
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    let channel = explain::channel(&settings, &args.channel)?;
    let desk = assemble::on_the_desk(&settings, channel)?;
    anyhow::ensure!(
        desk.plan.guard.is_none(),
        "channel {} is sent to and not asked; `tonghui explain` shows what becomes of a request",
        args.channel
    );
    if args.reveal {
        audit::reveal(&settings, "preview", &args.channel.to_string())?;
    }
    let Read { exchanges, page, entries } = super::runtime()?.block_on(read(&desk, args))?;
    if args.trace {
        for exchange in exchanges {
            out::note(exchange);
        }
    }
    let entries = entries?;
    if let Some(folder) = &args.save {
        save::save(&settings, channel, &desk, folder, page, &entries)?;
    }
    let outcomes = example::of_entries(&desk, entries, args.reveal)?;
    let width = out::width();
    out::show(context.format, &outcomes, |outcomes| explain::pages(outcomes, width))?;
    Ok(Exit::Done)
}

/// What a source gave.
struct Read {
    /// What was said, for people to read.
    exchanges: Vec<String>,
    /// The page as it came, where the source gives pages.
    page: Option<String>,
    entries: Result<Vec<Entry>, Fault>,
}

async fn read(desk: &Desk, args: &Args) -> Result<Read, Fault> {
    let plan = &desk.plan;
    let (section, means, max) = (&plan.section, plan.means.clone(), usize::from(args.limit));
    if plan.kind.name != Http::KIND {
        let mut connector = plan.kind.build(section, means)?;
        let entries = connector.read(None, max).await.map(entries);
        return Ok(Read { exchanges: Vec::new(), page: None, entries });
    }
    let mut http: Http = registry::connector(section, means)?;
    http.keep_traces();
    let entries = http.read(None, max).await.map(entries);
    let known = entries.as_ref().map(|entries| save::records(entries)).unwrap_or_default();
    let listed = |page: &[u8]| save::records(&http.sample("page", page).unwrap_or_default());
    let shown = |exchange: &Trace| {
        let text = http.text(exchange);
        let records = [known.clone(), listed(&exchange.page)].concat();
        if args.reveal { text } else { desk.mapping.scrub(&text, &records) }
    };
    let drawn = |exchange| trace::draw(exchange, &shown(exchange));
    let exchanges = http.traces().iter().map(drawn).collect();
    // The list, and not what completes its records.
    let list = http.traces().iter().rev().find(|exchange| !listed(&exchange.page).is_empty());
    let page = list.map(|exchange| http.text(exchange));
    Ok(Read { exchanges, page, entries })
}

/// What a batch holds; a partition that failed while others went on is told.
fn entries<C>(batch: Batch<C>) -> Vec<Entry> {
    for (Partition(name), fault) in &batch.trouble {
        out::note(format!("{name}: {fault}"));
    }
    batch.entries
}
