//! How late demands are stored at half of the highest rate.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contract::Timestamp;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    records::{Pages, number},
    report::Latency,
    service::Service,
    site::{JSON, Servers, Site},
};

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
    let service = Service::start(&site, &[])?;
    pages.wait_for_requests(2).await?;
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
        ticks.tick().await;
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
