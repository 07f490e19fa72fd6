//! Reads the folder that admins edit, and says everything that is wrong with it at once.
//!
//! A configuration is corrected by people who do not program, often on a machine without internet.
//! So a mistake is never reported alone and never without its place: all files are checked in one
//! pass, and each problem names file, line and column, shows the line and says what to write
//! instead. The usual way, to deserialise and stop at the first error, was not taken; see `walk.rs`.
//!
//! This crate knows neither connectors nor mappings: their owners' JSON Schemas come in as a
//! [`Vocabulary`], and what a schema cannot say they report through [`ChannelSettings::problem`].

#![warn(missing_docs)]

mod problem;
mod render;
mod resolve;
mod settings;

mod between;
mod channel;
mod gateway;
mod schema;

mod format;
mod nearest;
mod shape;
mod source;
mod walk;

pub use gateway::{BusSettings, ConsoleSettings, Limits, Topology};
pub use problem::{Problem, Problems, Suggestion, TextPlace};
pub use resolve::resolve;
pub use schema::{Kind, Vocabulary, schema_channel, schema_gateway};
pub use settings::{
    ChannelSettings, Example, KeySource, Misfire, ScheduleSettings, Section, Settings,
    StoreSettings, Trigger, may_listen,
};
