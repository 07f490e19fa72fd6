//! The spine of Tonghui: the words, the types and the rules that every part agrees on.
//!
//! This crate does no I/O and knows no runtime. That is the decision everything else hangs on: the
//! order of *read, pack, deliver, advance, settle* and of *take, keep, ack* is expressed in types
//! here, so that a broker, a database or a source can be exchanged without the guarantees moving.
//! The alternative, a framework that owns the loop, was not taken: the two loops are forty lines
//! (`gateway/src/ingest.rs`, `sink/src/run.rs`) and are meant to be read.
//!
//! Suggested reading order is the order of the modules below.

#![warn(missing_docs)]

mod clock;
mod fault;
mod id;
mod range;
mod retry;
mod settings;
mod version;
mod window;

mod raw;
mod sealed;

pub mod demand;
mod normalizer;

mod connector;
mod gate;
mod inbox;
mod outbox;
mod shape;
mod wire;

mod bus;
mod checkpoint;
mod judge;
mod store;

pub use bus::{Confirmed, Consumer, Delivery, Intake, Message, Publisher, deliver};
pub use checkpoint::{Checkpoints, Position};
pub use clock::Clock;
pub use connector::{
    Batch, Budget, Connector, ConnectorContext, Cursor, MakeReceiver, Partition, Receiver,
};
pub use demand::{Demand, DemandBody};
pub use fault::{Fault, FaultKind, chain, no_connection};
pub use gate::{Gate, OpenGate, Permit};
pub use id::{ChannelId, DemandId, InvalidChannelId, MessageId, RecordKey};
pub use inbox::{CustodyWait, Full, Inbox};
pub use judge::{Current, Judgement, Tracked, judge};
pub use normalizer::{Accepted, Normalizer, Reason, Verdict};
pub use outbox::{Channel, Outbox, Part, ReadBatch, Tally, pack};
pub use range::TimeRange;
pub use raw::{Body, DecidedBy, Entry, Mark, Place, RawRecord, TextReport};
pub use retry::{Retry, jitter};
pub use sealed::{Sealed, SealedBytes};
pub use settings::{Period, Secret, Size};
pub use shape::Shape;
pub use store::{Kept, Outcomes, Store, keep};
pub use version::{Digest, MappingNo, ReadNo, Revision, Version};
pub use window::Window;
pub use wire::{
    CONTENT_TYPE, Event, MAX_MESSAGE_BYTES, MAX_MESSAGE_EVENTS, MAX_RECORD_BYTES, Reject,
    WIRE_VERSION,
};

/// A moment in UTC. Zones exist at the edges only: a source's in its settings, people's in the
/// gateway's.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
