//! The measurements of docs/performance.md: the hotline's backlog through the release binary, and
//! the floor under it, in one call. Prints Markdown.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::Context;
use sandbox::{Clock, Settings, Storage};
use sqlx::{Connection, Executor, QueryBuilder, SqliteConnection};
use system_tests::{
    gateway_process::{Gateway, event},
    world::World,
};

const RECORDS: u64 = 50_000;
/// Rows of one statement of the floor: what the store's batches come to.
const FLOOR_BATCH: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut settings = Settings::new(1, Clock::machine());
    settings.storage = Storage::Clob;
    let world = World::open(settings).await?;
    world.hotline.file(RECORDS).await?;
    let sizes = row_sizes(world.hotline.url()).await?;
    let run = tokio::task::block_in_place(|| pull(&world))?;
    let floor = floor(sizes.mean).await?;

    let per_second = rate(RECORDS, run.whole);
    let mut out = std::io::stdout().lock();
    writeln!(out, "| what | measured |\n|---|---|")?;
    writeln!(out, "| records, mean bytes of their columns | {RECORDS}, {} |", sizes.mean)?;
    writeln!(out, "| records/s, source to committed, acknowledged | {per_second:.0} |")?;
    writeln!(out, "| SQLite alone, rows of that size in batches, rows/s | {floor:.0} |")?;
    writeln!(out, "| ratio to that floor | 1 : {:.1} |", floor / per_second)?;
    writeln!(out, "| peak resident memory of `tonghui` | {} MiB |", run.peak_mib)?;
    writeln!(out, "| from start to first read | {} ms |", run.first_read.as_millis())?;
    writeln!(out, "\n| verb | µs per record, wall |\n|---|---|")?;
    for (verb, took) in &run.verbs {
        writeln!(out, "| {verb} | {:.0} |", took.as_secs_f64() * 1e6 / rate(RECORDS, SECOND))?;
    }
    Ok(())
}

fn rate(n: u64, took: Duration) -> f64 {
    // Counts here are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let n = n as f64;
    n / took.as_secs_f64()
}

const SECOND: Duration = Duration::from_secs(1);

struct Run {
    first_read: Duration,
    /// Time until each verb was done, since the one before; in the order in which they first came.
    verbs: Vec<(&'static str, Duration)>,
    whole: Duration,
    peak_mib: u64,
}

/// Runs the binary until it has read everything once, and stops it.
fn pull(world: &World) -> anyhow::Result<Run> {
    let began = Instant::now();
    let mut gateway = Gateway::start(world)?;
    let mut first_read = None;
    let mut caught_up = false;
    let mut verbs: Vec<(&'static str, Duration)> = Vec::new();
    let mut last = began;
    loop {
        let line = gateway.line()?.context("the gateway ended")?;
        let verb = event(&line);
        if let Some(verb) = verb {
            let took = last.elapsed();
            last += took;
            match verbs.iter_mut().find(|(known, _)| *known == verb) {
                Some((_, sum)) => *sum += took,
                None => verbs.push((verb, took)),
            }
        }
        match verb {
            Some("read") => {
                first_read.get_or_insert_with(|| began.elapsed());
                caught_up |= line.contains("caught_up=true");
            }
            Some("settled") if caught_up => break,
            _ => {}
        }
    }
    let whole = began.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib: u64 = peak.context("no VmHWM")?.trim().trim_end_matches("kB").trim().parse()?;
    gateway.stop()?;
    let first_read = first_read.context("nothing was read")?;
    Ok(Run { first_read, verbs, whole, peak_mib: peak_kib.div_ceil(1024) })
}

struct Sizes {
    mean: usize,
}

async fn row_sizes(url: &str) -> anyhow::Result<Sizes> {
    let mut source = SqliteConnection::connect(url).await?;
    let mean: f64 = sqlx::query_scalar(
        "SELECT avg(length(RQSTTITLE) + length(RQSTCONTENT) + length(RQSTPERSON)
             + length(RQSTADDRESS) + 200) FROM CNS_CINFO",
    )
    .fetch_one(&mut source)
    .await?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Sizes { mean: mean as usize })
}

/// SQLite alone: rows of that size, a key and an index, WAL and full synchronous, in batches.
async fn floor(size: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("floor.db").display());
    let mut db = SqliteConnection::connect(&url).await?;
    db.execute("PRAGMA journal_mode = WAL").await?;
    db.execute("PRAGMA synchronous = FULL").await?;
    db.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, key TEXT UNIQUE, body BLOB)").await?;
    let body = vec![b'x'; size];
    let began = Instant::now();
    let mut next = 0_u64;
    while next < RECORDS {
        let mut tx = db.begin().await?;
        let mut insert = QueryBuilder::new("INSERT INTO row (key, body) ");
        insert.push_values(0..FLOOR_BATCH, |mut row, _| {
            row.push_bind(format!("{next:036}")).push_bind(body.as_slice());
            next += 1;
        });
        insert.build().execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(rate(RECORDS, began.elapsed()))
}
