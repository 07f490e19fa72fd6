//! Stores: where demands are kept, beside the progress and the books that prove it. All of them
//! keep the promises of `suite` and write what `demands/plan` says.

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

pub use books::{backfill::Backfill, progress::Progress};
pub use database::{Database, access::Access};
pub use demands::{
    patient::Patient,
    plan::Outcome,
    quality::{QualityCount, UnknownLabel},
    records::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Quarantined},
    volume::Volume,
};
pub use memory::Memory;
pub use postgres::Postgres;
pub use privacy::sealed::{AuditEntry, Erased, Erasure, RawOf, SealedRaw, SealedRow};
pub use service::{
    lease::{Claim, Holding, Lease},
    request::{Request, RequestKind, RequestState},
};
pub use sqlite::Sqlite;
