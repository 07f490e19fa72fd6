//! Stores: where demands are kept, beside the progress and the books that prove it. All of them
//! keep the promises of `suite` and write what `plan` says.

mod access;
mod columns;
mod database;
mod identity;
mod key;
mod lease;
mod patient;
mod plan;
mod poison;
mod progress;
mod quarantine;
mod questions;
mod records;
mod request;
mod row;
mod small;

mod memory;
mod postgres;
mod sqlite;

#[cfg(test)]
mod service_tests;
pub mod suite;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use database::Database;
pub use lease::{Claim, Holding, Lease};
pub use memory::Memory;
pub use patient::Patient;
pub use plan::Outcome;
pub use postgres::Postgres;
pub use progress::Progress;
pub use records::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Quarantined};
pub use request::{Request, RequestKind, RequestState};
pub use sqlite::Sqlite;
