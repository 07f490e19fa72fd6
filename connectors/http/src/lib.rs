//! Reads HTTP interfaces page by page: JSON, XML, SOAP and CSV.
//!
//! Interfaces fail in many ways: some report errors with status 200, some move records to other pages
//! while they are read, some count wrongly, some set their clock back. So this connector relies on little:
//! the rules of the channel say which answers are successes; a page is the last only if it has no records,
//! unless the settings say otherwise; and the cursor moves only past records that were read completely.
//!
//! A channel has one sequence of pages for each value of `each`, and with `reread` a second one that reads
//! old records again. Sequences take turns; a round ends when all of them were read to their end.
//!
//! Reading order: `request.rs` and `client.rs` send requests, `rules.rs` and `fetch.rs` judge the answers,
//! `answer.rs` and `record.rs` take the records out of them, `pages.rs` and `selection.rs` move the cursor.
//! `page_reader.rs` does all this for a page, and `job.rs` waits for the file that some lists are.

#![warn(missing_docs)]

mod config;
mod plan;

mod account;
mod page_reader;
mod sequence;

mod client;
mod credentials;
mod elsewhere;
mod login;
mod network;
mod origin;
mod placeholder;
mod plain_secret;
mod request;
mod session;
mod trace;

mod fetch;
mod inner;
mod job;
mod kept;
mod rules;
mod sign;

mod answer;
mod attachment;
mod list;
mod outdated;
mod record;

mod behind;
mod cursor;
mod pages;
mod selection;
mod time;

mod calls;
mod doubts;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use connector_wire::{auth::Mtls, identity};
use contract::{
    Batch, Connector, ConnectorContext, Entry, Exchange, Fault, FaultKind, Partition, TimeRange,
};
use tokio::time::Instant;

pub use config::Config;
pub use cursor::Cursor;
pub use trace::{HIDDEN_ANSWER, Trace};

use crate::{
    account::PassAccount,
    client::Client,
    fetch::Source,
    page_reader::{PageEntries, PageReader, WalkName},
    plan::Plan,
    sequence::Sequence,
};

/// A read that takes longer returns the entries that it has.
const MAX_READ_TIME: Duration = Duration::from_secs(5);

/// Maximum number of keys in a batch of a channel with `ack`: its cursor contains them.
const MAX_UNACKNOWLEDGED_KEYS: usize = 200;

/// The connector for HTTP interfaces.
#[derive(Debug)]
pub struct Http {
    /// What the current pass has brought so far.
    account: PassAccount,
    /// The position up to which it was counted.
    counted_up_to: Option<Cursor>,
    plan: Plan,
    source: Source,
    sequences: Vec<Sequence>,
    /// The position after the last batch whose records are not acknowledged yet.
    unsettled: Option<Cursor>,
    /// The last exchange that ended in a fault.
    failed: Option<Exchange>,
}

impl Http {
    /// Keeps traces of all exchanges with the source from now on, for `tonghui preview`.
    pub fn keep_traces(&mut self) {
        self.source.client.traces.keeps_all = true;
    }

    /// The text of an answer, decoded as this channel decodes it, without secrets.
    pub fn text(&self, trace: &Trace) -> String {
        if trace.page == HIDDEN_ANSWER {
            return HIDDEN_ANSWER.to_owned();
        }
        let (text, ..) =
            fetch::parse(&self.plan, self.plan.pages(), &trace.page, &trace.answer_headers);
        self.source.credentials.hide(&connector_wire::secrets::hide(&text))
    }

    /// The traces that were kept, in order.
    pub fn traces(&self) -> &[Trace] {
        &self.source.client.traces.list
    }

    /// Remembers the last exchange as one that ended in a fault.
    fn note_failed(&mut self) {
        self.failed = self.traces().last().map(|trace| trace.exchange(self.text(trace)));
    }
}

