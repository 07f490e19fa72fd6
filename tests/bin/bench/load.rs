//! Measures two sinks that load a backlog into an empty PostgreSQL: how much their rate varies over time,
//! and how many rows the indexes are behind until they cover everything.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use sandbox::{Clock, Settings, Storage};
use sink::store::Database;
use system_tests::{
    gateway_process::{Gateway, event, server},
    world::World,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::report::rate;

/// The number of demands in the backlog.
const RECORDS: u64 = 200_000;
/// The length of a time window.
const WINDOW: Duration = Duration::from_secs(2);

/// Measures, and prints a table.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = Storage::Clob;
    let mut world = World::open(settings).await?;
    world.hotline.file(RECORDS).await?;
    let (store, broker) = (server("TONGHUI_TEST_POSTGRES")?, server("TONGHUI_TEST_AMQP")?);
    world.use_servers(Some(&store), Some(&broker)).await?;
    let (database, _) = world.store().await?;
    // All messages are at the broker before the sinks start, so the sinks never wait for messages.
    tokio::task::block_in_place(|| publish_all(&world))?;
    let began = Instant::now();
    let start = |_| Gateway::start_with(&world, "sink", "warn");
    let sinks = [(), ()].map(start).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let windows = watch(&database, began).await?;
    for sink in sinks {
        tokio::task::block_in_place(|| sink.stop())?;
    }
    summarize(&windows)
}

/// Runs the half of the gateway that reads, until it has published everything once.
fn publish_all(world: &World) -> anyhow::Result<()> {
    let mut gateway = Gateway::start_as(world, "ingest")?;
    let mut caught_up = false;
    loop {
        let line = gateway.line()?.context("the gateway ended")?;
        match event(&line) {
            Some("read") => caught_up |= line.contains("caught_up=true"),
            Some("settled") if caught_up => return gateway.stop(),
            _ => {}
        }
    }
}

/// Prints a line at the end of each time window until everything is stored and indexed. Returns the rate of
/// each window in which there was still something to store.
async fn watch(database: &Database, began: Instant) -> anyhow::Result<Vec<u64>> {
    let mut out = std::io::stdout();
    writeln!(out, "| after, s | stored/s | rows behind: people | links |\n|---|---|---|---|")?;
    let (mut windows, mut stored_before, mut last_look) = (Vec::new(), 0, began);
    let mut ticks = interval(WINDOW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (books, now) = (database.books(None, None).await?, Instant::now());
        let kept = books.iter().map(|book| book.published - book.in_flight).sum::<u64>();
        let is_kept = books.iter().all(|book| book.in_flight == 0);
        let per_second = rate(kept - stored_before, now - last_look);
        let lags = database.index_lag().await?;
        let [people, links] = [&lags[0], &lags[1]].map(|lag| lag.rows);
        let after = (now - began).as_secs_f64();
        writeln!(out, "| {after:.1} | {per_second:.0} | {people} | {links} |")?;
        if kept > stored_before && !is_kept {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            windows.push(per_second as u64);
        }
        (stored_before, last_look) = (kept, now);
        if is_kept && people + links == 0 {
            return Ok(windows);
        }
    }
}

/// Prints the rates, without the first window, because it includes the start.
fn summarize(windows: &[u64]) -> anyhow::Result<()> {
    let after_first = windows.get(1..).unwrap_or_default();
    let mut sorted = after_first.to_vec();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    let lowest = sorted.first().copied().unwrap_or(0);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n| two sinks, {RECORDS} demands into an empty PostgreSQL | measured |\n|---|---|"
    )?;
    writeln!(out, "| median of the windows after the first, stored/s | {median} |")?;
    writeln!(
        out,
        "| lowest of them | {lowest} ({} % of the median) |",
        lowest * 100 / median.max(1)
    )?;
    Ok(())
}
