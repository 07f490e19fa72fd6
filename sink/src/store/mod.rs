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
mod quarantine;
mod questions;
mod records;
mod row;

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
pub use records::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Quarantined};
pub use sqlite::Sqlite;
