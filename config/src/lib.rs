//! Reads the configuration folder and reports all its problems at once.
//!
//! The people who edit a configuration are not programmers, and often work on a machine without internet.
//! So this crate checks all files in one pass. Each problem names its file, line and column, shows the
//! line and says what to write instead. Plain deserialising would stop at the first error; see
//! `checker.rs`.
//!
//! This crate does not know connectors or mappings. The caller passes their JSON Schemas in as
//! [`SectionSchemas`], and reports what a schema cannot express through [`ChannelSettings::problem`].

#![warn(missing_docs)]

mod allow;
mod door;
mod problem;
mod render;
mod resolve;
mod settings;

mod channel;
mod conflicts;
mod gateway;
mod schema;

mod checker;
mod config_file;
mod format;
mod shape;

pub use door::{Door, Tls};
pub use format::{UNSET, code_tables, file_bytes};
pub use gateway::{BusSettings, ConsoleSettings, FeedSettings, Limits, Topology};
pub use problem::{Problem, Problems, Suggestion, TextPlace};
pub use resolve::{resolve, resolve_usable};
pub use schema::{ConnectorSchema, SectionSchemas, channel_schema, gateway_schema};
pub use settings::{
    ChannelSettings, Example, KeySource, Misfire, ScheduleSettings, Section, Settings,
    StoreSettings, Trigger,
};
