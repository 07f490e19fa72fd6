//! Receives records from sources that send them to the gateway.
//!
//! Records wait in the channel's inbox, and this connector reads the inbox like any other source, so the
//! guarantees are the same. A sender gets its answer after `settled`, when its records are stored. If that
//! takes too long, the answer is to send again; duplicates do no harm.
//!
//! The HTTP listener belongs to the gateway (`/intake/<channel>`); it calls the [`Receiver`] here.

#![warn(missing_docs)]

mod answer;
mod body;
mod challenge;
mod config;
mod record;

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono_tz::Tz;
use connector_wire::identity::Identity;
use contract::{
    Answer, Asks, Batch, Challenge, Connector, ConnectorContext, Entry, Fault, Inbox, MakeReceiver,
    PassEnd, Receiver, Timestamp,
};
use document::Path;
use http::request::Parts;
use serde::{Deserialize, Serialize};

pub use config::Config;

use crate::{
    answer::AnswerForm,
    body::{Headers, split_records},
    challenge::ChallengeForm,
    record::Reader,
};

/// Maximum size of an unpacked body, in bytes.
const MAX_BODY_BYTES: usize = 8 << 20;

/// A batch ends before its records weigh more than this, in bytes.
const MAX_BATCH_WEIGHT: usize = 16 << 20;

/// A read that finds no records ends after this time.
const READ_TIME: Duration = Duration::from_secs(5);

/// The connector for sources that send.
#[derive(Debug)]
pub struct Webhook {
    inbox: Inbox,
    reader: Reader,
    identity: Identity,
}

/// The position in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Identifies the inbox. A new process has a new, empty inbox, in which the numbers of another inbox
    /// mean nothing.
    epoch: String,
    /// The number of the last record that was read.
    number: u64,
    /// The settings under which it was read; `None` in cursors of earlier versions. All processes store the same
    /// position, so each of them notes it at once, also one to which nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
}

impl Connector for Webhook {
    const KIND: &'static str = "webhook";
    type Config = Config;
    type Cursor = Cursor;

    const RECEIVER: Option<MakeReceiver<Config>> =
        Some(|config| Arc::new(WebhookReceiver { reader: Reader::new(config, Tz::UTC) }));

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        config.auth.check()?;
        config.challenge.as_ref().map_or(Ok(()), ChallengeForm::check)?;
        config.answer.as_ref().map_or(Ok(()), AnswerForm::check)?;
        let reader = Reader::new(&config, context.zone);
        // `check` and `explain` give no inbox: no records arrive there.
        let inbox = context.inbox.unwrap_or_else(|| Inbox::new("", 0));
        let key = format!("{:?}", config.key.paths());
        let identity = Identity::new(&key, config.revision.as_ref().map(Path::as_str));
        Ok(Self { inbox, reader, identity })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        if let Some(earlier) = after.and_then(|after| after.identity.as_ref()) {
            self.identity.check(earlier)?;
        }
        let mut number = self.number(after);
        // It is not an error if nothing arrives in this time.
        let _ = tokio::time::timeout(READ_TIME, self.inbox.wait_after(number)).await;
        let (mut entries, mut keys, mut weight) = (Vec::new(), HashSet::new(), 0);
        for (arrival, bytes) in self.inbox.records_after(number, max) {
            weight += document::weight(&bytes);
            if weight > MAX_BATCH_WEIGHT && !entries.is_empty() {
                break;
            }
            let entry = self.reader.entry(&bytes, format!("request, record {arrival}"));
            if let Entry::Record(record) = &entry
                && !keys.insert(record.key.clone())
            {
                break; // the second state of a record begins the next batch
            }
            entries.push(entry);
            number = arrival;
        }
        let (epoch, identity) = (self.inbox.epoch().to_owned(), Some(self.identity.clone()));
        let upto = Cursor { epoch, number, identity };
        // A channel that has caught up settles at once: the senders are waiting for their answers.
        let caught_up = self.inbox.ends_at(number);
        Ok(Batch { entries, upto, end: caught_up.then(PassEnd::default), trouble: Vec::new() })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        self.inbox.settle(self.number(Some(upto)));
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.reader.parse_sample(page)
    }
}

/// Handles the requests of senders.
struct WebhookReceiver {
    /// Reads only keys, which do not depend on a time zone.
    reader: Reader,
}

impl Receiver for WebhookReceiver {
    fn admits_anybody(&self) -> bool {
        self.reader.config.auth.admits_anybody()
    }

    fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str> {
        self.reader.config.auth.admit(request, now)
    }

    fn verify(&self, request: &Parts, body: &[u8]) -> Result<Option<String>, &'static str> {
        self.reader.config.auth.verify(request, body)
    }

    fn asks(&self) -> Asks {
        self.reader.config.challenge.as_ref().map_or(Asks::Never, ChallengeForm::asks)
    }

    fn challenge(
        &self,
        request: &Parts,
        body: &[u8],
        admitted: Result<(), &'static str>,
    ) -> Challenge {
        match &self.reader.config.challenge {
            Some(form) => form.challenge(request, body, admitted),
            None => Challenge::None,
        }
    }

    fn answer(&self) -> Option<Answer> {
        self.reader.config.answer.as_ref().map(AnswerForm::answer)
    }

    fn records(&self, request: &Parts, body: Bytes) -> Result<Vec<Bytes>, String> {
        let header = |name: &str| request.headers.get(name)?.to_str().ok();
        let headers =
            Headers { content_type: header("content-type"), encoding: header("content-encoding") };
        split_records(&self.reader, &body, headers, MAX_BODY_BYTES)
    }
}

impl Webhook {
    /// The number of `cursor` in this inbox, but at least that of the last settled record.
    fn number(&self, cursor: Option<&Cursor>) -> u64 {
        let number = match cursor {
            Some(cursor) if cursor.epoch == self.inbox.epoch() => cursor.number,
            Some(_) | None => 0,
        };
        number.max(self.inbox.last_settled())
    }
}
