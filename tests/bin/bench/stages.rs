//! What each stage of the way of a record costs: the same records, in this process, one stage after the other.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use contract::{Consumer as _, Normalizer, Outbox, Publisher as _, Store as _, keep};
use gateway::{assemble, keys};
use serde::Serialize;
use sink::store::Database;

use crate::{
    page::{JSON_PAGES, Kind, Page, STAGES, XML_PAGES, judge_all},
    process::cpu_time,
    records::{PAGE_ROWS, Pages},
    report::real,
    site::{JSON, Servers, Site, XML},
};

/// The number of pages that go through all stages.
const PAGES: u64 = 20;

/// What a stage took.
#[derive(Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// CPU time of this process for one record, in microseconds; servers are not included.
    pub(crate) cpu_us: f64,
    /// What one core could do in a second.
    pub(crate) per_core_per_s: f64,
}

/// Collects the CPU time of stages.
#[derive(Default)]
struct Clock {
    spent: Vec<(String, Duration)>,
}

impl Clock {
    fn add(&mut self, name: &str, time: Duration) {
        match self.spent.iter_mut().find(|(known, _)| *known == name) {
            Some((_, spent)) => *spent += time,
            None => self.spent.push((name.to_owned(), time)),
        }
    }

    /// Does work on this thread.
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        let before = thread_time()?;
        let done = work();
        self.add(name, thread_time()?.saturating_sub(before));
        Ok(done)
    }

    /// Does work on any thread; nothing else is going on in this process.
    async fn wait<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<T, contract::Fault>>,
    ) -> anyhow::Result<T> {
        let before = cpu_time(std::process::id())?;
        let done = work.await?;
        self.add(name, cpu_time(std::process::id())?.saturating_sub(before));
        Ok(done)
    }

    fn stages(self) -> Vec<Stage> {
        let stage = |(name, spent): (String, Duration)| {
            let cpu_us = spent.as_secs_f64() * 1e6 / real(PAGES * PAGE_ROWS);
            Stage { name, cpu_us, per_core_per_s: 1e6 / cpu_us.max(0.01) }
        };
        self.spent.into_iter().map(stage).collect()
    }
}

/// The CPU time of this thread.
fn thread_time() -> anyhow::Result<Duration> {
    let spent = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(spent.split(' ').next().context("no number")?.parse()?))
}

/// Measures all stages, with new stores and queues.
pub(crate) async fn measure(servers: &Servers, pages: &Pages) -> anyhow::Result<Vec<Stage>> {
    let mut clock = Clock::default();
    pages.set_available(PAGES * PAGE_ROWS);
    let xml = Site::http(XML, pages)?;
    let (normalizer, _) = Box::pin(open(&xml)).await?;
    for page in 0..PAGES {
        drop(read(&mut clock, pages, &XML_PAGES, &normalizer, page)?);
    }
    let embedded = Site::http(JSON, pages)?;
    let sqlite = embedded.store().await?;
    let site = Site::http(JSON, pages)?.through(servers, "stages").await?;
    let (normalizer, postgres) = Box::pin(open(&site)).await?;
    let settings = site.settings()?;
    let bus = settings.bus.as_ref().context("there is no broker")?;
    let amqp = assemble::broker(bus, keys::bus(&settings)?);
    let (publisher, mut consumer) = (amqp.publisher(), amqp.consumer(["bench".parse()?]));
    // Connects, and declares the queue.
    publisher.ready().await?;
    let mut events = 0;
    for page in 0..PAGES {
        let outbox = read(&mut clock, pages, &JSON_PAGES, &normalizer, page)?;
        Box::pin(clock.wait("publish, confirmed", publisher.publish(outbox.messages()))).await?;
        let mut missing = outbox.messages().len();
        while missing > 0 {
            let intake = Box::pin(clock.wait("take", consumer.take(missing))).await?;
            missing = missing.saturating_sub(intake.deliveries().len());
            events += clock.time("judge", || judge_all(&intake))?;
            Box::pin(clock.wait("write (SQLite), with judging", sqlite.store(&intake))).await?;
            let write = keep(&postgres, intake);
            let kept = Box::pin(clock.wait("write (PostgreSQL), with judging", write)).await?;
            Box::pin(clock.wait("ack", consumer.ack(kept))).await?;
        }
    }
    ensure!(events == PAGES * PAGE_ROWS, "{events} demands arrived");
    site.remove().await?;
    Ok(clock.stages())
}

/// The mapping of the only channel, and the store.
pub(crate) async fn open(site: &Site) -> anyhow::Result<(Arc<dyn Normalizer>, Database)> {
    let settings = site.settings()?;
    let (store, keys) = assemble::open(&settings).await?;
    let channel = assemble::channels(&settings, &keys)?.pop().context("there is no channel")?;
    Ok((channel.normalizer, store))
}

/// Makes messages from page number `page`.
fn read(
    clock: &mut Clock,
    pages: &Pages,
    kind: &Kind,
    normalizer: &Arc<dyn Normalizer>,
    number: u64,
) -> anyhow::Result<Outbox> {
    let mut page = Page::Served(pages.body(number * PAGE_ROWS, kind.served_as));
    loop {
        if let Page::Encoded(outbox) = page {
            return Ok(outbox);
        }
        let stage = STAGES.get(page.n_done()).context("there is no such stage")?;
        let name = format!("{stage} ({})", kind.name);
        page = clock.time(&name, || page.step(number, kind, normalizer))??;
    }
}
