//! The measurements of docs/performance.md: the release binary reads the backlog of a hotline, and lower
//! bounds and other programs are measured in the same call. Prints Markdown.

mod brokered;
mod embedded;
mod lag;
mod load;

use std::time::Duration;

use clap::Parser;
use sandbox::{Clock, Settings, Storage};
use system_tests::world::World;

/// Demands of the backlog.
const RECORDS: u64 = 50_000;

/// Which part to measure. Without one: throughput, memory and start.
#[derive(Debug, Parser)]
enum Part {
    /// The lag of five channels beside one that misbehaves, for each way to misbehave.
    Lag {
        /// How long one run takes.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Runs for each way to misbehave.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL.
    Load,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().len() > 1 {
        return match Part::parse() {
            Part::Lag { seconds, runs } => lag::measure(seconds, runs).await,
            Part::Load => load::measure(city(load::RECORDS).await?).await,
        };
    }
    embedded::measure(&city(RECORDS).await?).await?;
    brokered::measure(city(RECORDS).await?).await
}

/// Creates a city whose hotline has a backlog, the same one every time.
async fn city(backlog: u64) -> anyhow::Result<World> {
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = Storage::Clob;
    let world = World::open(settings).await?;
    world.hotline.file(backlog).await?;
    Ok(world)
}

fn rate(n: u64, took: Duration) -> f64 {
    // These counts are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let n = n as f64;
    n / took.as_secs_f64()
}
