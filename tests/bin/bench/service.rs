//! A running service that has nothing to do, and stores that have many demands.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use system_tests::gateway_process::signal;
use tokio::time::sleep;

use crate::{
    process::{cpu_time, memory_kib},
    records::Pages,
    report::{Growth, Idle, real},
    site::{JSON, Servers, Site},
};

/// The number of channels of an idle service.
const IDLE_CHANNELS: u64 = 200;
/// How long a new service may read for the first time, before it counts as idle.
const SETTLING: Duration = Duration::from_secs(15);
/// How long it is watched then: as long as its channels wait.
const WATCHED: Duration = Duration::from_secs(10);

/// A running `tonghui run`, which is killed when this is dropped.
pub(crate) struct Service(Child);

impl Service {
    pub(crate) fn start(site: &Site) -> anyhow::Result<Self> {
        Ok(Self(site.command(&["run"])?.spawn()?))
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
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
        // Two channels that ask for the same are refused.
        let text =
            text.replace("records =", &format!("query = {{ channel = \"{n}\" }}\nrecords ="));
        site.add_channel(&format!("bench{n}"), &text)?;
    }
    let service = Service::start(&site)?;
    sleep(SETTLING).await;
    pages.take_requests();
    let (before, began) = (cpu_time(service.0.id())?, Instant::now());
    sleep(WATCHED).await;
    let cpu = cpu_time(service.0.id())?.saturating_sub(before);
    let cpu_percent = 100.0 * cpu.as_secs_f64() / began.elapsed().as_secs_f64();
    let requests = pages.take_requests();
    ensure!(requests > IDLE_CHANNELS / 2, "{IDLE_CHANNELS} channels sent only {requests} requests");
    let rss_mb = real(memory_kib(service.0.id()).context("it has ended")?) / 1_024.0;
    service.stop()?;
    Ok(Idle { channels: IDLE_CHANNELS, cpu_percent, rss_mb })
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
