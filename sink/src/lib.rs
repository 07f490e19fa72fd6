//! The durable side: buses that hold messages, stores that keep them, and the loop between them.
//!
//! One judge (`contract::judge`) decides what an arriving state means, and one plan
//! (`store/demands/plan.rs`) decides which rows follow from it; a store only writes the plan. So
//! SQLite, PostgreSQL and the memory store differ in how rows are written, never in which rows. An
//! upsert that decides in SQL was not chosen: it cannot record in history what became of every state,
//! and each database would decide in its own way.
//!
//! Reading order: `run.rs`, `store/demands/plan.rs`, `store/sqlite/keep.rs`, `bus/in_process.rs`.

mod run;

pub mod bus;
pub mod store;

pub use run::run;
