//! The trait that a new kind of source implements.
//!
//! A connector stores no progress: the gateway stores the cursor that a read returned, and passes it to the
//! next read. A read from the same cursor returns the same entries again, so a connector need not handle
//! crashes. It knows nothing of the bus and the store.

use std::{fmt, future::Future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono_tz::Tz;
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    ChannelId, Clock, Fault, Gate, Inbox, Memory, OpenGate, PassEnd, TimeRange, Timestamp, Window,
    raw::Entry,
};

/// Code that reads one kind of source.
pub trait Connector: Send + Sized + 'static {
    /// Its name: the value of `connector` in the channel file, and the name of its table there.
    const KIND: &'static str;
    /// Its settings: its table in the channel file.
    type Config: DeserializeOwned + JsonSchema;
    /// A position in its source. Other code stores it as JSON and does not look inside.
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
    /// once. After five seconds, or if the source asks for a pause, it returns what it has read so far.
    /// Cancel-safe: dropping the future changes nothing. The gateway may call it before the last batch is
    /// settled, unless that batch was [`caught_up`](Batch::caught_up).
    ///
    /// # Errors
    /// The source cannot be reached, or refuses. A bad record is an entry, never an error.
    fn read(
        &mut self,
        after: Option<&Self::Cursor>,
        max: usize,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, Fault>> + Send;

    /// Tells the source that everything up to `upto`, including rejects, is in custody (confirmed by the bus,
    /// or stored), so that it need not keep it for us. A source that expects an acknowledgement gets it here.
    /// The gateway may call this twice for the same position.
    ///
    /// # Errors
    /// The source cannot be reached. The gateway calls it again when the channel starts again.
    fn settled(&mut self, _upto: &Self::Cursor) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Takes the last exchange with the source that ended in a fault, for the person who looks for the
    /// cause. `None` if there was none, or if the source has no exchanges that could be shown.
    fn failed_exchange(&mut self) -> Option<Exchange> {
        None
    }

    /// Looks in the source for what a read does not show and would go wrong later, such as a missing right, for
    /// `check --online`. Changes nothing.
    ///
    /// # Errors
    /// The source cannot be reached, or refuses.
    fn inspect(&mut self) -> impl Future<Output = Result<Vec<Fault>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Limits all reads to records whose time in the source is in `range`. Cursors are then positions
    /// in that range. The gateway calls this at most once, before the first read.
    ///
    /// # Errors
    /// `Stopped`, with what to do instead, if the source cannot be read by time range.
    fn limit_to(&mut self, _range: TimeRange) -> Result<(), Fault> {
        Err(Fault::stopped("the source cannot be read by time range")
            .remedy("send the records from the source again: duplicates do no harm"))
    }

    /// Checks that reading from the start shows all records of the source again.
    ///
    /// # Errors
    /// `Stopped`, with the reason: for example, what was acknowledged is not shown any more.
    fn ensure_listable(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Parses a page or file of the source as [`read`](Self::read) does, without using the network. `name`
    /// is its file name, which may show its format and time.
    ///
    /// # Errors
    /// This kind of source does not send such a `page`.
    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault>;
}

/// Builds the receiver of a push channel from its settings.
pub type MakeReceiver<Config> = fn(&Config) -> Arc<dyn Receiver>;

/// Authenticates and splits the requests that a push source sends to the gateway. Its methods use no network and
/// no file; `records` may take long, and is called on a thread where it keeps nobody waiting.
pub trait Receiver: Send + Sync {
    /// Whether requests need no authentication. The gateway allows that only on a loopback listener.
    fn admits_anybody(&self) -> bool;

    /// Authenticates a request.
    ///
    /// # Errors
    /// The request is not authentic. The text goes to the log and says why.
    fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), &'static str>;

    /// Authenticates an admitted request together with its body. Returns its signature if each request has one of its
    /// own with a time: the gateway takes it for no other request later.
    ///
    /// # Errors
    /// The request is not authentic. The text goes to the log and says why.
    fn verify(&self, _request: &Parts, _body: &[u8]) -> Result<Option<String>, &'static str> {
        Ok(None)
    }

    /// Whether a challenge may come with GET (`Asks::WithGet`), or in a body that proves itself (`Asks::WithToken`).
    fn asks(&self) -> Asks {
        Asks::Never
    }

    /// What a request asks that brings no record; `admitted` says whether it is authentic by the rules for records.
    fn challenge(
        &self,
        _request: &Parts,
        _body: &[u8],
        _admitted: Result<(), &'static str>,
    ) -> Challenge {
        Challenge::None
    }

    /// What a sender is told whose records are in custody; `None` for their number.
    fn answer(&self) -> Option<Answer> {
        None
    }

    /// Splits a request into the bytes of its records. A record that cannot be read is returned too: `read`
    /// finds that later, and the sender's other records are accepted.
    ///
    /// # Errors
    /// The body as a whole cannot be parsed. The text goes to the sender and says why.
    fn records(&self, request: &Parts, body: Bytes) -> Result<Vec<Bytes>, String>;
}

