//! Kills the real binary 30 times while new demands arrive.

use std::{collections::BTreeMap, io::Write, sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sandbox::{Clock, Pace, QuirkRates};
use system_tests::{
    gateway_process::{EVENTS, Gateway, event},
    world::World,
};
use tokio_util::sync::CancellationToken;

const RECORDS: u64 = 20_000;
const FILING_TIME: Duration = Duration::from_secs(40);
/// The number of records filed per second after that, because every process has to read something.
const LATER_PER_SECOND: u64 = 20;
const KILLS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn thirty_kills_lose_alter_and_add_nothing() {
    let mut settings = sandbox::Settings::new(7, Clock::machine());
    settings.quirks =
        QuirkRates::parse("poison@500,late_commit@300,twin_serial@400,status_label@200").unwrap();
    let world = Arc::new(World::open(settings).await.unwrap());
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    // The whole test takes less time than the usual overlap, so every pass would read all rows again.
    world.edit_channel("overlap = \"5m\"", "overlap = \"2s\"").unwrap();
    // Small pages give more reads, so that a kill can come between any two verbs.
    world.edit_channel("page    = 1000", "page    = 100").unwrap();

    let killed = CancellationToken::new();
    let filing = async {
        let first = Pace { records: RECORDS, over: FILING_TIME, then_per_second: 0 };
        let then =
            Pace { records: 0, over: Duration::from_secs(1), then_per_second: LATER_PER_SECOND };
        world.hotline.live(first, CancellationToken::new()).await?;
        world.hotline.live(then, killed.clone()).await
    };
    // Reading the log of a process blocks, so this needs a thread of its own.
    let killing = tokio::task::spawn_blocking({
        let (world, done) = (Arc::clone(&world), killed.clone().drop_guard());
        move || {
            let _done = done; // ends filing, also if a kill fails
            kill_repeatedly(&world)
        }
    });
    let (filing, hits) = tokio::join!(filing, killing);
    filing.unwrap();
    let hits = hits.unwrap().unwrap();
    writeln!(std::io::stderr().lock(), "killed after: {hits:?}").unwrap();
    assert_eq!(hits.values().sum::<usize>(), KILLS);
    for verb in EVENTS {
        assert!(hits.get(verb).is_some_and(|&n| n >= 2), "no two kills after `{verb}`: {hits:?}");
    }

    tokio::task::block_in_place(|| finish(&world)).unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert!(!books.is_empty());
    for book in books {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}

/// Starts and kills the gateway 30 times, each time at a random (seeded) occurrence of a verb. Every process
/// must read something.
fn kill_repeatedly(world: &World) -> anyhow::Result<BTreeMap<&'static str, usize>> {
    let mut dice = ChaCha8Rng::seed_from_u64(30);
    let mut hits: BTreeMap<&'static str, usize> = BTreeMap::new();
    for life in 0..KILLS {
        // A kill can come after the verb that it was aimed at. So later kills aim at the verb with the fewest.
        let aim = match life {
            0..16 => EVENTS[life % EVENTS.len()],
            _ => EVENTS.into_iter().min_by_key(|verb| hits.get(verb)).unwrap_or("read"),
        };
        let occurrence = dice.random_range(1..=4);
        let hit = kill_at(world, aim, occurrence)?;
        *hits.entry(hit).or_default() += 1;
    }
    Ok(hits)
}

fn kill_at(world: &World, aim: &'static str, occurrence: usize) -> anyhow::Result<&'static str> {
    let mut gateway = Gateway::start(world)?;
    let mut seen = 0;
    while let Some(line) = gateway.line()? {
        seen += usize::from(event(&line) == Some(aim));
        if seen == occurrence {
            return gateway.kill_after(aim);
        }
    }
    anyhow::bail!("the gateway ended before it was killed")
}

/// Runs the gateway until it has caught up twice after the last demand was filed.
fn finish(world: &World) -> anyhow::Result<()> {
    let mut gateway = Gateway::start(world)?;
    let mut caught_up = 0;
    while caught_up < 2 {
        let line = gateway.line()?.ok_or_else(|| anyhow::anyhow!("the gateway ended"))?;
        caught_up += usize::from(event(&line) == Some("read") && line.contains("caught_up=true"));
    }
    gateway.stop()
}
