//! The measurements of docs/performance.md: the hotline's backlog through the release binary, beside
//! floors and peers that are run in the same call. Prints Markdown.

mod brokered;
mod embedded;
mod pages;
mod peer;

use std::time::Duration;

use sandbox::{Clock, Settings, Storage};
use system_tests::world::World;

const RECORDS: u64 = 50_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    embedded::measure(&city().await?).await?;
    brokered::measure(city().await?).await
}

/// A city whose hotline has a backlog; the same one every time.
async fn city() -> anyhow::Result<World> {
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = Storage::Clob;
    let world = World::open(settings).await?;
    world.hotline.file(RECORDS).await?;
    Ok(world)
}

fn rate(n: u64, took: Duration) -> f64 {
    // Counts here are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let n = n as f64;
    n / took.as_secs_f64()
}