/// How a platform asks before it sends records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asks {
    /// Not at all, or in a request that is authenticated like one with records.
    #[default]
    Never,
    /// With GET.
    WithGet,
    /// In a body that has a token of its own.
    WithToken,
}

/// A request by which a platform asks whether somebody receives what it is going to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Challenge {
    /// The request is none.
    None,
    /// It is not authentic. The text goes to the log and says why.
    Unproven(&'static str),
    /// It is authentic, but what it asks is not answered. The text goes to the sender and says why.
    Unfit(&'static str),
    /// Its answer.
    Answered(Answer),
}

/// The body of an answer to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// What a read returned.
#[derive(Debug)]
#[must_use]
pub struct Batch<C = Cursor> {
    /// What was read, in the order of the source; each key at most once.
    pub entries: Vec<Entry>,
    /// The position after the entries. The next read gets it, and so does `settled`.
    pub upto: C,
    /// The account of the pass, if the source has nothing more at the moment: the gateway then waits for the
    /// next scheduled read. `None`: it reads again at once.
    pub end: Option<PassEnd>,
    /// The partitions of the source that could not be read, and why. The others were read.
    pub trouble: Vec<(Partition, Fault)>,
}

impl<C> Batch<C> {
    /// Whether the source has nothing more at the moment.
    pub fn caught_up(&self) -> bool {
        self.end.is_some()
    }
}

/// The name of a subdivision of a source (a forum, a county, a file) that can fail while others are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub String);

/// A request to a source and its answer, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The request, and the answer without its body, one thing in a line.
    pub head: String,
    /// Whether the answer says that the request has failed, or there is no answer.
    pub is_refusal: bool,
    /// The text of the answer, or its beginning. It may contain personal values.
    pub body: String,
}

/// A position in a source, as JSON text. Only the connector that made it knows what it means.
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
    /// `Stopped`: the text is not a cursor of this connector. Reading does not start over, because that
    /// could mean to read years of records again.
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
    /// The limits of the source. A connector needs them only to size its connection pools.
    pub budget: Budget,
    /// Enforces the limits: a connector gets a permit from it before each request.
    pub gate: Arc<dyn Gate>,
    /// The gateway's clock. The clock of the source may differ.
    pub clock: Clock,
    /// The memory of the process, in which a page is charged before it is parsed.
    pub memory: Memory,
    /// The channel's folder, to which paths in its settings are relative.
    pub folder: PathBuf,
    /// Holds the records that were pushed and not settled yet; `None` for a source that is polled.
    pub inbox: Option<Inbox>,
    /// The texts of the mapping, which contain the names of the fields that it reads; `None` if there is
    /// no mapping. What it does not read need not be readable. Each text stands in a line, with an empty line
    /// after it; paths of which the first value is used stand together. A path that begins at a node of another
    /// path, and not at the record, begins with `@`.
    pub mapped: Option<Arc<str>>,
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
            memory: Memory::default(),
            folder: PathBuf::from("."),
            inbox: None,
            mapped: None,
        }
    }
}

/// The limits of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Minimum average time between two requests; `None` for no limit.
    pub interval: Option<Duration>,
    /// Number of requests that may be sent at once after a pause, before `interval` applies; at least 1.
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
