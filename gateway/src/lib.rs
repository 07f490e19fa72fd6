//! The gateway: wiring, supervision and the command line.
//!
//! Read [`ingest`] first: together with `sink/src/run.rs`, it is the core of the system. Everything else
//! here prepares those two loops, keeps them running or shows what they did.

pub mod channel;
pub mod ingest;
pub mod supervise;

pub mod console;
pub mod listener;
pub mod push;

pub mod brake;
pub mod channels;
pub mod clock;
pub mod control;
pub mod guesses;
pub mod instance;
pub mod lease;
pub mod mapping;
pub mod presence;
pub mod requests;
pub mod schedule;
pub mod stop;
pub mod upstream;
pub mod watch;

pub mod again;
pub mod asked;
pub mod assemble;
pub mod audit_copy;
pub mod keys;
pub mod reconcile;
pub mod registry;
pub mod reload;
pub mod reseal;
pub mod service;
pub mod shipped;
pub mod what_if;

pub mod cli;
pub mod log;
pub mod offline;

mod asyncapi;
mod feed;
mod flight;
mod indexer;
mod plain;
mod processes;
mod retry;
mod role;
mod statement;
mod status;
mod store_mark;
mod transport;
mod upkeep;
mod walk;
