//! Stores: where demands are kept, beside the progress and the books that prove it. All of them
//! keep the promises of `suite` and write what `plan` says.

mod access;
mod backfill;
mod columns;
mod database;
mod identity;
mod key;
mod lease;
mod link;
mod patient;
mod plan;
mod poison;
mod progress;
mod quality;
mod quarantine;
mod questions;
mod records;
mod request;
mod row;
mod sealed;
mod shape;
mod small;
mod upkeep;
mod volume;
mod walk;

mod memory;
mod postgres;
mod sqlite;

#[cfg(test)]
mod service_tests;
pub mod suite;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use backfill::Backfill;
pub use database::Database;
pub use lease::{Claim, Holding, Lease};
pub use memory::Memory;
pub use patient::Patient;
pub use plan::Outcome;
pub use postgres::Postgres;
pub use progress::Progress;
pub use quality::{QualityCount, UnknownLabel};
pub use records::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Quarantined};
pub use request::{Request, RequestKind, RequestState};
pub use sealed::{AuditEntry, Erased, Erasure, RawOf, SealedRaw, SealedRow};
pub use sqlite::Sqlite;
pub use volume::Volume;
