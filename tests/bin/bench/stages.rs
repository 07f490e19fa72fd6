//! What each stage of the way of a record costs: the same records, in this process, one stage after the other.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use contract::{
    Batch, Channel, Consumer as _, Cursor, DemandId, DemandState, Entry, Event, MappingNo,
    Normalizer, Position, Publisher as _, ReadBatch, ReadNo, RecordKey, Revision, Store as _,
    judge, keep,
};
use document::DocumentFormat;
use gateway::{assemble, clock::now, keys};
use normalizer_text::{Charset, Hints};
use serde::Serialize;

use crate::{
    process::cpu_time,
    records::{PAGE_ROWS, Pages, key},
    report::real,
    site::{JSON, Servers, Site, XML},
};

/// The number of pages that go through all stages.
const PAGES: u64 = 20;

/// What a stage took.
#[derive(Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// CPU time of this process for one record, in microseconds; servers are not included.
    pub(crate) cpu_us: f64,
    /// What one core could do in a second.
    pub(crate) per_core_per_s: f64,
}

/// Collects the CPU time of stages.
#[derive(Default)]
struct Clock {
    spent: Vec<(&'static str, Duration)>,
}

impl Clock {
    fn add(&mut self, name: &'static str, time: Duration) {
        match self.spent.iter_mut().find(|(known, _)| *known == name) {
            Some((_, spent)) => *spent += time,
            None => self.spent.push((name, time)),
        }
    }

    /// Does work on this thread.
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        let before = thread_time()?;
        let done = work();
        self.add(name, thread_time()?.saturating_sub(before));
        Ok(done)
    }

    /// Does work on any thread; nothing else is going on in this process.
    async fn wait<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Result<T, contract::Fault>>,
    ) -> anyhow::Result<T> {
        let before = cpu_time(std::process::id())?;
        let done = work.await?;
        self.add(name, cpu_time(std::process::id())?.saturating_sub(before));
        Ok(done)
    }

    fn stages(self) -> Vec<Stage> {
        let stage = |(name, spent): (&'static str, Duration)| {
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

/// How pages of one kind are read, and the names of the stages.
struct Kind {
    name: &'static str,
    format: DocumentFormat,
    charset: Option<Charset>,
    rows: &'static str,
    stages: [&'static str; 5],
}

const JSON_PAGES: Kind = Kind {
    name: "json",
    format: DocumentFormat::Json,
    charset: None,
    rows: "/rows",
    stages: [
        "decode (JSON)",
        "parse (JSON)",
        "map, with sealing (JSON)",
        "of that, compress and seal the raw record (JSON)",
        "encode (JSON)",
    ],
};
const XML_PAGES: Kind = Kind {
    name: "xml",
    format: DocumentFormat::Xml,
    charset: Some(Charset::Gb18030),
    rows: "/list/0/row",
    stages: [
        "decode (GBK XML)",
        "parse (GBK XML)",
        "map, with sealing (GBK XML)",
        "of that, compress and seal the raw record (GBK XML)",
        "encode (GBK XML)",
    ],
};

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
            let demands = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
            events += clock.time("judge", || {
                let judged = demands.filter_map(|event| match event {
                    Event::Demand(demand) => Some(judge(None, &DemandState::of(demand))),
                    _ => None,
                });
                judged.map(std::hint::black_box).count()
            })?;
            Box::pin(clock.wait("write (SQLite), with judging", sqlite.store(&intake))).await?;
            let write = keep(&postgres, intake);
            let kept = Box::pin(clock.wait("write (PostgreSQL), with judging", write)).await?;
            Box::pin(clock.wait("ack", consumer.ack(kept))).await?;
        }
    }
    ensure!(u64::try_from(events)? == PAGES * PAGE_ROWS, "{events} demands arrived");
    site.remove().await?;
    Ok(clock.stages())
}

/// The mapping of the only channel, and the store.
async fn open(site: &Site) -> anyhow::Result<(Arc<dyn Normalizer>, sink::store::Database)> {
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
    page: u64,
) -> anyhow::Result<contract::Outbox> {
    let [decode, parse, map, seal, encode] = kind.stages;
    let body = pages.body(page * PAGE_ROWS, kind.name);
    let hints = Hints { declared: kind.charset, ..Hints::default() };
    let mut text = clock.time(decode, || document::decode(&body, &hints))?;
    let tree = clock.time(parse, || text.parse(kind.format))?;
    let mut tree = tree.map_err(|why| anyhow!("a page cannot be read: {why}"))?;
    let rows = tree.pointer_mut(kind.rows).and_then(|rows| rows.as_array_mut());
    let rows = std::mem::take(rows.context("no records")?);
    let numbered = (page * PAGE_ROWS..).zip(rows);
    let entries: Vec<_> = numbered
        .map(|(n, row)| {
            let report = text.diagnostics.report.clone();
            Entry::record(RecordKey::new(key(n)), Revision::NONE, row, report)
        })
        .collect();
    let id: contract::ChannelId = "bench".parse()?;
    let demand = DemandId::of(&id, &RecordKey::new(key(0)));
    let count = entries.len();
    let batch = Batch { entries, upto: Cursor::from_text("{}"), end: None, trouble: Vec::new() };
    let channel = Channel { id, mapping: MappingNo(1), normalizer: Arc::clone(normalizer) };
    let (read_no, from) = (ReadNo(page + 1), Position::default());
    let read = ReadBatch { channel, from, read_no, batch, read_at: now() };
    let verdicts = clock.time(map, || read.verdicts(0..count))?;
    clock.time(seal, || {
        for entry in &read.batch.entries {
            if let Entry::Record(record) = entry {
                std::hint::black_box(normalizer.seal(&demand, &record.body.to_bytes()));
            }
        }
    })?;
    let outbox = clock.time(encode, || read.pack(verdicts))?;
    ensure!(outbox.tally().rejected == 0, "a record was rejected");
    Ok(outbox)
}
