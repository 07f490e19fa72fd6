//! `pack`: turns one batch into messages for the bus, without I/O.
//!
//! The time and the read number are arguments, so packing the same batch twice gives the same bytes. A
//! record that cannot be mapped, that makes the mapping panic or that is too large becomes a reject, never a
//! fault.

mod again;

use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use crate::{
    Batch, ChannelId, Cursor, DecidedBy, Demand, DemandId, DemandShape, Digest, MappingNo, Message,
    MessageId, PassEnd, Place, Position, ReadNo, Reason, Reject, Revision, TextReport, Timestamp,
    Version,
    demand::{Cause, Origin, Quality, QualityFlag},
    normalizer::{Accepted, Normalizer, Verdict},
    raw::{Entry, RawRecord},
    wire,
};

pub use again::{EarlierRead, MappedAgain, pack_again};

/// What `pack` needs to know about a channel.
#[derive(Clone)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// The number of its mapping, for versions.
    pub mapping: MappingNo,
    /// Maps its records to demands.
    pub normalizer: Arc<dyn Normalizer>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({}, mapping {})", self.id, self.mapping.0)
    }
}

/// A batch, with everything else that packing needs.
#[derive(Debug)]
pub struct ReadBatch {
    /// The channel that it was read from.
    pub channel: Channel,
    /// The position at which the read began.
    pub from: Position,
    /// The number of the read.
    pub read_no: ReadNo,
    /// What was read.
    pub batch: Batch,
    /// When it was read.
    pub read_at: Timestamp,
    /// Why it was read.
    pub cause: Cause,
}

impl ReadBatch {
    /// The verdicts on the entries with these indices, in their order.
    pub fn verdicts(&self, entries: Range<usize>) -> Vec<Verdict> {
        let entries = self.batch.entries.get(entries).unwrap_or_default();
        let of_entry = |entry: &Entry| match entry {
            Entry::Unreadable { reason, .. } => Verdict::Reject(reason.clone()),
            Entry::Record(record) => verdict(&*self.channel.normalizer, record),
        };
        entries.iter().map(of_entry).collect()
    }

    /// Packs the batch. `verdicts` are the verdicts on all entries, in their order.
    pub fn pack(&self, verdicts: Vec<Verdict>) -> Outbox {
        let mut packer = Packer::new(self);
        for (entry, verdict) in self.batch.entries.iter().zip(verdicts) {
            packer.add_entry(entry, verdict);
        }
        packer.close_message();
        packer.outbox
    }
}

/// The messages that one batch was packed into, and the positions before and after it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Outbox {
    pub(crate) channel: ChannelId,
    pub(crate) from: Position,
    pub(crate) upto: Cursor,
    pub(crate) read_no: ReadNo,
    pub(crate) read_at: Timestamp,
    pub(crate) messages: Vec<Message>,
    pub(crate) parts: Vec<Part>,
    pub(crate) tally: Tally,
    pub(crate) shapes: Vec<(DemandId, DemandShape)>,
    pub(crate) end: Option<PassEnd>,
}

/// What the books record about one message. The books balance if its receipt has the same values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its index among the messages of the read, from 0.
    pub part: u32,
    /// Number of events in the message.
    pub events: u32,
    /// Hash of its body.
    pub hash: Digest,
}

/// The counts of one read: read = accepted + skipped + rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Entries that the connector returned.
    pub read: u64,
    /// Entries that became demands.
    pub accepted: u64,
    /// Records that a rule of the channel skips.
    pub skipped: u64,
    /// Entries that went to quarantine.
    pub rejected: u64,
}

impl Outbox {
    /// The messages, in order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The counts.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The id of each demand in the messages, and which fields it has.
    pub fn shapes(&self) -> &[(DemandId, DemandShape)] {
        &self.shapes
    }

    /// Size of all messages, in bytes.
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.body.len()).sum()
    }
}

/// Maps a batch and packs it into messages.
pub fn pack(
    channel: &Channel,
    from: Position,
    read_no: ReadNo,
    batch: Batch,
    read_at: Timestamp,
) -> Outbox {
    let (channel, cause) = (channel.clone(), Cause::Live);
    let read = ReadBatch { channel, from, read_no, batch, read_at, cause };
    read.pack(read.verdicts(0..read.batch.entries.len()))
}

