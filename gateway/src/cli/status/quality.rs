//! Doubts about what was stored, by channel and field.

use std::collections::BTreeMap;

use contract::{ChannelId, Fault};
use sink::store::{Database, QualityCount};

use crate::{
    cli::{
        Format,
        out::{self, Exit},
    },
    table,
};

/// Prints how many demands carry which doubt.
pub(super) async fn show(format: Format, store: &Database) -> anyhow::Result<Exit> {
    let counts = store.quality(i64::MAX).await?;
    out::show(format, &counts, |counts| {
        let rows: Vec<_> = counts.iter().map(cells).collect();
        table::draw(&["channel", "field", "doubt", "demands", "of all"], &rows, 3)
    })?;
    Ok(Exit::Done)
}

fn cells(count: &QualityCount) -> Vec<String> {
    let QualityCount { channel, field, flag, demands, of } = count;
    let share = percent(*demands, *of);
    vec![channel.to_string(), field.clone(), flag.clone(), demands.to_string(), share]
}

/// Demands that a rate is computed from: all of them would take seconds where there are millions.
const RECENT: i64 = 10_000;

/// Of the newest demands of each channel, the share with a label that no table has, in the field that
/// has most of them.
pub(super) async fn unknown_codes(store: &Database) -> Result<BTreeMap<ChannelId, String>, Fault> {
    let mut unknown = BTreeMap::new();
    for QualityCount { channel, flag, demands, of, .. } in store.quality(RECENT).await? {
        if flag == "unknown_code" {
            let most: &mut (u64, u64) = unknown.entry(channel).or_default();
            *most = (*most).max((demands, of));
        }
    }
    let shares = unknown.into_iter().map(|(channel, (part, of))| (channel, percent(part, of)));
    Ok(shares.collect())
}

/// A share with one digit, computed without fractions.
fn percent(part: u64, of: u64) -> String {
    let tenths = (part * 1_000).checked_div(of).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
