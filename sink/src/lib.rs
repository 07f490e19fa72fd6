//! Buses that carry messages, stores that keep them, and the loop that moves messages from a bus to a store.
//!
//! `contract::judge` decides what a newly arrived state of a demand means, `store/demands/plan.rs` decides
//! which rows follow from it, and `store/demands/write.rs` writes them. So SQLite, PostgreSQL and the memory
//! store keep the same rows.
//!
//! Reading order: `run.rs`, `store/demands/keep.rs`, `store/demands/plan.rs`, `bus/in_process.rs`.

mod run;
mod state;

pub mod bus;
pub mod store;

pub use run::run;
pub use state::{SinkState, Trouble, Wake};
