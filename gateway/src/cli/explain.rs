//! `tonghui explain CHANNEL FILE`: record, verdict and demand, without network and store. With
//! `--format json` it prints what an `[[example]]` expects.

use std::path::PathBuf;

use contract::ChannelId;

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, example};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// A page as its source would give it.
    file: PathBuf,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let channel = settings
        .channels
        .iter()
        .find(|channel| channel.id == args.channel)
        .ok_or_else(|| anyhow::anyhow!("there is no channel `{}`", args.channel))?;
    let outcomes = example::outcomes(&settings, channel, &args.file)?;
    out::show(context.format, &outcomes, |outcomes| {
        let mut text = String::new();
        for (index, outcome) in outcomes.iter().enumerate() {
            let result = serde_json::to_string_pretty(&outcome.result).unwrap_or_default();
            text.push_str(&format!(
                "── record {} ──\n{}\n── {} ──\n{result}\n\n",
                index + 1,
                outcome.raw,
                outcome.verdict
            ));
        }
        text.push_str(&format!("{} records", outcomes.len()));
        text
    })?;
    Ok(Exit::Done)
}
