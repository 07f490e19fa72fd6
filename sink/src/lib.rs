//! The durable side: buses that hold messages, stores that keep them, and the loop between them.
//!
//! One judge (`contract::judge`) decides what an arriving state means, one plan
//! (`store/demands/plan.rs`) decides which rows follow from it, and one module
//! (`store/demands/write.rs`) says how they are written. So SQLite, PostgreSQL and the memory store
//! never differ in which rows they keep. An upsert that decides in SQL was not chosen: it cannot record
//! in history what became of every state, and each database would decide in its own way.
//!
//! Reading order: `run.rs`, `store/demands/keep.rs`, `store/demands/plan.rs`, `bus/in_process.rs`.

mod run;

pub mod bus;
pub mod store;

pub use run::run;
