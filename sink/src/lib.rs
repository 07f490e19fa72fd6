//! The durable side: buses that hold messages, stores that keep them, and the loop between them.
//!
//! One judge (`contract::judge`) decides what an arriving state means, and one plan
//! (`store/demands/plan.rs`) decides which rows follow from it; a store only writes what is planned. So the
//! embedded file, the memory twin and a server cannot drift apart: they differ in how rows are
//! written, never in which. The alternative, deciding in SQL with a clever upsert, was not taken: it
//! cannot tell history what became of every state, and each database would have its own reading.
//!
//! Reading order: `run.rs`, `store/demands/plan.rs`, `store/sqlite/keep.rs`, `bus/in_process.rs`.

mod run;

pub mod bus;
pub mod store;

pub use run::run;
