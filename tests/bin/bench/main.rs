//! Makes the measurements of docs/performance.md: the release binary reads a backlog of the simulated
//! hotline. For comparison, the same call measures SQLite alone and another program. Prints Markdown.

mod brokered;
mod embedded;
mod lag;
mod load;

use std::time::Duration;

use clap::Parser;
use sandbox::{Clock, Settings, Storage};
use system_tests::world::World;

/// The number of demands in the backlog.
const RECORDS: u64 = 50_000;

/// What to measure. Without an argument: throughput, memory and start-up time.
#[derive(Debug, Parser)]
enum Subject {
    /// The lag of five channels beside one that misbehaves, for each kind of misbehaviour.
    Lag {
        /// The duration of one run, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The number of runs for each kind of misbehaviour.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL.
    Load,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().len() > 1 {
        return match Subject::parse() {
            Subject::Lag { seconds, runs } => lag::measure(seconds, runs).await,
            Subject::Load => load::measure(world(load::RECORDS).await?).await,
        };
    }
    embedded::measure(&world(RECORDS).await?).await?;
    brokered::measure(world(RECORDS).await?).await
}

/// A hotline with `backlog` demands, the same ones every time, and the configuration to read it.
async fn world(backlog: u64) -> anyhow::Result<World> {
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = Storage::Clob;
    let world = World::open(settings).await?;
    world.hotline.file(backlog).await?;
    Ok(world)
}

/// `n` per second.
fn rate(n: u64, duration: Duration) -> f64 {
    // These counts are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let n = n as f64;
    n / duration.as_secs_f64()
}
