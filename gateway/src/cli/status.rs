//! `tonghui status`: where each channel stands, from the store: it works whether or not the gateway
//! runs.

use chrono_tz::Tz;
use contract::Timestamp;
use sink::store::{Access, Database, QualityCount};

use super::{
    Context, Format,
    out::{self, Exit},
};
use crate::{
    assemble,
    indexer::{Lag, lag},
    status::{Row, percent, rows},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many demands carry which doubt, by channel and field, instead.
    #[arg(long)]
    quality: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        if args.quality {
            return show_quality(context.format, &store).await;
        }
        let (rows, lags) = (rows(&settings, &store).await?, lag(&store).await?);
        out::show(context.format, &rows, |rows| draw(rows, settings.zone) + &behind(&lags))?;
        Ok(Exit::Done)
    })
}

fn draw(rows: &[Row], zone: Tz) -> String {
    let time = |at: Option<Timestamp>, never: &str| {
        at.map_or_else(
            || never.to_owned(),
            |at| at.with_timezone(&zone).format("%F %T").to_string(),
        )
    };
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            vec![
                row.channel.to_string(),
                row.state.to_owned(),
                time(row.last_read_at, "never"),
                time(row.next_run_at, "-"),
                row.step.to_string(),
                row.demands.to_string(),
                row.quarantined.to_string(),
                row.received_today.to_string(),
                row.expected_today.map_or_else(|| "-".to_owned(), |usual| usual.to_string()),
                row.unknown_codes.clone(),
            ]
        })
        .collect();
    let head = [
        "channel",
        "state",
        "last read",
        "next run",
        "steps",
        "demands",
        "in quarantine",
        "today",
        "expected",
        "unknown codes",
    ];
    let mut text = out::table(&head, &cells, 4);
    for row in rows {
        if let Some(who) = &row.held_by {
            text.push_str(&format!("\n{}: read by {who}", row.channel));
        }
        if let Some(fault) = &row.fault {
            text.push_str(&format!("\n{}: {fault}", row.channel));
        }
    }
    text
}

/// A line for each index that is behind history.
fn behind(lags: &[Lag]) -> String {
    let behind = lags.iter().filter(|lag| lag.rows_behind > 0);
    let line = |Lag { index, rows_behind, seconds_behind }: &Lag| {
        let name = index.name();
        format!("\nindex {name}: {rows_behind} rows behind, the oldest read {seconds_behind} s ago")
    };
    behind.map(line).collect()
}

/// Prints how many demands carry which doubt.
async fn show_quality(format: Format, store: &Database) -> anyhow::Result<Exit> {
    let counts = store.quality(i64::MAX).await?;
    let cells = |count: &QualityCount| {
        let QualityCount { channel, field, flag, demands, of } = count;
        let share = percent(*demands, *of);
        vec![channel.to_string(), field.clone(), flag.clone(), demands.to_string(), share]
    };
    out::show(format, &counts, |counts| {
        let rows: Vec<_> = counts.iter().map(cells).collect();
        out::table(&["channel", "field", "doubt", "demands", "of all"], &rows, 3)
    })?;
    Ok(Exit::Done)
}
