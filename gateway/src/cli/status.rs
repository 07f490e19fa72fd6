//! `tonghui status`: where each channel stands, from the store: it works whether or not the gateway
//! runs.

use std::collections::BTreeMap;

use contract::{ChannelId, Fault};
use serde::Serialize;
use sink::store::{Access, ChannelStatus, Database, QualityCount};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many demands carry which doubt, by channel and field, instead.
    #[arg(long)]
    quality: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    if args.quality { quality(context) } else { channels(context) }
}

fn quality(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let counts = store.quality(i64::MAX).await?;
        out::show(context.format, &counts, |counts| {
            let rows: Vec<_> = counts
                .iter()
                .map(|each| {
                    let QualityCount { channel, field, flag, demands, of } = each;
                    let share = percent(*demands, *of);
                    vec![
                        channel.to_string(),
                        field.clone(),
                        flag.clone(),
                        demands.to_string(),
                        share,
                    ]
                })
                .collect();
            table::draw(&["channel", "field", "doubt", "demands", "of all"], &rows, 3)
        })?;
        Ok(Exit::Done)
    })
}

/// A share with one digit, computed without fractions.
fn percent(part: u64, of: u64) -> String {
    let tenths = (part * 1_000).checked_div(of).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Demands that a rate is computed from: all of them would take seconds where there are millions.
const RECENT: i64 = 10_000;

/// Demands of each channel with a label that no table has, and how many were looked at.
async fn unknown_codes(store: &Database) -> Result<BTreeMap<ChannelId, (u64, u64)>, Fault> {
    let mut unknown = BTreeMap::new();
    for QualityCount { channel, flag, demands, of, .. } in store.quality(RECENT).await? {
        if flag == "unknown_code" {
            let most: &mut (u64, u64) = unknown.entry(channel).or_default();
            *most = (*most).max((demands, of));
        }
    }
    Ok(unknown)
}

/// What a channel shows of itself, and how well its labels are known.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    status: ChannelStatus,
    /// Of its newest demands, those with a label that no table has, in the field that has most of
    /// them, in percent.
    unknown_codes: String,
}

fn channels(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let unknown = unknown_codes(&store).await?;
        let channels: Vec<_> = store
            .status()
            .await?
            .into_iter()
            .map(|status| {
                let (demands, of) = unknown.get(&status.channel).copied().unwrap_or_default();
                let unknown_codes = percent(demands, of);
                Shown { status, unknown_codes }
            })
            .collect();
        out::show(context.format, &channels, |channels| {
            let rows: Vec<_> = channels
                .iter()
                .map(|Shown { status: channel, unknown_codes }| {
                    let last_read = channel.last_read_at.map_or_else(
                        || "never".to_owned(),
                        |at| at.with_timezone(&settings.zone).format("%F %T").to_string(),
                    );
                    vec![
                        channel.channel.to_string(),
                        last_read,
                        channel.step.to_string(),
                        channel.demands.to_string(),
                        channel.quarantined.to_string(),
                        unknown_codes.clone(),
                    ]
                })
                .collect();
            let head =
                ["channel", "last read", "steps", "demands", "in quarantine", "unknown codes"];
            let faults = channels.iter().filter_map(|Shown { status: channel, .. }| {
                Some(format!("\n{}: {}", channel.channel, channel.fault.as_ref()?))
            });
            table::draw(&head, &rows, 2) + &faults.collect::<String>()
        })?;
        Ok(Exit::Done)
    })
}
