//! The core of Tonghui: the terms, types and rules that all parts share.
//!
//! This crate does no I/O and needs no async runtime. Its types enforce the order of the two loops: *read,
//! pack, deliver, advance, settle* (`gateway/src/ingest.rs`) and *take, keep, ack* (`sink/src/run.rs`). So
//! another broker, database or source does not change the guarantees.
//!
//! Read the modules in the order of the `mod` lines below.

#![warn(missing_docs)]

mod connection;
mod fault;
mod id;
mod retry;
mod settings;
mod time;
mod version;

mod raw;

pub mod demand;
mod normalizer;

mod connector;
mod gate;
mod inbox;
mod memory;
mod outbox;
mod pass;
mod wire;

mod bus;
mod judge;
mod store;

mod feed;

pub use bus::{Confirmed, Consumer, Delivery, Intake, Message, MessageBody, Publisher, deliver};
pub use connection::{ConnectFailure, ServerSettings, is_tls_failure, server_of, tls_fault};
pub use connector::{
    Answer, Asks, Batch, Budget, Challenge, Connector, ConnectorContext, Cursor, Exchange,
    MakeReceiver, Partition, Receiver,
};
pub use demand::{Demand, DemandBody, DemandShape};
pub use fault::{Fault, FaultKind, Obstacle, causes_text};
pub use feed::{Change, FEED_CONTENT_TYPE, FEED_KEY, FeedEvent, feed_schema};
pub use gate::{Gate, OpenGate, Permit};
pub use id::{ChannelId, DemandId, InvalidChannelId, MessageId, RecordKey};
pub use inbox::{CustodyWait, Inbox, InboxFull};
pub use judge::{DemandState, Judgement, TrackedFields, judge};
pub use memory::{Held, Holding, Memory, MemoryLimit};
pub use normalizer::{Accepted, Normalizer, Reason, Sealed, SealedBytes, Verdict};
pub use outbox::{
    Channel, EarlierRead, MappedAgain, Outbox, Part, ReadBatch, Tally, pack, pack_again, verdict,
};
pub use pass::{Complete, DropReason, EndedBy, PassEnd};
pub use raw::{Body, DecidedBy, Entry, FieldFlag, Place, RawRecord, TextReport};
pub use retry::{Retry, jitter};
pub use settings::{Period, Proxy, ProxyAccount, Secret, Size, default_number};
pub use store::{Checkpoints, Kept, Outcomes, Position, Store, keep};
pub use time::{Clock, TimeRange, Timestamp, Window};
pub use version::{Digest, MappingNo, ReadNo, Revision, Version};
pub use wire::{
    CONTENT_TYPE, Event, MAX_MESSAGE_BYTES, MAX_MESSAGE_EVENTS, MAX_RECORD_BYTES, Reject,
    WIRE_VERSION,
};
