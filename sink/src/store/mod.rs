//! Stores: where demands are kept, beside the progress and the books that prove it. All of them
//! keep the promises of `suite` and write what `plan` says.

mod access;
mod columns;
mod database;
mod identity;
mod key;
mod patient;
mod plan;
mod poison;
mod quality;
mod quarantine;
mod questions;
mod records;
mod row;
mod sealed;
mod walk;

mod memory;
mod postgres;
mod sqlite;

pub mod suite;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use database::Database;
pub use memory::Memory;
pub use patient::Patient;
pub use plan::Outcome;
pub use postgres::Postgres;
pub use quality::{QualityCount, UnknownLabel};
pub use records::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Quarantined};
pub use sealed::{AuditEntry, Erased, Erasure, RawOf, SealedRaw, SealedRow};
pub use sqlite::Sqlite;
