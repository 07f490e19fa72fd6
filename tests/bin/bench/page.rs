//! A page of records on its way through the stages that need neither a server nor a store.

use std::{hint::black_box, sync::Arc};

use anyhow::{Context as _, anyhow, ensure};
use contract::{
    Batch, Channel, Cursor, DemandId, DemandState, Entry, Event, Intake, MappingNo, Normalizer,
    Outbox, Position, ReadBatch, ReadNo, RecordKey, Revision, Verdict, demand::Cause, judge,
};
use document::{DocumentFormat, Text};
use gateway::clock::now;
use normalizer_text::{Charset, Hints};

use crate::records::{PAGE_ROWS, key};

/// How pages of one kind are read.
pub(crate) struct Kind {
    /// The name by which the source serves it.
    pub(crate) served_as: &'static str,
    pub(crate) name: &'static str,
    format: DocumentFormat,
    charset: Option<Charset>,
    rows: &'static str,
}

pub(crate) const JSON_PAGES: Kind = Kind {
    served_as: "json",
    name: "JSON",
    format: DocumentFormat::Json,
    charset: None,
    rows: "/rows",
};
pub(crate) const XML_PAGES: Kind = Kind {
    served_as: "xml",
    name: "GBK XML",
    format: DocumentFormat::Xml,
    charset: Some(Charset::Gb18030),
    rows: "/list/0/row",
};

/// A page, by what was done to it last.
pub(crate) enum Page {
    Served(Vec<u8>),
    Decoded(Text),
    Parsed(ReadBatch),
    Sealed(ReadBatch),
    Mapped(ReadBatch, Vec<Verdict>),
    Encoded(Outbox),
    Taken(Intake),
    Judged,
}

/// The stages of a page, in their order.
pub(crate) const STAGES: [&str; 7] = [
    "decode",
    "parse",
    "compress and seal the raw records (part of map)",
    "map, with sealing",
    "encode",
    "decode the messages (part of take)",
    "judge",
];

impl Page {
    /// The number of stages that it has gone through.
    pub(crate) fn n_done(&self) -> usize {
        match self {
            Self::Served(_) => 0,
            Self::Decoded(_) => 1,
            Self::Parsed(_) => 2,
            Self::Sealed(_) => 3,
            Self::Mapped(..) => 4,
            Self::Encoded(_) => 5,
            Self::Taken(_) => 6,
            Self::Judged => 7,
        }
    }

    /// Does the next stage of page number `page`.
    pub(crate) fn step(
        self,
        page: u64,
        kind: &Kind,
        normalizer: &Arc<dyn Normalizer>,
    ) -> anyhow::Result<Self> {
        Ok(match self {
            Self::Served(body) => {
                let hints = Hints { declared: kind.charset, ..Hints::default() };
                Self::Decoded(document::decode(&body, &hints))
            }
            Self::Decoded(text) => Self::Parsed(parse(text, page, kind, normalizer)?),
            Self::Parsed(read) => {
                let demand = DemandId::of(&read.channel.id, &RecordKey::new(key(0)));
                for entry in &read.batch.entries {
                    if let Entry::Record(record) = entry {
                        black_box(normalizer.seal(&demand, &record.body.to_bytes()));
                    }
                }
                Self::Sealed(read)
            }
            Self::Sealed(read) => {
                let verdicts = read.verdicts(0..read.batch.entries.len());
                Self::Mapped(read, verdicts)
            }
            Self::Mapped(read, verdicts) => {
                let outbox = read.pack(verdicts);
                ensure!(outbox.tally().rejected == 0, "a record was rejected");
                Self::Encoded(outbox)
            }
            Self::Encoded(outbox) => {
                Self::Taken(Intake::new((0..).zip(outbox.messages().iter().cloned())))
            }
            Self::Taken(intake) => {
                let n = judge_all(&intake);
                ensure!(n == PAGE_ROWS, "{n} demands of a page arrived");
                Self::Judged
            }
            Self::Judged => Self::Judged,
        })
    }
}

/// Judges the demands of an intake as new ones; returns their number.
pub(crate) fn judge_all(intake: &Intake) -> u64 {
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    let judged = events.filter_map(|event| match event {
        Event::Demand(demand) => Some(judge(None, &DemandState::of(demand))),
        _ => None,
    });
    judged.map(black_box).map(|_| 1).sum()
}

/// The records of a page, as a connector gives them.
fn parse(
    mut text: Text,
    page: u64,
    kind: &Kind,
    normalizer: &Arc<dyn Normalizer>,
) -> anyhow::Result<ReadBatch> {
    let tree = text.parse(kind.format);
    let mut tree = tree.map_err(|why| anyhow!("a page cannot be read: {why}"))?;
    let rows = tree.pointer_mut(kind.rows).and_then(|rows| rows.as_array_mut());
    let rows = std::mem::take(rows.context("no records")?);
    let record = |(n, row)| {
        let report = text.diagnostics.report.clone();
        Entry::record(RecordKey::new(key(n)), Revision::NONE, row, report)
    };
    let entries = (page * PAGE_ROWS..).zip(rows).map(record).collect();
    let batch = Batch { entries, upto: Cursor::from_text("{}"), end: None, trouble: Vec::new() };
    let (id, normalizer) = ("bench".parse()?, Arc::clone(normalizer));
    let channel = Channel { id, mapping: MappingNo(1), normalizer };
    let (read_no, from) = (ReadNo(page + 1), Position::default());
    Ok(ReadBatch { channel, from, read_no, batch, read_at: now(), cause: Cause::Live })
}
