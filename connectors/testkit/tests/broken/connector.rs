//! A connector that keeps every promise, unless it has a defect.

mod position;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use contract::{
    Batch, Body, Connector, ConnectorContext, Entry, Fault, Partition, PassEnd, RawRecord,
    RecordKey, Revision, TextReport,
};
use serde_json::json;

pub(crate) use position::Position;

use crate::{
    defect::Defect,
    world::{Refusal, Row, World},
};

/// How long the connector waits for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(20);
pub(crate) const SECRET: &str = "s3cret-of-the-source";

/// A connector that reads the source in `world`.
#[derive(Default)]
pub(crate) struct Scripted {
    world: Arc<Mutex<World>>,
    defect: Option<Defect>,
    /// State that only defective connectors keep.
    memory: Memory,
}

/// What a connector must not remember between two reads.
#[derive(Default)]
struct Memory {
    n_reads: usize,
    /// Whether its first read began in the middle of the source.
    began_midway: bool,
    /// Whether a read was dropped before its end.
    is_busy: bool,
    /// Whether the last read was refused.
    is_faulted: bool,
    /// The position and the size of the last request.
    request: Option<(Position, usize)>,
}

impl Scripted {
    /// Gives the connector its source, and a defect.
    pub(crate) fn set(&mut self, world: Arc<Mutex<World>>, defect: Option<Defect>) {
        (self.world, self.defect) = (world, defect);
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// The fault for a refusal; `None` if a defect takes the refusal for an empty answer.
    async fn refuse(&mut self, refusal: Refusal) -> Option<Fault> {
        self.memory.is_faulted = true;
        Some(match refusal {
            Refusal::Unauthorized if self.has(Defect::RetriesWrongPassword) => {
                Fault::transient("401")
            }
            Refusal::Unauthorized if self.has(Defect::LeaksItsSecret) => {
                Fault::stopped(format!("401 for {SECRET}"))
            }
            Refusal::Forbidden if self.has(Defect::RetriesWhenForbidden) => Fault::transient("403"),
            Refusal::Unauthorized | Refusal::Forbidden => Fault::stopped("refused"),
            Refusal::Throttled(_) if self.has(Defect::IgnoresRetryAfter) => {
                Fault::throttled(Duration::ZERO, "429")
            }
            Refusal::Throttled(wait) => Fault::throttled(wait, "429"),
            Refusal::Broken if self.has(Defect::StopsAtServerError) => Fault::stopped("500"),
            Refusal::Broken => Fault::transient("500"),
            Refusal::Silent if self.has(Defect::HasNoTimeout) => std::future::pending().await,
            Refusal::Silent => {
                let answer = tokio::time::timeout(TIMEOUT, std::future::pending::<()>());
                drop(answer.await);
                Fault::transient("no answer")
            }
            Refusal::WrongFormat if self.has(Defect::TakesGarbageForEmpty) => return None,
            Refusal::WrongFormat => Fault::stopped("garbage"),
        })
    }

    /// Whether a defect loses the row: the cursor then moves past it.
    fn loses(
        &self,
        row: &Row,
        is_first: bool,
        max: usize,
        after: &Position,
        world: &World,
    ) -> bool {
        const DAY: i64 = 86_400;
        let Some(defect) = self.defect else { return false };
        let is_midway = after.is_begun && !after.is_end;
        let late_by = after.newest.saturating_sub(row.stamp);
        let ahead_by = after.newest.saturating_sub(world.now());
        match defect {
            Defect::ReadsOneYearOnly => row.stamp < world.now() - 365 * DAY,
            Defect::LosesWhatItReadAhead => {
                is_first && self.memory.n_reads.is_multiple_of(2) && self.memory.began_midway
            }
            Defect::IgnoresChanges => after.is_end && row.is_changed,
            Defect::LosesAtPageBorders => {
                let together = world.rows.values().filter(|other| other.stamp == row.stamp);
                is_first && max <= 4 && (50..150).contains(&together.count())
            }
            Defect::StopsAtFiveThousand => row.place > 5_000,
            Defect::HasTooLittleOverlap => (100..1_000).contains(&late_by),
            Defect::HasNoOverlap => (50..100).contains(&late_by),
            Defect::ReadsLaterTimesOnly => after.is_end && row.stamp == after.newest,
            Defect::ReadsASnapshot => is_midway && !row.is_changed && row.place > after.snapshot,
            Defect::CountsOffsets => is_first && is_midway && world.deleted.len() > after.n_deleted,
            Defect::FollowsFutureTimes => after.is_begun && late_by > 100 * DAY,
            Defect::LosesTheRepeatedHour => world.n_shifts == 1 && ahead_by == 3_600,
            Defect::LosesTheHourOfWinterTime => world.n_shifts == 2 && ahead_by == 3_600,
            Defect::LosesRowsAfterAZoneChange => world.n_shifts == 1 && ahead_by == 8 * 3_600,
            Defect::BreaksWhenDropped => self.memory.is_busy,
            Defect::SkipsAfterAFault => is_first && self.memory.is_faulted,
            _ => false,
        }
    }

    fn answer(&mut self, after: &Position, max: usize) -> Result<Batch<Position>, Fault> {
        let shared = Arc::clone(&self.world);
        let mut world = shared.lock().unwrap();
        let stands_on = after.reached.get(&0).copied().unwrap_or(0);
        if self.has(Defect::NeedsTheRowItStandsOn)
            && after.is_end
            && world.deleted.contains(&stands_on)
        {
            return Err(Fault::stopped("the row is gone"));
        }
        if self.has(Defect::FailsWithOnePartition) && world.failing.is_some() {
            return Err(Fault::transient("a partition fails"));
        }
        if self.has(Defect::AcknowledgesByReading) && max == 2 {
            world.rows.retain(|place, _| *place > stands_on);
        }
        let requested = if self.has(Defect::ReturnsOneTooMany) && max == 1 { 2 } else { max };
        let (mut page, mut is_repeated) = (world.page(&after.reached, requested), false);
        if !page.is_empty() && page.iter().all(|row| after.has_passed(row)) {
            is_repeated = true;
            page = world.page(&after.reached, requested);
        }
        let request = Some((after.clone(), max));
        if self.has(Defect::ShortensARepeatedRead)
            && self.memory.request == request
            && page.len() > 1
        {
            page.pop();
        }
        self.memory.request = request;

        let mut upto = after.after_page(&page, &world);
        let mut caught_up = page.is_empty();
        match self.defect {
            Some(Defect::IsNeverCaughtUp) if world.rows.is_empty() && self.memory.n_reads <= 8 => {
                caught_up = false;
            }
            Some(Defect::IsCaughtUpTooSoon) if after.is_from_empty && !page.is_empty() => {
                caught_up = true;
            }
            Some(Defect::TakesAShortPageForTheLast) => caught_up = page.len() < max,
            Some(Defect::TakesARepeatedPageForTheLast) if is_repeated => {
                (page, caught_up, upto) = (Vec::new(), true, after.clone());
            }
            Some(Defect::MovesCursorAtRest) if caught_up && after.is_end => upto.n_idle_reads += 1,
            Some(Defect::CountsLoadsInItsCursor) => upto.n_loads = Some(0),
            Some(Defect::KeepsKeysInItsCursor) if world.rows.len() > 5_000 => {
                upto.notes.extend(page.iter().map(|row| row.key.clone()));
            }
            Some(Defect::WritesMuchPerPartition) if world.n_partitions >= 200 => {
                upto.notes = vec!["a bookmark of a partition ".repeat(20); world.n_partitions];
            }
            _ => {}
        }
        upto.is_end = caught_up;
        let mut entries = Vec::new();
        for (index, row) in page.iter().enumerate() {
            if self.loses(row, index == 0, max, after, &world) {
                continue;
            }
            entries.push(entry(row));
            if self.has(Defect::ReturnsBothStates) && max == 100 && row.is_changed {
                entries.push(entry(row));
            }
        }
        if !page.is_empty() {
            let keys = page.iter().map(|row| row.key.clone()).collect();
            world.returned.insert(json!(upto).to_string(), keys);
        }
        let trouble = world.failing.map(|partition| {
            (Partition(partition.to_string()), Fault::transient("the partition fails"))
        });
        Ok(Batch {
            entries,
            upto,
            end: caught_up.then(PassEnd::default),
            trouble: trouble.into_iter().collect(),
        })
    }
}

impl Connector for Scripted {
    const KIND: &'static str = "scripted";
    type Config = ();
    type Cursor = Position;

