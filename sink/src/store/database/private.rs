//! What only whoever has the keys asks of a store, and what is doubtful in it.

use contract::{Fault, Timestamp};

use super::Database;
use crate::store::{
    AuditEntry, DemandRow, Erased, Erasure, QualityCount, RawOf, SealedRaw, SealedRow, UnknownLabel,
};

macro_rules! either {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Database {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The store cannot be reached.
                pub async fn $name(&self, $($argument: $type),*) -> Result<$answer, Fault> {
                    match self {
                        Self::Sqlite(store) => store.$name($($argument),*).await,
                        Self::Postgres(store) => store.$name($($argument),*).await,
                    }
                }
            )*
        }
    };
}

either! {
    /// Demands with sealed values, behind the row `after`.
    sealed_rows(after: i64, limit: u32) -> Vec<SealedRow>;
    /// Demands that name the person with this token.
    sealed_rows_of(token: &str) -> Vec<SealedRow>;
    /// Writes rows that were sealed again where their state is still the same; counts them.
    reseal_rows(rows: &[SealedRow]) -> u64;
    /// Records as their sources said them, behind the row `after`.
    sealed_raws(of: RawOf, after: i64, limit: u32) -> Vec<SealedRaw>;
    /// Writes records that were sealed again; counts them.
    reseal_raws(of: RawOf, rows: &[SealedRaw]) -> u64;
    /// Takes a person out of everything that is kept.
    erase(erasure: &Erasure) -> Erased;
    /// Writes a line of the audit log.
    record(entry: &AuditEntry) -> ();
    /// The newest lines of the audit log.
    audited(limit: u32) -> Vec<AuditEntry>;
    /// Demands seen since a moment, behind the row `after`.
    demands(after: i64, since: Timestamp, limit: u32) -> Vec<(i64, DemandRow)>;
    /// Doubts per channel and field.
    quality() -> Vec<QualityCount>;
    /// Labels that no code table has.
    unknown_labels() -> Vec<UnknownLabel>;
}
