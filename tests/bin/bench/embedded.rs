//! Measures how fast the gateway brings a backlog of the hotline into one SQLite file, and how fast SQLite
//! alone writes such rows: no gateway can be faster (the "floor").

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::Context;
use sqlx::{Connection, Executor, QueryBuilder, SqliteConnection};
use system_tests::{
    gateway_process::{Gateway, event},
    world::World,
};

use super::{RECORDS, rate};

/// The number of rows that SQLite alone writes in one transaction: about as many as in a batch of the store.
const FLOOR_BATCH: usize = 1_000;

/// Measures, and prints a table.
pub(crate) async fn measure(world: &World) -> anyhow::Result<()> {
    let size = row_size(world.hotline.url()).await?;
    let run = tokio::task::block_in_place(|| pull(world))?;
    let floor = floor(size).await?;

    let per_second = rate(RECORDS, run.whole);
    let mut out = std::io::stdout().lock();
    writeln!(out, "| embedded: one process, one SQLite file | measured |\n|---|---|")?;
    writeln!(out, "| records, mean bytes of their columns | {RECORDS}, {size} |")?;
    writeln!(out, "| records/s, source to committed, acknowledged | {per_second:.0} |")?;
    let cpu = run.cpu.as_secs_f64() * 1e6 / rate(RECORDS, SECOND);
    writeln!(out, "| CPU µs per record, all threads | {cpu:.0} |")?;
    writeln!(out, "| SQLite alone, rows of that size in batches, rows/s | {floor:.0} |")?;
    writeln!(out, "| ratio to that floor | 1 : {:.1} |", floor / per_second)?;
    writeln!(out, "| peak resident memory of `tonghui` | {} MiB |", run.peak_mib)?;
    writeln!(out, "| from start to first read | {} ms |", run.first_read.as_millis())?;
    Ok(())
}

const SECOND: Duration = Duration::from_secs(1);

/// The measurements of one run of the binary.
struct Run {
    /// The time from the start to the first read.
    first_read: Duration,
    /// The time from the start until everything was settled.
    whole: Duration,
    /// CPU time of all threads, in user and kernel mode.
    cpu: Duration,
    peak_mib: u64,
}

/// Runs the binary until it has read everything once, and stops it.
fn pull(world: &World) -> anyhow::Result<Run> {
    let began = Instant::now();
    let mut gateway = Gateway::start(world)?;
    let mut first_read = None;
    let mut caught_up = false;
    loop {
        let line = gateway.line()?.context("the gateway ended")?;
        match event(&line) {
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
    let cpu = cpu_time(gateway.id())?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib: u64 = peak.context("no VmHWM")?.trim().trim_end_matches("kB").trim().parse()?;
    gateway.stop()?;
    let first_read = first_read.context("nothing was read")?;
    Ok(Run { first_read, whole, cpu, peak_mib: peak_kib.div_ceil(1024) })
}

/// User and kernel time of a process: proc(5), fields 14 and 15 of `stat`, in ticks of 10 ms.
fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain spaces.
    let (_, fields) = stat.rsplit_once(") ").context("no name in /proc/…/stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.collect::<Result<Vec<_>, _>>()?.iter().sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The mean size of a row of the hotline in bytes, with 200 for the short columns.
async fn row_size(url: &str) -> anyhow::Result<usize> {
    let mut source = SqliteConnection::connect(url).await?;
    let mean: f64 = sqlx::query_scalar(
        "SELECT avg(length(RQSTTITLE) + length(RQSTCONTENT) + length(RQSTPERSON)
             + length(RQSTADDRESS) + 200) FROM CNS_CINFO",
    )
    .fetch_one(&mut source)
    .await?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(mean as usize)
}

/// Rows per second that SQLite alone writes: rows of `size` bytes with a unique key, in batches, with WAL
/// and full synchronous mode.
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
