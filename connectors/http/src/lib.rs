//! HTTP interfaces: JSON, XML and SOAP, as cities and platforms offer them.
//!
//! They are read page by page, and each of them fails in its own way: errors with status 200, pages
//! that shift while they are read, wrong totals, clocks that are put back. So nothing is assumed:
//! the rules of the channel say which answers are successes, the last page is the one without
//! records, and the start of the next request moves only past records that were read completely.
//!
//! Read the files in the order in which the data goes through them: `request.rs` and `client.rs`
//! (send), `rules.rs` and `fetch.rs` (judge), `answer.rs` and `record.rs` (select), `pages.rs` and
//! `stretch.rs` (move); `visit.rs` does all of it for one page.

#![warn(missing_docs)]

mod config;
mod plan;

mod turn;
mod visit;

mod client;
mod origin;
mod request;
mod session;
mod trace;

mod fetch;
mod inner;
mod rules;

mod answer;
mod attachment;
mod record;

mod cursor;
mod pages;
mod stretch;
mod time;

mod calls;

use std::time::Duration;

use connector_wire::auth::Mtls;
use contract::{Batch, Connector, ConnectorContext, Entry, Fault, FaultKind, Partition, TimeRange};
use tokio::time::Instant;

pub use config::Config;
pub use cursor::Cursor;
pub use trace::Trace;

use crate::{
    client::Client,
    fetch::Source,
    plan::Plan,
    turn::Turn,
    visit::{Found, Held, Visit},
};

/// After this time, a read returns what it has.
const READ_TIME: Duration = Duration::from_secs(5);

/// The largest number of keys in a cursor that still have to be acknowledged.
const MAX_OWED: usize = 200;

/// The connector for HTTP interfaces.
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
        self.source.client.traces = Some(Vec::new());
    }

    /// The text of an answer, decoded as this channel decodes it.
    pub fn text(&self, trace: &Trace) -> String {
        let content_type = trace.answer_headers.get("content-type").map(String::as_str);
        fetch::open(&self.plan, &self.plan.list, &trace.page, content_type).0
    }

    /// The exchanges that were kept, in order.
    pub fn traces(&self) -> &[Trace] {
        self.source.client.traces.as_deref().unwrap_or_default()
    }
}

impl Connector for Http {
    const KIND: &'static str = "http";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let ConnectorContext { zone, budget: _, gate, clock, .. } = context;
        let (plan, auth) = Plan::new(config, zone)?;
        let identity = auth.mtls().map(Mtls::pem);
        let client = Client::new(&plan.config, plan.redirects.clone(), identity, gate)?;
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
            let found = match visit.read(turn, &mut cursor).await {
                Ok(Some(found)) => {
                    has_moved = true;
                    found
                }
                // This is a second walk, and it is not due yet.
                Ok(None) => Found { entries: Vec::new(), is_end: true },
                Err(fault) => {
                    let fault = fault.at(client::host(&self.plan.list.url));
                    let affects_all = matches!(fault.kind(), FaultKind::Throttled(_))
                        || trouble.len() + 1 >= self.plan.n_values();
                    if affects_all && !has_moved {
                        return Err(fault);
                    }
                    if affects_all {
                        // The cursor has moved; the next read meets the fault again.
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
            if caught_up || !found.entries.is_empty() || started.elapsed() > READ_TIME {
                if owes {
                    cursor.owed = found
                        .entries
                        .iter()
                        .filter_map(Entry::key)
                        .map(ToString::to_string)
                        .collect();
                }
                return Ok(Batch { entries: found.entries, upto: cursor, caught_up, trouble });
            }
        }
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let acknowledging = calls::acknowledge(&mut self.source, &self.plan, &upto.owed);
        acknowledging.await.map_err(|fault| fault.at(client::host(&self.plan.list.url)))
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.plan.stretch.limit_to(range)?;
        self.plan.config.reread = None;
        self.turns = Turn::all(&self.plan);
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        record::sample(&self.plan, page)
    }
}
