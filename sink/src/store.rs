//! Stores: they keep demands, the progress of channels, and the books that prove nothing was lost. All
//! of them pass the tests of `tests/suite.rs` and write what `demands/plan` says.

mod books;
mod database;
mod demands;
mod privacy;
mod service;

mod memory;
mod postgres;
mod sqlite;

pub mod suite;
#[cfg(test)]
mod tests;

pub use books::{Backfill, BooksRow, ChannelStatus, Progress};
pub use database::{Access, Database};
pub use demands::{
    index::{Index, IndexLag},
    quality::{QualityCount, UnknownLabel},
    records::{DemandRow, HistoryRow, Quarantined},
    retry::RetryingStore,
    rows::Outcome,
    usual::Volume,
};
pub use memory::Memory;
pub use postgres::Postgres;
pub use privacy::{AuditEntry, Erased, Erasure, RawOf, SealedRaw, SealedRow};
pub use service::{
    lease::{Claim, Holding, Lease},
    request::{Request, RequestKind, RequestState},
};
pub use sqlite::Sqlite;
