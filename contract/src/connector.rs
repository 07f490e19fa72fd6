//! The trait that a new kind of source implements.
//!
//! A connector keeps no progress of its own: a read from the same cursor returns the same entries
//! again. So a crash at any point needs no special handling. A connector knows nothing of a bus, a
//! store or a checkpoint.

use std::{fmt, future::Future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono_tz::Tz;
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    ChannelId, Clock, Fault, Gate, Inbox, OpenGate, TimeRange, Timestamp, Window, raw::Entry,
};

/// Code that reads one kind of source.
pub trait Connector: Send + Sized + 'static {
    /// The value of `connector`, and the name of its table in the channel file.
    const KIND: &'static str;
    /// Its settings: its table in the channel file.
    type Config: DeserializeOwned + JsonSchema;
    /// A position in its source. No other code looks inside.
    type Cursor: Serialize + DeserializeOwned + Send + Sync;

    /// Builds the receiver of a push source; `None` for a source that is polled. Received records wait
    /// in [`ConnectorContext::inbox`], where `read` finds them.
    const RECEIVER: Option<MakeReceiver<Self::Config>> = None;

    /// Checks the settings and builds clients. Uses no network.
    ///
    /// # Errors
    /// `Stopped`: a setting is invalid, or two settings contradict each other.
    fn build(config: Self::Config, context: ConnectorContext) -> Result<Self, Fault>;

    /// Reads up to `max` entries after the position `after` (`None`: from the start), each key at most
    /// once. Returns what it has read so far after five seconds, or when the source asks for a pause.
    /// Cancel-safe: dropping the future changes nothing. The next read may begin before the last batch
    /// is settled, unless that batch was caught up.
    ///
    /// # Errors
    /// The source cannot be reached, or refuses. A bad record is an entry, never an error.
    fn read(
        &mut self,
        after: Option<&Self::Cursor>,
        max: usize,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, Fault>> + Send;

    /// Tells the source that everything up to `upto`, including rejects, is in our custody. Sources
    /// that expect an acknowledgement get it here. May be called twice for the same position.
    ///
    /// # Errors
    /// The source cannot be reached. The call is repeated when the channel starts again.
    fn settled(&mut self, _upto: &Self::Cursor) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Limits all reads to records whose time in the source is in `range`. Cursors are then positions
    /// in that range. Called at most once, before the first read.
    ///
    /// # Errors
    /// `Stopped`, with what to do instead, if the source cannot be read by time range.
    fn limit_to(&mut self, _range: TimeRange) -> Result<(), Fault> {
        Err(Fault::stopped("the source cannot be read by time range")
            .remedy("send the records from the source again: duplicates do no harm"))
    }

    /// Parses a page as [`read`](Self::read) would, without using the network. `name` is the file name
    /// of the page, which may show its format and time.
    ///
    /// # Errors
    /// `page` does not come from this kind of source.
    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault>;
}

/// Builds the receiver of a push channel from its settings.
pub type MakeReceiver<Config> = fn(&Config) -> Arc<dyn Receiver>;

/// Handles the requests of a push source, one at a time. Its methods do not block.
pub trait Receiver: Send + Sync {
    /// Whether requests need no authentication. The gateway allows that only on a loopback listener.
    fn admits_anybody(&self) -> bool;

    /// Authenticates a request.
    ///
    /// # Errors
    /// The request is not authentic; the text tells the sender why.
    fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str>;

    /// Splits a request into its records, as raw bytes. Also accepts unreadable records: they go to
    /// quarantine later, and must not make the sender's other records fail.
    ///
    /// # Errors
    /// The body as a whole cannot be parsed; the text tells the sender why.
    fn records(&self, request: &Parts, body: Bytes) -> Result<Vec<Bytes>, String>;
}

/// What a read returned.
#[derive(Debug)]
#[must_use]
pub struct Batch<C = Cursor> {
    /// What was read, in the order of the source; each key at most once.
    pub entries: Vec<Entry>,
    /// The position after the entries. It also says what `settled` must acknowledge.
    pub upto: C,
    /// Whether there was nothing more to read, so the loop may pause.
    pub caught_up: bool,
    /// The partitions that could not be read, with their faults.
    pub trouble: Vec<(Partition, Fault)>,
}

/// One of several independent sequences within a channel (a forum, a county).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub String);

/// A position in a source, as JSON text. Opaque to everything but its connector.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Serialises a connector's own cursor.
    ///
    /// # Errors
    /// `Stopped`: the cursor cannot be serialised, which is a defect of the connector.
    pub fn encode(cursor: &impl Serialize) -> Result<Self, Fault> {
        serde_json::to_string(cursor)
            .map(Self)
            .map_err(|error| Fault::stopped("cannot write the cursor as JSON").because(error))
    }

    /// Deserialises a connector's own cursor.
    ///
    /// # Errors
    /// `Stopped`: the text is not a cursor of this connector. To start over would silently read years
    /// of records again.
    pub fn decode<C: DeserializeOwned>(&self) -> Result<C, Fault> {
        serde_json::from_str(&self.0).map_err(|error| {
            Fault::stopped("the stored cursor belongs to another kind of connector")
                .because(error)
                .remedy(
                    "restore the `connector` that this channel had, or give the channel a new name",
                )
        })
    }

    /// The cursor with this text, which [`Cursor::as_str`] returned.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    // Cursors contain keys of the source, so logs show only their size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// What the gateway gives a connector, besides its settings.
#[derive(Debug, Clone)]
pub struct ConnectorContext {
    /// The channel it reads for.
    pub channel: ChannelId,
    /// Time zone of source times that have no offset.
    pub zone: Tz,
    /// The limits of the source, for sizing pools. The gate enforces them.
    pub budget: Budget,
    /// Enforces the limits: every request needs a permit from it.
    pub gate: Arc<dyn Gate>,
    /// The gateway's clock; the source's may differ.
    pub clock: Clock,
    /// The channel's folder, to which paths in its settings are relative.
    pub folder: PathBuf,
    /// Where pushed records wait; `None` for a source that is polled.
    pub inbox: Option<Inbox>,
}

impl ConnectorContext {
    /// A context for tests and tools: no limits, a clock that stands still, the current folder.
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

/// The limits of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Minimum average time between two requests; `None` for no limit.
    pub interval: Option<Duration>,
    /// Number of requests that may be sent without waiting after a pause; at least 1.
    pub burst: u32,
    /// Maximum number of simultaneous requests or connections; at least 1.
    pub concurrent: u32,
    /// Maximum number of requests in one day of the gateway's time zone; `None` for no limit.
    pub per_day: Option<u32>,
    /// Hours of the day in which requests are allowed, in the gateway's time zone; `None` for all.
    pub window: Option<Window>,
}

impl Default for Budget {
    /// One request at a time, without other limits.
    fn default() -> Self {
        Self { interval: None, burst: 1, concurrent: 1, per_day: None, window: None }
    }
}
