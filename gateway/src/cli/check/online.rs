//! `tonghui check --online`: connects to the sources as `run` would, looks for what would go wrong later, and
//! maps one page of each. Nothing is delivered, advanced or settled.

use std::collections::BTreeMap;

use contract::{ChannelId, Fault, Partition};
use futures_util::future::join_all;
use normalizer::{Keys, Suite};
use serde::Serialize;

use crate::{
    assemble,
    channel::LiveChannel,
    cli::{Context, Exit, out, runtime},
    offline::{self, Outcome},
};

/// Maximum number of records that are read from a source.
const MAX_RECORDS: usize = 100;

/// What was found in one source.
#[derive(Debug, Serialize)]
struct Found {
    channel: ChannelId,
    read: usize,
    accepted: usize,
    skipped: usize,
    /// Number of rejected records, by reason.
    rejected: BTreeMap<String, usize>,
    problems: Vec<String>,
}

/// Looks at one channel, or at all that are polled.
pub(super) fn run(context: &Context, channel: Option<&ChannelId>) -> anyhow::Result<Exit> {
    let settings = assemble::settings(&context.config)?;
    let channels = match channel {
        Some(id) => vec![offline::channel(&settings, id)?],
        None => assemble::channels(&settings, &Keys::generate(Suite::default())?)?,
    };
    let pushed = channels.iter().filter(|channel| channel.endpoint.is_some());
    for channel in pushed {
        out::note(format!("{} is a push channel: it has no source to look into", channel.id()));
    }
    let polled = channels.iter().filter(|channel| channel.endpoint.is_none());
    let found = runtime()?.block_on(join_all(polled.map(look_at)));
    let found = found.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let has_problems = found.iter().any(|each| !each.problems.is_empty());
    out::show(context.format, &found, |found| {
        found.iter().map(Found::draw).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if has_problems { Exit::SomeChannels } else { Exit::Done })
}

async fn look_at(channel: &LiveChannel) -> anyhow::Result<Found> {
    let mut problems = Vec::new();
    let outcomes = match page(channel, &mut problems).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            problems.push(contract::causes_text(error.as_ref()));
            Vec::new()
        }
    };
    let count =
        |verdict: &str| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let mut rejected = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.verdict == "rejected") {
        let reason = &outcome.result["reason"];
        let code = reason["code"].as_str().or_else(|| reason.as_str());
        let reason = code.unwrap_or("unknown").to_owned();
        *rejected.entry(reason).or_insert(0) += 1;
    }
    if !outcomes.is_empty() && count("rejected") == outcomes.len() {
        problems.push("every record was rejected; see `tonghui preview`".to_owned());
    }
    Ok(Found {
        channel: channel.id().clone(),
        read: outcomes.len(),
        accepted: count("accepted"),
        skipped: count("skipped"),
        rejected,
        problems,
    })
}

/// Looks into the source, reads its first page, and maps it. Adds what is wrong to `problems`.
async fn page(channel: &LiveChannel, problems: &mut Vec<String>) -> anyhow::Result<Vec<Outcome>> {
    let mut connector = channel.connector(channel.context())?;
    problems.extend(connector.inspect().await?.iter().map(Fault::to_string));
    let batch = connector.read(None, MAX_RECORDS).await?;
    let trouble = batch.trouble.iter();
    problems.extend(trouble.map(|(Partition(name), fault)| format!("{name}: {fault}")));
    channel.outcomes(batch.entries, false)
}

impl Found {
    fn draw(&self) -> String {
        let Self { channel, read, accepted, skipped, rejected, problems } = self;
        let n_rejected: usize = rejected.values().sum();
        let mut text = format!(
            "{channel}: read {read} records: {accepted} accepted, {skipped} skipped, {n_rejected} rejected"
        );
        for (reason, n) in rejected {
            text.push_str(&format!("\n  rejected {n}: {reason}"));
        }
        for problem in problems {
            text.push_str(&format!("\n  {problem}"));
        }
        if problems.is_empty() {
            text.push_str("\n  no problems");
        }
        text
    }
}
