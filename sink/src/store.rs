//! Stores keep demands, the progress of channels, and the books that prove that nothing was lost. All stores
//! pass the tests in `tests/suite.rs`, and write the rows that `demands/plan.rs` decides.

mod answers;
mod audit;
mod books;
mod damage;
mod database;
mod demands;
mod exchange;
mod privacy;
mod processes;
mod service;

mod memory;
mod postgres;
mod sqlite;

/// Samples for the tests of this crate and of others.
pub mod suite {
    pub mod sample;

    #[cfg(test)]
    pub(crate) use sample::{keep, stored};
}
#[cfg(test)]
mod tests;

pub use audit::{AuditCheck, AuditEntry, AuditRow};
pub use books::{
    Backfill, BooksRow, ChannelStatus, FirstSeen, Flight, MessageInFlight, PeriodBooks, Progress,
    ReadOutcomes, Whereabouts, WrittenOff,
};
pub use database::{Access, Database};
pub use demands::{
    again::Outdated,
    feed::{Feed, FeedRow},
    index::{Index, IndexLag},
    keep::RetryingStore,
    quarantine::Quarantined,
    reasons::RejectReason,
    records::{DemandRow, HistoryRow, StoredDigest},
    rows::Outcome,
    statistics::{QualityCount, UnknownLabel, Volume},
    walk::Behind,
};
pub use exchange::FailedExchange;
pub use memory::Memory;
pub use postgres::Postgres;
pub use privacy::{Erased, Erasure, RawTable, SealedRaw, SealedRow, TextRow};
pub use processes::Process;
pub use service::{Claim, Holding, Lease, Request, RequestKind, RequestState};
pub use sqlite::{Identity, Sqlite, copy::copy_file};
