//! The one thing a new kind of source has to implement.
//!
//! A connector answers a question, it does not iterate: asked again with the same cursor it gives
//! the same things again. So it keeps no progress of its own, and a crash anywhere is nothing
//! special. It knows nothing of a bus, a store or a checkpoint.

use std::{fmt, future::Future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono_tz::Tz;
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    ChannelId, Clock, Fault, Gate, Inbox, OpenGate, TimeRange, Timestamp, Window, raw::Entry,
};

/// Code that can talk to one kind of source.
pub trait Connector: Send + Sized + 'static {
    /// Its name in `connector = "…"`, and of its table in the channel file.
    const KIND: &'static str;
    /// Its table in the channel file.
    type Config: DeserializeOwned + JsonSchema;
    /// A position in its source; nobody else looks inside.
    type Cursor: Serialize + DeserializeOwned + Send + Sync;

    /// Makes what receives the requests of a source that sends instead of being asked; `None` for a
    /// source that is asked. What was received waits in [`ConnectorContext::inbox`], where `read` finds it.
    const RECEIVER: Option<MakeReceiver<Self::Config>> = None;

    /// Checks settings and builds clients. Touches no network.
    ///
    /// # Errors
    /// Settings that contradict each other, as `Stopped`.
    fn build(config: Self::Config, context: ConnectorContext) -> Result<Self, Fault>;

    /// Up to `max` entries that come after `after` (from the start when `None`), or what there is
    /// after five seconds or when throttled. Each key at most once. Cancel-safe: a dropped future
    /// has changed nothing. May be asked to go on while the batch before is not settled yet, unless
    /// that one was caught up.
    ///
    /// # Errors
    /// The source cannot be reached or refuses. A bad record is an entry, never an error.
    fn read(
        &mut self,
        after: Option<&Self::Cursor>,
        max: usize,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, Fault>> + Send;

    /// Everything up to `upto` is in our custody, rejects included. Sources that owe somebody an
    /// answer give it here. Twice is harmless.
    ///
    /// # Errors
    /// The source cannot be told; it is told again at the next start.
    fn settled(&mut self, _upto: &Self::Cursor) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// From now on, reads what lies in `range` by the source's own time, once, and nothing else; its
    /// cursors are positions in that. Said at most once, before the first read.
    ///
    /// # Errors
    /// `Stopped`, with what to do instead: the source cannot be asked for a stretch of time.
    fn limit_to(&mut self, _range: TimeRange) -> Result<(), Fault> {
        Err(Fault::stopped("the source cannot be read by time range")
            .remedy("let the source send it again: records that arrive twice are recognised"))
    }

    /// Reads a page as [`read`](Self::read) would, without network. `name` is what the page is called
    /// where it lies: of a file it may say the form and the time.
    ///
    /// # Errors
    /// The page is not one of this kind of source.
    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault>;
}

/// Makes what receives the requests of a channel with these settings.
pub type MakeReceiver<Config> = fn(&Config) -> Arc<dyn Receiver>;

/// Receives what a source sends, request by request. Nothing here waits.
pub trait Receiver: Send + Sync {
    /// Whether anybody may send, as only a listener that other machines cannot reach may allow.
    fn admits_anybody(&self) -> bool;

    /// Whether a request comes from who may send.
    ///
    /// # Errors
    /// It does not; the text tells the sender what is wrong with it.
    fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str>;

    /// The records that a request brings, as they were written. Whether each can be read is not asked
    /// here: what cannot is kept, and does not turn its neighbours away.
    ///
    /// # Errors
    /// The body as a whole cannot be read; the text tells the sender why.
    fn records(&self, request: &Parts, body: Bytes) -> Result<Vec<Bytes>, String>;
}

/// What a read found.
#[derive(Debug)]
#[must_use]
pub struct Batch<C = Cursor> {
    /// In the order of the source; each key at most once.
    pub entries: Vec<Entry>,
    /// The position after them. It also names what is still owed to the source for them.
    pub upto: C,
    /// There was nothing more at the time of reading: the loop may pause.
    pub caught_up: bool,
    /// Partitions that failed while others went on.
    pub trouble: Vec<(Partition, Fault)>,
}

/// One of several independent sequences within a channel (a forum, a county).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub String);

/// A position in a source, as JSON text. Opaque to everybody but its connector.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Serialises a connector's own cursor.
    ///
    /// # Errors
    /// The cursor does not serialise: a defect of the connector, hence `Stopped`.
    pub fn encode(cursor: &impl Serialize) -> Result<Self, Fault> {
        serde_json::to_string(cursor)
            .map(Self)
            .map_err(|error| Fault::stopped("the cursor cannot be written as JSON").because(error))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Stopped`, never "start over": an unreadable cursor must not silently re-read years.
    pub fn decode<C: DeserializeOwned>(&self) -> Result<C, Fault> {
        serde_json::from_str(&self.0).map_err(|error| {
            Fault::stopped("the stored cursor cannot be read by this connector")
                .because(error)
                .remedy("restore the connector kind this channel had, or name the channel anew")
        })
    }

    /// Takes the text that [`Cursor::as_str`] gave.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    // Cursors hold keys of the source; logs show their size only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// What a connector may use.
#[derive(Debug, Clone)]
pub struct ConnectorContext {
    /// The channel it works for, to name in faults.
    pub channel: ChannelId,
    /// The zone of source times that do not name one.
    pub zone: Tz,
    /// What the source allows: to size pools by. The gate is what keeps it.
    pub budget: Budget,
    /// Every request to the source passes through it.
    pub gate: Arc<dyn Gate>,
    /// What time it is here; the source may think otherwise.
    pub clock: Clock,
    /// The channel's folder: what its settings name without a root is in it.
    pub folder: PathBuf,
    /// Where what is pushed to the channel waits; `None` for one that asks.
    pub inbox: Option<Inbox>,
}

impl ConnectorContext {
    /// What a channel has on the desk: no limits, a clock that stands, the folder that the process
    /// runs in.
    pub fn new(channel: ChannelId, zone: Tz) -> Self {
        Self {
            channel,
            zone,
            budget: Budget::default(),
            gate: Arc::new(OpenGate),
            clock: Clock::new(Timestamp::default),
            folder: PathBuf::from("."),
            inbox: None,
        }
    }
}

/// The source's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Least time between two requests, on average; `None` where the source sets no rate.
    pub interval: Option<Duration>,
    /// Requests that may come at once after a pause; at least 1.
    pub burst: u32,
    /// Requests or connections open at the same time; at least 1.
    pub concurrent: u32,
    /// Requests of one day, in the gateway's zone; `None` where the source does not count.
    pub per_day: Option<u32>,
    /// The hours at which it may be asked; `None` for all.
    pub window: Option<Window>,
}

impl Default for Budget {
    /// One request at a time, as often as it answers.
    fn default() -> Self {
        Self { interval: None, burst: 1, concurrent: 1, per_day: None, window: None }
    }
}
