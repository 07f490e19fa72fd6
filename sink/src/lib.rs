//! Buses that carry messages, stores that keep them, and the loop between them.
//!
//! `contract::judge` decides what a new state means, `store/demands/plan.rs` decides which rows follow
//! from it, and `store/demands/write.rs` writes them. So SQLite, PostgreSQL and the memory store keep the
//! same rows. An upsert that decides in SQL would not be enough: it cannot record in
//! history what became of every state, and the two databases would decide differently.
//!
//! Reading order: `run.rs`, `store/demands/keep.rs`, `store/demands/plan.rs`, `bus/in_process.rs`.

mod run;

pub mod bus;
pub mod store;

pub use run::run;
