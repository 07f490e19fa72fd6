//! Interfaces over HTTP: JSON, XML and SOAP, as cities and platforms offer them.
//!
//! They are asked page by page, and each of them breaks in its own way: errors with status 200,
//! pages that shift while they are read, totals that are wrong, clocks that are put back. So nothing
//! is believed that was not seen: success is what the channel's rules say, the last page is the one
//! without records, and a bound moves only behind what was read to its end.
//!
//! Reading order follows the data: `ask.rs` and `client.rs` (ask), `rules.rs` and `fetch.rs`
//! (judge), `answer.rs` and `record.rs` (select), `pages.rs` and `stretch.rs` (move); `visit.rs`
//! is one page of all that.

#![warn(missing_docs)]

mod config;
mod plan;

mod turn;
mod visit;

mod ask;
mod client;
mod clock;
mod cookies;
mod origin;
mod template;
mod trace;

mod fetch;
mod inner;
mod rules;

mod answer;
mod attachment;
mod part;
mod record;

mod cursor;
mod pages;
mod stretch;
mod time;

mod ack;

use std::time::Duration;

use contract::{Batch, Connector, ConnectorContext, Entry, Fault, FaultKind, Partition, TimeRange};
use tokio::time::Instant;

pub use attachment::Attachment;
pub use config::{
    Ack, Config, Day, Each, FaultRule, Kind, Method, OnBadPage, Page, Part, Reread, Rule, Scalars,
    Since, Size, Statuses, Stop, Until,
};
pub use cursor::Cursor;
pub use inner::Inner;
pub use trace::Trace;

use crate::{
    client::Client,
    fetch::Source,
    plan::Plan,
    turn::Turn,
    visit::{Found, Held, Visit},
};

/// After this long a read gives what it has.
const LONG: Duration = Duration::from_secs(5);

/// Keys that a cursor keeps until the source is told of them.
const MAX_OWED: usize = 200;

/// The connector for interfaces over HTTP.
#[derive(Debug)]
pub struct Http {
    plan: Plan,
    source: Source,
    turns: Vec<Turn>,
    held: Option<Held>,
}

impl Http {
    /// Keeps all exchanges with the source from now on, for people who write a channel.
    pub fn keep_traces(&mut self) {
        self.source.client.keep_traces();
    }

    /// The text of an answer, decoded as this channel decodes it.
    pub fn text(&self, trace: &Trace) -> String {
        let content_type = trace.answer_headers.get("content-type").map(String::as_str);
        fetch::open(&self.plan.list, &trace.page, content_type).0
    }

    /// The exchanges that were kept, in order.
    pub fn traces(&self) -> &[Trace] {
        self.source.client.traces()
    }
}

impl Connector for Http {
    const KIND: &'static str = "http";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let ConnectorContext { zone, budget: _, gate, clock, .. } = context;
        let (plan, limits, auth) = Plan::new(config, zone)?;
        let client = Client::new(limits, gate)?;
        let turns = Turn::all(&plan);
        let source = Source { client, auth, clock, is_warm: false };
        Ok(Self { plan, source, turns, held: None })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut cursor = after.cloned().unwrap_or_default();
        cursor.owed.clear();
        let started = Instant::now();
        let n_turns = self.turns.len();
        let owes = self.plan.ack.is_some();
        let max = if owes { max.min(MAX_OWED) } else { max }.max(1);
        let mut trouble = Vec::new();
        let mut has_moved = false;
        loop {
            let now = self.source.now();
            let index = cursor.next(n_turns, self.source.client.now());
            let turn = self.turns[index];
            let Self { plan, source, held, .. } = self;
            let mut visit = Visit { plan, source, held, now, max, started };
            let found = match visit.make(turn, &mut cursor).await {
                Ok(Some(found)) => {
                    has_moved = true;
                    found
                }
                // It is not due.
                Ok(None) => Found { entries: Vec::new(), is_end: true },
                Err(fault) => {
                    let fault = fault.at(client::host(&self.plan.list.call.url));
                    let is_of_all = matches!(fault.kind(), FaultKind::Throttled(_))
                        || trouble.len() + 1 >= self.plan.n_values();
                    if is_of_all && !has_moved {
                        return Err(fault);
                    }
                    if is_of_all {
                        // What was found out so far counts; the next read meets the fault again.
                        let entries = Vec::new();
                        return Ok(Batch { entries, upto: cursor, caught_up: false, trouble });
                    }
                    trouble.push((Partition(turn.name(&self.plan)), fault));
                    Found { entries: Vec::new(), is_end: true }
                }
            };
            if found.is_end {
                cursor.done.insert(index);
            }
            let caught_up = cursor.is_caught_up(n_turns);
            if caught_up || !found.entries.is_empty() || started.elapsed() > LONG {
                if owes {
                    cursor.owed = found.entries.iter().filter_map(key).collect();
                }
                return Ok(Batch { entries: found.entries, upto: cursor, caught_up, trouble });
            }
        }
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let settling = ack::settle(&mut self.source, &self.plan, &upto.owed);
        settling.await.map_err(|fault| fault.at(client::host(&self.plan.list.call.url)))
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.plan.stretch.limit_to(range)?;
        self.plan.reread = None;
        self.turns = Turn::all(&self.plan);
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        record::sample(&self.plan, page)
    }
}

fn key(entry: &Entry) -> Option<String> {
    let key = match entry {
        Entry::Record(record) => Some(&record.key),
        Entry::Unreadable { place, .. } => place.key.as_ref(),
    };
    key.map(ToString::to_string)
}
