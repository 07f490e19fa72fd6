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
    let counts = store.quality().await?;
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

/// Demands of each channel with a label that no table has, of the field that has most of them.
pub(super) async fn unknown_codes(store: &Database) -> Result<BTreeMap<ChannelId, u64>, Fault> {
    let mut unknown = BTreeMap::new();
    for count in store.quality().await? {
        if count.flag == "unknown_code" {
            let most: &mut u64 = unknown.entry(count.channel).or_default();
            *most = (*most).max(count.demands);
        }
    }
    Ok(unknown)
}

/// A share with one digit, computed without fractions.
pub(super) fn percent(part: u64, of: u64) -> String {
    let tenths = (part * 1_000).checked_div(of).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