    fn build((): (), _: ConnectorContext) -> Result<Self, Fault> {
        Ok(Self::default())
    }

    async fn read(
        &mut self,
        after: Option<&Position>,
        max: usize,
    ) -> Result<Batch<Position>, Fault> {
        let after = after.cloned().unwrap_or_default();
        let was_busy = std::mem::replace(&mut self.memory.is_busy, true);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.memory.is_busy = was_busy;
        self.memory.n_reads += 1;
        if self.memory.n_reads == 1 {
            self.memory.began_midway = after.is_begun && !after.is_end;
        }
        let refusal = self.world.lock().unwrap().refusal;
        if let Some(refusal) = refusal {
            return match self.refuse(refusal).await {
                Some(fault) => Err(fault),
                None => Ok(Batch {
                    entries: Vec::new(),
                    upto: after,
                    end: Some(PassEnd::default()),
                    trouble: Vec::new(),
                }),
            };
        }
        let batch = self.answer(&after, max);
        self.memory.is_faulted = false;
        batch
    }

    async fn settled(&mut self, upto: &Position) -> Result<(), Fault> {
        let mut world = self.world.lock().unwrap();
        let upto = json!(upto).to_string();
        let is_again = !world.settled.insert(upto.clone());
        let takes_away = match self.defect {
            Some(Defect::SettlesChangesAtARestart) => is_again,
            Some(Defect::SettlesANewerState) => !is_again,
            _ => false,
        };
        if takes_away && let Some(keys) = world.returned.get(&upto).cloned() {
            world.rows.retain(|_, row| !(row.is_changed && keys.contains(&row.key)));
        }
        Ok(())
    }

    fn sample(&self, _: &str, _: &[u8]) -> Result<Vec<Entry>, Fault> {
        Ok(Vec::new())
    }
}

fn entry(row: &Row) -> Entry {
    Entry::Record(RawRecord {
        key: RecordKey::new(row.key.as_str()),
        revision: Revision::NONE,
        body: Body::new(json!({})),
        text: TextReport::default(),
    })
}
