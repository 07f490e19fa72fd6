//! A running service: what it takes with nothing to do, how late demands are stored at half of the highest
//! rate, and how fast new ones come into a store that has many.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use contract::Timestamp;
use sqlx::{Connection as _, PgConnection};
use system_tests::gateway_process::signal;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    process::{cpu_time, memory_kib},
    records::{Pages, number},
    report::{Growth, Idle, Latency, real},
    site::{JSON, Servers, Site},
};

/// The number of channels of an idle service.
const IDLE_CHANNELS: usize = 200;
/// How long a new service may read for the first time, before it counts as idle.
const SETTLING: Duration = Duration::from_secs(15);
/// How long it is watched then: as long as its channels wait.
const WATCHED: Duration = Duration::from_secs(10);

/// A running `tonghui run`, which is killed when this is dropped.
struct Service(Child);

impl Service {
    fn start(site: &Site) -> anyhow::Result<Self> {
        Ok(Self(site.command(&["run"])?.spawn()?))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        signal("TERM", self.0.id())?;
        ensure!(self.0.wait()?.success(), "the gateway failed");
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // After `stop` there is no process left to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Watches an embedded service whose channels have nothing new to read.
pub(crate) async fn idle(pages: &Pages) -> anyhow::Result<Idle> {
    let site = Site::empty()?;
    pages.set_available(0);
    let text = JSON.replace("http://127.0.0.1:1", pages.url()).replace("\"1s\"", "\"10s\"");
    for n in 0..IDLE_CHANNELS {
        let text = text.replace("\"Bench\"", &format!("\"Bench {n}\""));
        site.add_channel(&format!("bench{n}"), &text)?;
    }
    let service = Service::start(&site)?;
    sleep(SETTLING).await;
    let (before, began) = (cpu_time(service.0.id())?, Instant::now());
    sleep(WATCHED).await;
    let cpu = cpu_time(service.0.id())?.saturating_sub(before);
    let cpu_percent = 100.0 * cpu.as_secs_f64() / began.elapsed().as_secs_f64();
    let rss_mb = real(memory_kib(service.0.id()).context("it has ended")?) / 1_024.0;
    service.stop()?;
    Ok(Idle { channels: IDLE_CHANNELS, cpu_percent, rss_mb })
}

/// How often new records appear in the source.
const TICK: Duration = Duration::from_millis(100);

/// Lets `per_s` records appear each second, for `length`, in a source that a service through RabbitMQ into
/// PostgreSQL polls each second. Returns how long after it was served a demand was stored.
pub(crate) async fn latency(
    servers: &Servers,
    pages: &Pages,
    per_s: f64,
    length: Duration,
) -> anyhow::Result<Latency> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let due = |after: Duration| (per_s * after.as_secs_f64()) as u64;
    pages.set_available(0);
    pages.make(0, due(length + TICK));
    let site = Site::http(JSON, pages)?.through(servers, "latency").await?;
    let service = Service::start(&site)?;
    sleep(Duration::from_secs(2)).await;
    pages.take_served();
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut records = 0;
    while began.elapsed() < length {
        ticks.tick().await;
        records = due(began.elapsed());
        pages.set_available(records);
    }
    let mut store = PgConnection::connect(site.postgres()?).await?;
    let patience = Instant::now();
    loop {
        let stored: i64 =
            sqlx::query_scalar("SELECT count(*) FROM demand").fetch_one(&mut store).await?;
        if u64::try_from(stored)? == records {
            break;
        }
        ensure!(patience.elapsed() < length * 2, "{stored} demands of {records} were stored");
        sleep(Duration::from_millis(500)).await;
    }
    service.stop()?;
    let served = pages.take_served();
    // The message of a demand is known only by its read: the last receipt of the read counts.
    let sql = "SELECT source_key, kept FROM demand JOIN \
         (SELECT read_no, max(kept_at) AS kept FROM receipt GROUP BY read_no) AS read USING (read_no)";
    let rows: Vec<(String, Timestamp)> = sqlx::query_as(sql).fetch_all(&mut store).await?;
    store.close().await?;
    site.remove().await?;
    let mut lags: Vec<f64> = rows
        .iter()
        .filter_map(|(key, kept)| {
            let n = number(key)?;
            let page = served.partition_point(|(end, _)| *end <= n);
            let (_, served) = served.get(page)?;
            Some((*kept - *served).as_seconds_f64() * 1e3)
        })
        .collect();
    lags.sort_by(f64::total_cmp);
    let quantile = |percent: usize| lags.get(lags.len() * percent / 100).copied();
    Ok(Latency {
        offered_per_s: per_s,
        records,
        p50_ms: quantile(50).context("nothing was stored")?,
        p99_ms: quantile(99).context("nothing was stored")?,
    })
}

/// Fills one store of each kind, and measures at each of these sizes how fast `more` records are stored.
pub(crate) async fn growth(
    servers: &Servers,
    pages: &Pages,
    sizes: &[u64],
    more: u64,
) -> anyhow::Result<Vec<Growth>> {
    let embedded = Site::http(JSON, pages)?;
    let brokered = Site::http(JSON, pages)?.through(servers, "growth").await?;
    let (mut growth, mut present) = (Vec::new(), 0);
    for &size in sizes {
        crate::say(&format!("growth: {size} demands"));
        pages.set_available(size);
        for site in [&embedded, &brokered] {
            Box::pin(site.sync(size - present, size)).await?;
        }
        pages.make(size.saturating_sub(1), size + more);
        pages.set_available(size + more);
        let embedded = Box::pin(embedded.sync(more, size + more)).await?.records_per_s;
        let brokered = Box::pin(brokered.sync(more, size + more)).await?.records_per_s;
        growth.push(Growth {
            rows_present: size,
            embedded_records_per_s: embedded,
            brokered_records_per_s: brokered,
        });
        present = size + more;
    }
    brokered.remove().await?;
    Ok(growth)
}
