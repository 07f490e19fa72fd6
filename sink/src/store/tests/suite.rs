//! Tests that every store must pass: the memory store, SQLite and PostgreSQL.

mod again;
mod books;
mod order;
mod positions;
mod trouble;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use contract::{ChannelId, Checkpoints, Demand, DemandId, Outcomes, Store};

pub(crate) use again::{
    a_reject_is_resolved_by_its_own_state_mapped_again,
    a_state_that_is_mapped_again_replaces_only_itself,
};
pub(crate) use books::{
    a_fault_is_seen_until_the_next_read, a_receipt_that_says_something_else_unbalances,
    a_stopped_read_leaves_orphans, books_are_open_until_every_part_is_kept,
};
pub(crate) use order::{
    an_unchanged_state_moves_the_version_only, any_order_ends_in_the_same_state,
    one_intake_may_hold_several_states, stale_states_enter_history_once,
};
pub(crate) use positions::{
    a_later_lease_shuts_the_earlier_one_out, a_position_moves_from_where_it_was_only,
    empty_reads_move_the_cursor_and_leave_no_books, mappings_keep_their_numbers,
    read_numbers_never_repeat,
};
pub(crate) use trouble::{
    a_better_state_resolves_quarantine, a_foreign_message_is_extra_in_the_books,
    a_late_reject_is_resolved_already, a_message_that_differs_from_its_receipt_is_quarantined,
    a_message_without_proof_is_believed_if_the_books_list_it,
    a_reject_without_revision_is_resolved_by_later_reads_only, nul_never_reaches_the_database,
    one_bad_event_spares_two_hundred_good_ones, rejects_are_seen_and_counted,
    what_cannot_be_read_is_quarantined_and_counted,
};

use crate::store::{
    BooksRow, HistoryRow, Quarantined,
    suite::{
        keep,
        sample::{self, id, intake, read, record},
        stored,
    },
};

/// A store under test.
pub(crate) trait TestStore: Store + Checkpoints {
    /// The current state of the demand with this id.
    fn demand(&self, id: &DemandId) -> impl Future<Output = Option<Demand>> + Send;
    /// All states of the demand with this id.
    fn history(&self, id: &DemandId) -> impl Future<Output = Vec<HistoryRow>> + Send;
    /// The row in quarantine with this id.
    fn quarantined(&self, id: &DemandId) -> impl Future<Output = Option<Quarantined>> + Send;
    /// The books of all channels.
    fn books(&self) -> impl Future<Output = Vec<BooksRow>> + Send;
    /// The last fault of a channel, if it came after the last read.
    fn fault(&self, channel: &ChannelId) -> impl Future<Output = Option<String>> + Send;
    /// The same store after a restart of the process.
    fn reopen(self) -> impl Future<Output = Self> + Send;
}

/// A redelivered message changes nothing and is counted separately.
pub(crate) async fn redelivery_is_counted_once(store: impl TestStore) {
    let first = read(1, [record("a", "one"), record("b", "two")]);
    assert_eq!(keep(&store, &intake([&first])).await, stored(2));
    let store = store.reopen().await;
    let again = keep(&store, &intake([&first, &first])).await;
    assert_eq!(again, Outcomes { redelivered: 4, ..Outcomes::default() });
    assert_eq!(store.history(&id("a")).await.len(), 1);
    assert_eq!(keep(&store, &intake([&read(2, [record("a", "one")])])).await.unchanged, 1);
}

/// A stored demand is read back unchanged.
pub(crate) async fn a_demand_reads_back_whole(store: impl TestStore) {
    let body = serde_json::json!({
        "text": "路灯不亮\n\"引号\" 𠮷", "status": "in_progress", "tags": ["夜间", "路灯"], "person": "t1",
    });
    let first = read(7, [sample::with_body("a", contract::Revision::number(-5), body)]);
    let whole = intake([&first]);
    keep(&store, &whole).await;
    let Some(contract::Event::Demand(sent)) = whole.deliveries()[0].events.first() else {
        panic!("the sample does not make a demand");
    };
    assert_eq!(store.demand(&id("a")).await.as_ref(), Some(&**sent));
}

/// If the future is dropped at any point, the store has kept the whole intake or nothing of it.
pub(crate) async fn a_crash_leaves_all_or_nothing(store: impl TestStore) {
    for polls in 1.. {
        let keys = [format!("{polls}-a"), format!("{polls}-b")];
        let records = keys.iter().map(|key| record(key, "text"));
        let whole = intake([&read(polls, records.chain([sample::bad(&format!("{polls}-c"))]))]);
        let ended = poll_at_most(polls, store.store(&whole)).await;
        // A commit may still be in progress; the next writer comes after it.
        store.reserve(&sample::hotline(), 0, 1).await.expect("it reserves");
        let mut present = 0;
        for key in &keys {
            present += u64::from(store.demand(&id(key)).await.is_some());
        }
        let again = keep(&store, &whole).await;
        match present {
            0 => assert_eq!(again, Outcomes { quarantined: 1, ..stored(2) }),
            2 => assert_eq!(again, Outcomes { redelivered: 3, ..Outcomes::default() }),
            _ => panic!("half of an intake was kept"),
        }
        if ended {
            assert_eq!(present, 2);
            return;
        }
    }
}

/// Polls a future `polls` times at most, then drops it. Returns whether it ended.
async fn poll_at_most(polls: u64, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        if left == 0 { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}