/// The verdict on one record. If the mapping panics, only this record is rejected.
pub fn verdict(normalizer: &dyn Normalizer, record: &RawRecord) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| normalizer.normalize(record))).unwrap_or_else(|_| {
        Verdict::Reject(Reason::new("mapping_panicked", "the mapping panicked"))
    })
}

/// Maximum length of a key, in bytes; real keys have 10 to 100.
const MAX_KEY_BYTES: usize = 4 * 1024;

struct Packer<'a> {
    read: &'a ReadBatch,
    outbox: Outbox,
    /// The body of the open message: a JSON array, without its closing bracket.
    body: Vec<u8>,
    n_events: u32,
    /// The read that returned the record that is being packed, if it is not `read`.
    earlier: Option<EarlierRead>,
}

impl<'a> Packer<'a> {
    fn new(read: &'a ReadBatch) -> Self {
        let outbox = Outbox {
            channel: read.channel.id.clone(),
            from: read.from.clone(),
            upto: read.batch.upto.clone(),
            read_no: read.read_no,
            read_at: read.read_at,
            messages: Vec::new(),
            parts: Vec::new(),
            tally: Tally::default(),
            shapes: Vec::new(),
            end: read.batch.end.clone(),
        };
        Self { read, outbox, body: Vec::new(), n_events: 0, earlier: None }
    }

    fn add_entry(&mut self, entry: &Entry, verdict: Verdict) {
        self.outbox.tally.read += 1;
        let record = match entry {
            Entry::Record(record) => record,
            Entry::Unreadable { place, bytes, reason } => {
                let text = TextReport::default();
                return self.reject(place.clone(), &text, reason.clone(), bytes);
            }
        };
        let key = &record.key;
        let size = key.as_str().len();
        let (at, revision) = (format!("record {key}"), record.revision);
        let mut place = Place { key: Some(key.clone()), revision, at };
        let reason = match verdict {
            // A reject contains the key and must stay small.
            _ if size > MAX_KEY_BYTES => {
                place = Place { key: None, revision, at: "a record".to_owned() };
                let detail = format!("its key has {size} bytes; the limit is {MAX_KEY_BYTES}");
                Reason::new("key_too_long", detail)
            }
            Verdict::Skip(_) => {
                self.outbox.tally.skipped += 1;
                return;
            }
            Verdict::Accept(accepted) => match self.add_accepted(record, *accepted) {
                Ok(()) => return,
                Err(reason) => reason,
            },
            Verdict::Reject(reason) => {
                // Such a key must not be stored.
                if reason.code == "personal_key" {
                    place = Place { key: None, revision, at: "a record".to_owned() };
                }
                reason
            }
        };
        self.reject(place, &record.text, reason, &record.body.to_bytes());
    }

    fn add_accepted(&mut self, record: &RawRecord, accepted: Accepted) -> Result<(), Reason> {
        if record.revision.is_after(self.latest_time()) {
            return Err(Reason::new(
                "future_revision",
                "its revision is a time more than a day after it was read, so every true state would count as \
                 older; correct the time at the source, or the clock of this machine",
            ));
        }
        let mut demand = Demand {
            id: DemandId::of(&self.read.channel.id, &record.key),
            channel: self.read.channel.id.clone(),
            source_key: record.key.clone(),
            version: self.version(record.revision),
            digest: accepted.digest,
            origin: self.origin(&record.text),
            raw: accepted.raw,
            body: accepted.body,
        };
        // Checked here, because the normaliser does not know when the record was read. The digest does not
        // cover this flag.
        if demand.body.received_at.is_some_and(|at| at > self.latest_time()) {
            demand.body.quality.push(Quality {
                field: "received_at".to_owned(),
                flag: QualityFlag::OutOfRange,
                detail: Some("more than a day after it was read".to_owned()),
            });
        }
        self.add_event(|message| {
            demand.origin.message = message.to_string();
            wire::encode_demand(&demand)
                .map_err(|_| Reason::new("unencodable", "the demand cannot be written as JSON"))
        })?;
        self.outbox.tally.accepted += 1;
        self.outbox.shapes.push((demand.id, DemandShape::of(&demand.body)));
        Ok(())
    }

