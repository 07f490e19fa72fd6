//! Sources that send instead of being asked.
//!
//! What arrives waits in the channel's inbox, and this connector reads it like any source: so a push
//! goes the same way as a pull, with the same guarantees, and the sender is answered when `settled`
//! says that its records are in custody. Until then it waits; if it waits too long it is told to come
//! again, and what it brings twice is the same thing twice.
//!
//! The listener is the gateway's (`/intake/<channel>`); it asks the [`Receiver`] here.

#![warn(missing_docs)]

mod body;
mod config;
mod record;

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use connector_wire::guard::Guard;
use contract::{
    Batch, Connector, ConnectorContext, Entry, Fault, Inbox, MakeReceiver, Receiver, Timestamp,
};
use http::request::Parts;
use serde::{Deserialize, Serialize};

pub use config::Config;

use crate::{body::Body, record::Reader};

/// The largest body, unpacked.
const MOST_BYTES: usize = 8 << 20;

/// After this long a read gives what it has: nothing.
const LONG: Duration = Duration::from_secs(5);

/// The connector for sources that send.
#[derive(Debug)]
pub struct Webhook {
    inbox: Inbox,
    reader: Reader,
}

/// How far an inbox was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which inbox. It is empty when its process begins: numbers of another one say nothing.
    epoch: String,
    /// The last record that was read.
    number: u64,
}

impl Connector for Webhook {
    const KIND: &'static str = "webhook";
    type Config = Config;
    type Cursor = Cursor;

    const RECEIVER: Option<MakeReceiver<Config>> =
        Some(|config| Arc::new(Requests { guard: config.auth.clone() }));

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let reader = Reader::build(&config, context.zone)?;
        // On the desk nothing arrives.
        let inbox = context.inbox.unwrap_or_else(|| Inbox::new("", 0));
        Ok(Self { inbox, reader })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut number = self.number(after);
        // Nothing within the time is an answer too.
        let _ = tokio::time::timeout(LONG, self.inbox.arrival(number)).await;
        let (mut entries, mut keys) = (Vec::new(), HashSet::new());
        for (place, bytes) in self.inbox.after(number, max) {
            let entry = self.reader.entry(&bytes, format!("request, record {place}"));
            if let Entry::Record(record) = &entry
                && !keys.insert(record.key.clone())
            {
                break; // the other state of it comes in the next batch
            }
            entries.push(entry);
            number = place;
        }
        let upto = Cursor { epoch: self.inbox.epoch().to_owned(), number };
        // The senders of a batch are not kept waiting for the next one to fill.
        let caught_up = self.inbox.ends_at(number);
        Ok(Batch { entries, upto, caught_up, trouble: Vec::new() })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        self.inbox.settle(self.number(Some(upto)));
        Ok(())
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.reader.page(page)
    }
}

/// The requests of senders.
struct Requests {
    guard: Guard,
}

impl Receiver for Requests {
    fn admits_anybody(&self) -> bool {
        self.guard.admits_anybody()
    }

    fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str> {
        self.guard.admit(request, now)
    }

    fn records(&self, request: &Parts, body: Bytes) -> Result<Vec<Bytes>, String> {
        let header = |name: &str| request.headers.get(name)?.to_str().ok();
        let (content_type, encoding) = (header("content-type"), header("content-encoding"));
        Body { bytes: &body, content_type, encoding }.records(MOST_BYTES)
    }
}

impl Webhook {
    /// Where `cursor` is in this inbox, and never before what it has forgotten.
    fn number(&self, cursor: Option<&Cursor>) -> u64 {
        let number = match cursor {
            Some(cursor) if cursor.epoch == self.inbox.epoch() => cursor.number,
            Some(_) | None => 0,
        };
        number.max(self.inbox.settled())
    }
}
