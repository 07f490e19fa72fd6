//! A running service that has nothing to do, and stores that have many demands.

use std::{process::Child, time::Instant};

use anyhow::{Context as _, ensure};
use system_tests::gateway_process::signal;

use crate::{
    process::{cpu_time, memory_kib},
    records::Pages,
    report::{Growth, Idle, real},
    site::{JSON, Servers, Site},
};

/// The number of channels of an idle service.
const IDLE_CHANNELS: u64 = 200;

/// A running `tonghui run`, which is killed when this is dropped.
pub(crate) struct Service(Child);

impl Service {
    /// Starts `tonghui run` with these further arguments.
    pub(crate) fn start(site: &Site, arguments: &[&str]) -> anyhow::Result<Self> {
        Ok(Self(site.command(&[&["run"], arguments].concat())?.spawn()?))
    }

    /// Fails if it has ended.
    pub(crate) fn ensure_runs(&mut self) -> anyhow::Result<()> {
        ensure!(self.0.try_wait()?.is_none(), "the gateway ended");
        Ok(())
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
        // Two channels that ask for the same, or have the same name, are refused.
        let text = text
            .replace("records =", &format!("query = {{ channel = \"{n}\" }}\nrecords ="))
            .replace("\"Bench\"", &format!("\"Bench {n}\""));
        site.add_channel(&format!("bench{n}"), &text)?;
    }
    ensure!(site.command(&["check"])?.status()?.success(), "the channels have problems");
    let service = Service::start(&site, &[])?;
    // Each channel asks once at the start, and then each ten seconds.
    pages.wait_for_requests(IDLE_CHANNELS).await?;
    let (before, began) = (cpu_time(service.0.id())?, Instant::now());
    pages.wait_for_requests(IDLE_CHANNELS).await?;
    let cpu = cpu_time(service.0.id())?.saturating_sub(before);
    let cpu_percent = 100.0 * cpu.as_secs_f64() / began.elapsed().as_secs_f64();
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