    fn reject(&mut self, place: Place, text: &TextReport, reason: Reason, bytes: &[u8]) {
        self.outbox.tally.rejected += 1;
        let channel = &self.read.channel;
        let id = place.id(&channel.id, bytes);
        // Base64 adds a third, and the other fields of the event need room too.
        let sealed = channel.normalizer.seal(&id, bytes);
        let raw = (sealed.0.len() <= wire::MAX_RECORD_BYTES / 2).then_some(sealed);
        // With a time that never comes, no better state would ever resolve it: the read orders it then.
        let is_ahead = place.revision.is_after(self.latest_time());
        let revision = if is_ahead { Revision::NONE } else { place.revision };
        let mut reject = Reject {
            id,
            channel: channel.id.clone(),
            source_key: place.key,
            version: self.version(revision),
            place: place.at,
            reason,
            origin: self.origin(text),
            raw,
        };
        if reject.raw.is_none() {
            reject.reason.detail.push_str(&format!(
                "; its {} bytes exceed the limit and were not kept (sha-256 {})",
                bytes.len(),
                hex::encode(Sha256::digest(bytes)),
            ));
        }
        let added = self.add_event(|message| {
            reject.origin.message = message.to_string();
            wire::encode_reject(&reject).map_err(|_| Reason::new("unencodable", ""))
        });
        if added.is_err() {
            // Strings and numbers can always be encoded. If this fails nevertheless, the sink
            // quarantines this `null`.
            self.append(b"null");
        }
    }

    /// Adds an event to the open message, or to a new one if it does not fit: then `encode` is called again,
    /// because an event contains the id of its message.
    fn add_event(
        &mut self,
        mut encode: impl FnMut(MessageId) -> Result<Vec<u8>, Reason>,
    ) -> Result<(), Reason> {
        let mut event = encode(self.message_id())?;
        if event.len() > wire::MAX_RECORD_BYTES {
            let (size, limit) = (event.len(), wire::MAX_RECORD_BYTES);
            let detail = format!("the demand has {size} bytes; the limit is {limit}");
            return Err(Reason::new("too_large", detail));
        }
        // The comma or bracket before it counts too, and so does the closing bracket.
        let bytes = self.body.len() + event.len() + 2;
        let is_full = self.n_events >= wire::MAX_MESSAGE_EVENTS || bytes > wire::MAX_MESSAGE_BYTES;
        if is_full && self.n_events > 0 {
            self.close_message();
            event = encode(self.message_id())?;
        }
        self.append(&event);
        Ok(())
    }

    fn append(&mut self, event: &[u8]) {
        self.body.push(if self.n_events == 0 { b'[' } else { b',' });
        self.body.extend_from_slice(event);
        self.n_events += 1;
    }

    fn close_message(&mut self) {
        if self.n_events == 0 {
            return;
        }
        self.body.push(b']');
        // A copy of the exact size: a message keeps its memory until it is confirmed.
        let (id, body) = (self.message_id(), Bytes::copy_from_slice(&self.body).into());
        let events = std::mem::take(&mut self.n_events);
        let message = Message { id, wire_version: wire::WIRE_VERSION, events, body };
        self.outbox.parts.push(Part { part: message.id.part, events, hash: message.hash() });
        self.outbox.messages.push(message);
        self.body.clear();
    }

    fn message_id(&self) -> MessageId {
        let part = u32::try_from(self.outbox.messages.len()).unwrap_or(u32::MAX);
        MessageId { channel: self.read.channel.id.clone(), read_no: self.read.read_no, part }
    }

    /// The latest time that a record may have. A day more than the time of the read, because clocks and time zones
    /// differ.
    fn latest_time(&self) -> Timestamp {
        self.state_read()
            .read_at
            .checked_add_signed(TimeDelta::days(1))
            .unwrap_or(Timestamp::MAX_UTC)
    }

    /// The read that returned the state of the record that is being packed.
    fn state_read(&self) -> EarlierRead {
        let own = EarlierRead { read_no: self.read.read_no, read_at: self.read.read_at };
        self.earlier.unwrap_or(own)
    }

    fn version(&self, revision: Revision) -> Version {
        let read_no = self.state_read().read_no;
        Version { revision, read_no, mapping: self.read.channel.mapping }
    }

    fn origin(&self, report: &TextReport) -> Origin {
        let is_decoded = report.decided_by != DecidedBy::Nothing;
        Origin {
            read_at: self.state_read().read_at,
            message: String::new(), // set when the event's message is known
            charset: is_decoded.then(|| report.charset.to_string()),
            charset_by: is_decoded.then_some(report.decided_by),
            cause: self.read.cause,
        }
    }
}
