//! Doubts about what was stored, by channel and field.

use sink::store::{Database, QualityCount};

use crate::{
    cli::{
        Format,
        out::{self, Exit},
    },
    status::percent,
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
