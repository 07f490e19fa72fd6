//! Reads the configuration folder and reports all its problems at once.
//!
//! The people who edit a configuration are no programmers, and often work on a machine without internet.
//! So all files are checked in one pass, and each problem names file, line and column, shows the line and
//! says what to write instead. Deserialising and stopping at the first error, the usual way, was not
//! chosen; see `checker.rs`.
//!
//! This crate knows neither connectors nor mappings: their JSON Schemas are passed in as a [`Vocabulary`],
//! and their owners report what a schema cannot express through [`ChannelSettings::problem`].

#![warn(missing_docs)]

mod problem;
mod render;
mod resolve;
mod settings;

mod channel;
mod conflicts;
mod gateway;
mod schema;

mod checker;
mod format;
mod shape;
mod source;

pub use gateway::{BusSettings, ConsoleSettings, Limits, Topology};
pub use problem::{Problem, Problems, Suggestion, TextPlace};
pub use resolve::resolve;
pub use schema::{Kind, Vocabulary, schema_channel, schema_gateway};
pub use settings::{
    ChannelSettings, Example, KeySource, Misfire, ScheduleSettings, Section, Settings,
    StoreSettings, Trigger, may_listen,
};
