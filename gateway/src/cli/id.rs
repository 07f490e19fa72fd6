//! `tonghui id CHANNEL KEY`: the id by which a record is followed through logs and tables.

use contract::{ChannelId, DemandId, RecordKey};

use super::out::{self, Exit};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// The source's own key, exactly as it writes it.
    key: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let id = DemandId::of(&args.channel, &RecordKey::new(args.key.as_str()));
    out::print(id.to_string())?;
    Ok(Exit::Done)
}