impl Connector for Http {
    const KIND: &'static str = "http";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let ConnectorContext { zone, budget: _, gate, clock, memory, .. } = context;
        let (plan, credentials) = Plan::new(config, zone)?;
        let identity = credentials.auth.mtls().map(Mtls::pem);
        let client = Client::new(&plan.config, plan.allowed_hosts.clone(), identity, gate, clock)?;
        let sequences = Sequence::all(&plan);
        let (has_cookies, known, open_page) = (false, BTreeSet::new(), None);
        let jobs = BTreeMap::new();
        let mut source =
            Source { client, credentials, zone, has_cookies, known, memory, open_page, jobs };
        kept::adopt(&mut source);
        let account = PassAccount::default();
        let (counted_up_to, unsettled, failed) = (None, None, None);
        Ok(Self { account, counted_up_to, plan, source, sequences, unsettled, failed })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut cursor = after.cloned().unwrap_or_default();
        // A read that is repeated, or dropped, must not be counted twice.
        if self.counted_up_to.take().as_ref() != after || after.is_none() {
            self.account = PassAccount::new(cursor.is_between_rounds());
            self.unsettled = None;
        }
        cursor.to_acknowledge.clear();
        self.source.client.traces.forget_last();
        if cursor.has_other_keys(&self.plan.fingerprint) {
            return Err(identity::other_key());
        }
        if cursor.fit_to(&self.plan.fingerprint) {
            tracing::warn!(
                "settings of this channel have changed: it reads again from where its pass began, or from its start"
            );
            self.account = PassAccount::new(true);
        }
        let started = Instant::now();
        let n_sequences = self.sequences.len();
        let acknowledges = self.plan.ack.is_some();
        let max = if acknowledges { max.min(MAX_UNACKNOWLEDGED_KEYS) } else { max }.max(1);
        let mut faults = Vec::new();
        let mut has_moved = false;
        loop {
            let now = self.source.client.now();
            let is_open = |cursor: &Cursor, index: usize| {
                self.sequences.get(index).is_some_and(|one| one.is_open(&self.plan, cursor))
            };
            let index =
                cursor.next_sequence(n_sequences, self.source.client.source_time(), is_open);
            let sequence = self.sequences[index];
            // What the source still lists tells nothing before it knows what was read.
            if self.unsettled.is_some() && sequence.begins_again(&self.plan, &cursor) {
                self.counted_up_to = Some(cursor.clone());
                return Ok(Batch { entries: Vec::new(), upto: cursor, end: None, trouble: faults });
            }
            let Self { plan, source, account, .. } = self;
            let walk = WalkName { index, n_sequences };
            let mut reader = PageReader { plan, source, account, walk, now, max, started };
            let page = match Box::pin(reader.read(sequence, &mut cursor)).await {
                Ok(Some(page)) => {
                    has_moved |= page.job != Some(job::Step::Waiting);
                    page
                }
                // It is not time yet to read old records again.
                Ok(None) => PageEntries { is_complete: true, ..PageEntries::default() },
                Err(fault) => {
                    self.note_failed();
                    let fault = self
                        .source
                        .without_secrets(fault)
                        .at(client::source_name(&self.plan.list.url));
                    // With as many faults as values of `each`, the source has failed, not one value.
                    // So it has with refused credentials: one refusal for each value would lock the account.
                    let refuses = |place: &String| place == "http.login" || place == "http.auth";
                    let affects_all = fault.place().iter().any(refuses)
                        || matches!(fault.kind(), FaultKind::Throttled(_))
                        || faults.len() + 1 >= self.plan.n_values();
                    if affects_all && !has_moved {
                        // Nothing was counted, unless a value of `each` has failed before.
                        self.counted_up_to = after.filter(|_| faults.is_empty()).cloned();
                        return Err(fault);
                    }
                    if affects_all {
                        // Return the cursor, which has moved; the next read will find the fault again.
                        self.counted_up_to = Some(cursor.clone());
                        let (entries, upto, trouble) = (Vec::new(), cursor, faults);
                        return Ok(Batch { entries, upto, end: None, trouble });
                    }
                    let name = sequence.name(&self.plan);
                    self.account.note_gap(format!("{name} could not be read: {fault}"));
                    faults.push((Partition(name), fault));
                    PageEntries { is_complete: true, ..PageEntries::default() }
                }
            };
            let PageEntries { entries, is_complete, job } = page;
            // A job that was begun must not be forgotten, whatever happens next.
            let has_begun = job == Some(job::Step::Begun);
            if entries.iter().any(|entry| matches!(entry, Entry::Record(_))) {
                cursor.note_keys(&self.plan.fingerprint);
            }
            if is_complete {
                cursor.complete.insert(index);
            }
            let caught_up = cursor.end_round_if_complete(n_sequences);
            let is_late = started.elapsed() > MAX_READ_TIME;
            if caught_up || has_begun || !entries.is_empty() || is_late {
                if acknowledges {
                    let keys = entries.iter().filter_map(Entry::key);
                    cursor.to_acknowledge = keys.map(ToString::to_string).collect();
                    if !cursor.to_acknowledge.is_empty() {
                        self.unsettled = Some(cursor.clone());
                    }
                }
                let account =
                    caught_up.then(|| std::mem::replace(&mut self.account, PassAccount::new(true)));
                let end = account.map(|account| {
                    account.forget_moved(&mut cursor.shared);
                    account.end()
                });
                self.counted_up_to = Some(cursor.clone());
                return Ok(Batch { entries, upto: cursor, end, trouble: faults });
            }
        }
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        self.source.client.traces.forget_last();
        if !upto.to_acknowledge.is_empty() {
            self.account.note_acknowledged();
        }
        let acknowledged = calls::acknowledge(&mut self.source, &self.plan, &upto.to_acknowledge);
        acknowledged.await.map_err(|fault| {
            self.note_failed();
            self.source.without_secrets(fault).at(client::source_name(&self.plan.list.url))
        })?;
        if self.unsettled.as_ref() == Some(upto) {
            self.unsettled = None;
        }
        Ok(())
    }

    fn failed_exchange(&mut self) -> Option<Exchange> {
        self.failed.take()
    }

    fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        self.plan.selection.limit_to(range)?;
        self.plan.config.reread = None;
        self.sequences = Sequence::all(&self.plan);
        Ok(())
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        match self.plan.ack {
            None => Ok(()),
            Some(_) => Err(Fault::stopped("the source does not send again what was acknowledged")
                .remedy("ask the owner of the source to release the records of that time again")),
        }
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        record::sample(&self.plan, page)
    }
}
