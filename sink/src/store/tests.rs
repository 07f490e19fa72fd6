//! Runs the suite for all stores.

/// Runs these tests with both databases.
macro_rules! of_both {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $promise() {
                let filed = SqliteTestStore::new().await;
                super::$promise(&filed.store).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $promise() {
                let served = PostgresTestStore::new().await;
                super::$promise(&served.store).await;
            })*
        }
    };
}

mod again;
mod audit;
mod feed;
mod flight;
pub(super) mod index;
mod period;
mod processes;
mod progress;
mod sealed;
mod service;
mod suite;

use contract::{
    ChannelId, Checkpoints, Confirmed, Demand, DemandId, Digest, Fault, Intake, MappingNo,
    Outcomes, Position, Store, Timestamp,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    Access, BooksRow, Database, HistoryRow, Memory, Quarantined, Sqlite,
    postgres::tests::PostgresTestStore,
};

use suite::TestStore;

/// A SQLite store in a new folder.
pub(super) struct SqliteTestStore {
    pub(super) folder: TempDir,
    pub(super) sqlite: Sqlite,
    pub(super) store: Database,
}

impl SqliteTestStore {
    pub(super) async fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap()).await
    }

    async fn open(folder: TempDir) -> Self {
        let sqlite = Sqlite::open(folder.path().join("t.db"), Access::ReadWrite).await.unwrap();
        Self { folder, store: Database::Sqlite(sqlite.clone()), sqlite }
    }

    async fn reopened(self) -> Self {
        self.sqlite.close().await;
        Self::open(self.folder).await
    }
}

impl PostgresTestStore {
    async fn reopened(self) -> Self {
        self.postgres.close().await;
        Self::open(self.url).await
    }
}

/// Implements the traits for a struct with the field `store`: each call goes to that store.
macro_rules! delegate {
    ($store:ident) => {
        impl Store for $store {
            async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
                self.store.store(intake).await
            }
        }

        impl Checkpoints for $store {
            async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
                self.store.load(channel, fence).await
            }

            async fn reserve(
                &self,
                channel: &ChannelId,
                fence: u64,
                n: u64,
            ) -> Result<std::ops::Range<u64>, Fault> {
                self.store.reserve(channel, fence, n).await
            }

            async fn mapping(
                &self,
                channel: &ChannelId,
                fingerprint: Digest,
            ) -> Result<MappingNo, Fault> {
                self.store.mapping(channel, fingerprint).await
            }

            async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
                self.store.advance(step).await
            }

            async fn note(
                &self,
                channel: &ChannelId,
                fault: &Fault,
                at: Timestamp,
            ) -> Result<(), Fault> {
                self.store.note(channel, fault, at).await
            }
        }

        impl TestStore for $store {
            async fn demand(&self, id: &DemandId) -> Option<Demand> {
                self.store.demand(id).await.unwrap().map(|row| row.demand)
            }

            async fn history(&self, id: &DemandId) -> Vec<HistoryRow> {
                self.store.history(id).await.unwrap()
            }

            async fn quarantined(&self, id: &DemandId) -> Option<Quarantined> {
                self.store.quarantine_show(id).await.unwrap()
            }

            async fn books(&self) -> Vec<BooksRow> {
                self.store.books(None, None).await.unwrap()
            }

            async fn fault(&self, channel: &ChannelId) -> Option<String> {
                let channels = self.store.status().await.unwrap();
                channels.into_iter().find(|status| status.channel == *channel)?.fault
            }

            async fn reopen(self) -> Self {
                self.reopened().await
            }
        }
    };
}

delegate!(SqliteTestStore);
delegate!(PostgresTestStore);

impl TestStore for Memory {
    async fn demand(&self, id: &DemandId) -> Option<Demand> {
        Memory::demand(self, id).map(|row| row.demand)
    }

    async fn history(&self, id: &DemandId) -> Vec<HistoryRow> {
        Memory::history(self, id)
    }

    async fn quarantined(&self, id: &DemandId) -> Option<Quarantined> {
        Memory::quarantined(self, id)
    }

    async fn books(&self) -> Vec<BooksRow> {
        Memory::books(self)
    }

    async fn fault(&self, channel: &ChannelId) -> Option<String> {
        Memory::fault(self, channel)
    }

    async fn reopen(self) -> Self {
        self
    }
}

macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $promise() { suite::$promise(Memory::new()).await; })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $promise() { suite::$promise(SqliteTestStore::new().await).await; })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $promise() { suite::$promise(PostgresTestStore::new().await).await; })*
        }
    };
}

promises! {
    redelivery_is_counted_once,
    a_demand_reads_back_whole,
    a_crash_leaves_all_or_nothing,
    an_unchanged_state_moves_the_version_only,
    stale_states_enter_history_once,
    one_intake_may_hold_several_states,
    one_bad_event_spares_two_hundred_good_ones,
    nul_never_reaches_the_database,
    rejects_are_seen_and_counted,
    a_better_state_resolves_quarantine,
    a_late_reject_is_resolved_already,
    a_reject_without_revision_is_resolved_by_later_reads_only,
    what_cannot_be_read_is_quarantined_and_counted,
    a_message_that_differs_from_its_receipt_is_quarantined,
    a_foreign_message_is_extra_in_the_books,
    a_message_without_proof_is_believed_if_the_books_list_it,
    books_are_open_until_every_part_is_kept,
    a_stopped_read_leaves_orphans,
    a_receipt_that_says_something_else_unbalances,
    a_fault_is_seen_until_the_next_read,
    a_position_moves_from_where_it_was_only,
    a_later_lease_shuts_the_earlier_one_out,
    empty_reads_move_the_cursor_and_leave_no_books,
    read_numbers_never_repeat,
    mappings_keep_their_numbers,
    a_state_that_is_mapped_again_replaces_only_itself,
    a_reject_is_resolved_by_its_own_state_mapped_again,
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_ends_in_the_same_state_in_memory(
        order in prop::collection::vec(0_u8..6, 1..12), size in 1_usize..5,
    ) {
        block_on(suite::any_order_ends_in_the_same_state(Memory::new(), &order, size));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_order_ends_in_the_same_state_in_sqlite(
        order in prop::collection::vec(0_u8..6, 1..12), size in 1_usize..5,
    ) {
        block_on(async {
            suite::any_order_ends_in_the_same_state(SqliteTestStore::new().await, &order, size).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_order_ends_in_the_same_state_in_postgres(
        order in prop::collection::vec(0_u8..6, 1..12), size in 1_usize..5,
    ) {
        block_on(async {
            suite::any_order_ends_in_the_same_state(PostgresTestStore::new().await, &order, size).await;
        });
    }
}
