//! The positions of channels, the books of lost messages, and what is compared with a source, tested with both
//! databases.

use std::time::Duration;

use bytes::Bytes;
use contract::{
    Checkpoints as _, Complete, Cursor, Delivery, EndedBy, Fault, Intake, Message, MessageId,
    Obstacle, PassEnd, Position, ReadNo,
};
use tokio::time::timeout;

use crate::store::{
    AuditEntry, BooksRow, Database, Progress,
    database::sql::NO_ROWS,
    postgres::tests::PostgresTestStore,
    suite::{
        keep,
        sample::{at, confirm, hotline, id, intake, read, read_from, read_to, record},
        stored,
    },
    tests::SqliteTestStore,
};

async fn book(store: &Database) -> BooksRow {
    store.books(None, None).await.unwrap().remove(0)
}

async fn a_lost_message_is_written_off_and_counts_as_kept_if_it_comes_after_all(store: &Database) {
    let first = read(1, [record("a", "1")]);
    let (lost, first) = (intake([&first]), confirm(first).await);
    store.advance(&first).await.unwrap();
    let again = read_from(Position::default().moved(first.upto().clone()), 3, [record("a", "1")]);
    let (repair, again) = (intake([&again]), confirm(again).await);
    store.advance(&again).await.unwrap();
    keep(store, &repair).await;
    assert_eq!((book(store).await.in_flight, book(store).await.balanced), (1, None));

    assert_eq!(store.write_off(&hotline(), ReadNo(2)).await.unwrap(), 1);
    assert_eq!(store.write_off(&hotline(), ReadNo(2)).await.unwrap(), 0, "it was written off");
    let books = book(store).await;
    assert_eq!((books.published, books.stored, books.in_flight, books.lost), (2, 1, 0, 1));
    assert_eq!(books.balanced, Some(true));
    assert_eq!(store.missing_receipts(&hotline(), ReadNo(0), u64::MAX).await.unwrap(), 0);
    keep(store, &lost).await;
    let books = book(store).await;
    assert_eq!((books.published, books.stale, books.in_flight, books.lost), (2, 1, 0, 0));
    assert_eq!(books.balanced, Some(true));
}

async fn a_position_that_somebody_deleted_begins_with_read_numbers_that_were_not_used(
    store: &Database,
) {
    assert_eq!(store.reserve(&hotline(), 0, 5).await.unwrap(), 1..6);
    let first = read(5, [record("a", "1")]);
    keep(store, &intake([&first])).await;
    store.advance(&confirm(first).await).await.unwrap();
    for folded in [0, 1] {
        if folded == 1 {
            assert_eq!(store.fold_books(at(100)).await.unwrap(), 1);
        }
        let delete = "DELETE FROM checkpoint";
        store.write("delete rows by hand", delete, &[], NO_ROWS).await.unwrap();
        assert_eq!(store.reserve(&hotline(), 0, 2).await.unwrap(), 6..8);
    }
    // It is not older than what is stored.
    let again = read(6, [record("a", "2")]);
    assert_eq!(keep(store, &intake([&again])).await.stored, 1);
    store.advance(&confirm(again).await).await.unwrap();
    assert_eq!(store.reserve(&hotline(), 0, 1).await.unwrap(), 8..9);
}

async fn states_that_somebody_deleted_are_missed(store: &Database) {
    let first = read(1, [record("a", "1"), record("b", "1")]);
    keep(store, &intake([&first])).await;
    let first = confirm(first).await;
    store.advance(&first).await.unwrap();
    let from = Position::default().moved(first.upto().clone());
    let second = read_from(from, 2, [record("a", "2"), record("c", "1"), record("b", "1")]);
    keep(store, &intake([&second])).await;
    store.advance(&confirm(second).await).await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert_eq!((books[0].stored, books[0].balanced), (4, Some(true)));
    let missing = async |is_pruned| store.missing_states(&books, is_pruned).await.unwrap();
    let delete = async |sql: &'static str| {
        store.write("delete rows by hand", sql, &[], NO_ROWS).await.unwrap();
    };
    assert_eq!((missing(false).await, missing(true).await), (0, 0));
    assert_eq!(store.fold_books(at(100)).await.unwrap(), 2);
    assert_eq!(missing(false).await, 0, "the totals of days count them");
    delete("DELETE FROM demand_raw").await;
    delete("DELETE FROM demand_history WHERE seq = 4").await;
    assert_eq!((missing(false).await, missing(true).await), (1, 0));
    // As a retention does: it drops the oldest ones.
    delete("DELETE FROM demand_history WHERE seq = 1").await;
    assert_eq!((missing(false).await, missing(true).await), (0, 0));
    delete("DELETE FROM demand_history").await;
    delete("DELETE FROM demand_person").await;
    delete("DELETE FROM demand").await;
    assert_eq!((missing(false).await, missing(true).await), (4, 4));
}

async fn daily_totals_keep_how_many_events_were_lost(store: &Database) {
    for read_no in 1..=4 {
        let from = store.load(&hotline(), 0).await.unwrap();
        let some = read_from(from, read_no, ["a", "b"].map(|key| record(key, "text")));
        if read_no % 2 == 0 {
            keep(store, &intake([&some])).await;
        }
        store.advance(&confirm(some).await).await.unwrap();
    }
    assert_eq!(store.fold_books(at(100)).await.unwrap(), 2, "the others are in flight");
    assert_eq!(store.write_off(&hotline(), ReadNo(3)).await.unwrap(), 2);
    let before = book(store).await;
    assert_eq!((before.published, before.stored, before.unchanged, before.lost), (8, 2, 2, 4));
    assert_eq!(before.balanced, Some(true));
    assert_eq!(store.fold_books(at(100)).await.unwrap(), 2);
    assert_eq!(book(store).await, before);
    assert_eq!(store.fold_books(at(100)).await.unwrap(), 0);
}

async fn a_message_without_a_receipt_is_not_written_off_if_its_read_came_later(store: &Database) {
    store.advance(&confirm(read(7, [record("a", "1")])).await).await.unwrap();
    assert_eq!(store.write_off(&hotline(), ReadNo(6)).await.unwrap(), 0);
    assert_eq!(store.write_off(&"board".parse().unwrap(), ReadNo(9)).await.unwrap(), 0);
    assert_eq!((book(store).await.in_flight, book(store).await.lost), (1, 0));
}

async fn a_message_without_proof_waits_until_its_read_is_in_the_books(store: &Database) {
    let unproven = |claim: Message| Intake::of([Delivery::unproven(0, claim, "it has no proof")]);
    for (fence, key) in [(3, "a"), (Position::UNLEASED, "b")] {
        let from = store.load(&hotline(), fence).await.unwrap();
        let read_no = store.reserve(&hotline(), fence, 2).await.unwrap().start;
        if fence == Position::UNLEASED {
            // Another process receives for a push channel too, and is faster.
            let later = read_from(from.clone(), read_no + 1, [record("c", "text")]);
            store.advance(&confirm(later).await).await.unwrap();
        }
        let early = read_from(from, read_no, [record(key, "text")]);
        let message = early.messages()[0].clone();
        let (claimed, early) = (unproven(message.clone()), confirm(early).await);
        let book = async {
            // Meanwhile the sink has looked for the message.
            store.books(None, None).await.unwrap();
            store.advance(&early).await.unwrap();
        };
        let (outcomes, ()) = tokio::join!(Box::pin(keep(store, &claimed)), book);
        assert_eq!(outcomes, stored(1), "{key}");

        // Nothing more can come of a read that is booked, so nobody waits for it.
        let id = MessageId { part: 7, ..message.id.clone() };
        let forged = unproven(Message { id, ..message });
        let kept = timeout(Duration::from_secs(30), keep(store, &forged)).await.unwrap();
        assert_eq!(kept.quarantined, 1, "{key}");
    }
}

async fn messages_without_proof_hold_up_the_store_for_a_minute_in_all(store: &Database) {
    let from = store.load(&hotline(), 3).await.unwrap();
    let read_no = store.reserve(&hotline(), 3, 2).await.unwrap().start;
    let genuine = read_from(from, read_no, [record("a", "text")]);
    let message = genuine.messages()[0].clone();
    // Its read is booked, and the one after it is under way.
    store.advance(&confirm(genuine).await).await.unwrap();
    let forged = |read_no, body| {
        let id = MessageId { read_no: ReadNo(read_no), ..message.id.clone() };
        Message { id, body: Bytes::from_static(body).into(), ..message.clone() }
    };
    let wait = store.claim_wait();
    while wait.is_left() {
        wait.note_vain();
    }
    let (under_way, booked) = (forged(read_no + 1, b"[1]"), forged(read_no, b"[2]"));
    for (claim, is_believed) in [(under_way, false), (booked, false), (message, true)] {
        let intake = Intake::of([Delivery::unproven(0, claim, "it has no proof")]);
        let kept = timeout(Duration::from_secs(20), keep(store, &intake)).await.unwrap();
        assert_eq!(
            (kept.quarantined, kept.stored),
            (u64::from(!is_believed), u64::from(is_believed))
        );
        assert_eq!(wait.is_left(), is_believed, "what was believed begins the minute anew");
    }
}

async fn ids_and_digests_come_page_by_page_in_the_order_of_their_rows(store: &Database) {
    let keys = ["a", "b", "c", "d", "e"];
    let whole = read(1, keys.map(|key| record(key, "one")));
    keep(store, &intake([&whole])).await;
    keep(store, &intake([&read(2, [record("b", "two")])])).await;
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = store.digests(&hotline(), after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2 && last.seq > after, "{page:?}");
        after = last.seq;
        found.extend(page.into_iter().map(|one| (one.id, one.digest, one.last_seen_at)));
    }
    let mut expected = Vec::new();
    for key in keys {
        let row = store.demand(&id(key)).await.unwrap().unwrap();
        assert_eq!(row.last_seen_at, at(if key == "b" { 2 } else { 1 }), "{key}");
        expected.push((id(key), row.demand.digest, row.last_seen_at));
    }
    found.sort_unstable_by_key(|(id, ..)| *id);
    expected.sort_unstable_by_key(|(id, ..)| *id);
    assert_eq!(found, expected);
    assert_eq!(store.digests(&"board".parse().unwrap(), 0, 9).await.unwrap(), []);
}

async fn a_position_that_is_set_is_audited_and_refuses_the_move_that_was_under_way(
    store: &Database,
) {
    let entry = AuditEntry {
        at: at(0),
        who: "tester".to_owned(),
        action: "position".to_owned(),
        subject: "hotline".to_owned(),
        detail: "{}".to_owned(),
    };
    let place = Cursor::from_text("{\"page\":7}");
    store.set_position(&hotline(), Some(&place), &entry).await.unwrap();
    let from = store.load(&hotline(), 3).await.unwrap();
    assert_eq!((from.cursor.as_ref(), from.step), (Some(&place), 1), "it was never read before");

    let under_way = confirm(read_from(from.clone(), 1, [record("a", "1")])).await;
    store.set_position(&hotline(), None, &entry).await.unwrap();
    assert!(store.advance(&under_way).await.unwrap_err().is_transient());
    assert!(store.books(None, None).await.unwrap().is_empty(), "nothing was advanced");
    let start = store.load(&hotline(), 3).await.unwrap();
    assert_eq!((start.cursor.as_ref(), start.step), (None, 2));
    let next = confirm(read_from(start, 2, [record("a", "1")])).await;
    store.advance(&next).await.unwrap();
    assert_eq!(store.audit_log(9).await.unwrap(), [entry.clone(), entry]);
}

async fn the_account_of_the_last_pass_stays_until_the_next_one_ends(store: &Database) {
    let account = PassEnd {
        listed: Some(20),
        given: 18,
        distinct: Some(15),
        gap: Some("page 3 could not be read".to_owned()),
        ..PassEnd::ended_by(EndedBy::Repeated)
    };
    let mut from = Position::default();
    for (read_no, end) in [(1, Some(account.clone())), (2, None)] {
        let confirmed = confirm(read_to(end, from.clone(), read_no, [record("a", "1")])).await;
        store.advance(&confirmed).await.unwrap();
        from = from.moved(confirmed.upto().clone());
        let Progress { pass, step, cursor, .. } = store.progress(&hotline()).await.unwrap();
        assert_eq!((pass.as_ref(), step), (Some(&account), read_no));
        assert_eq!(cursor, from.cursor);
        let status = store.status().await.unwrap().remove(0);
        assert_eq!(status.pass.map(|pass| pass.complete()), Some(Complete::No));
    }
    let whole = PassEnd { listed: Some(1), given: 1, distinct: Some(1), ..PassEnd::default() };
    let last = read_to(Some(whole.clone()), from, 3, [record("a", "1")]);
    store.advance(&confirm(last).await).await.unwrap();
    assert_eq!(store.progress(&hotline()).await.unwrap().pass, Some(whole));
}

async fn the_brake_is_remembered_until_somebody_accepts(store: &Database) {
    let braked = async || store.status().await.unwrap().remove(0).braked;
    let stopped = Fault::stopped("no demand has a title").until(Obstacle::Shape);
    store.note(&hotline(), &stopped, at(1)).await.unwrap();
    assert!(braked().await);
    // Whatever comes after it.
    store.note(&hotline(), &Fault::transient("the source is gone"), at(2)).await.unwrap();
    assert!(braked().await);
    let broken = Fault::stopped("line 3").until(Obstacle::File);
    store.note(&hotline(), &broken, at(3)).await.unwrap();
    store.forget_broken().await.unwrap();
    assert!(braked().await);
    store.accept_shape(&hotline(), "tester").await.unwrap();
    assert!(!braked().await);
}

async fn the_problems_of_a_file_are_forgotten_with_the_file_and_other_faults_are_not(
    store: &Database,
) {
    let fault = async || store.status().await.unwrap().remove(0).fault;
    let broken = Fault::stopped("line 3").until(Obstacle::File);
    store.note(&hotline(), &broken, at(1)).await.unwrap();
    assert_eq!(fault().await.as_deref(), Some("line 3"));
    store.forget_broken().await.unwrap();
    assert_eq!(fault().await, None);
    store.note(&hotline(), &broken, at(2)).await.unwrap();
    store.note(&hotline(), &Fault::stopped("no such table"), at(3)).await.unwrap();
    store.forget_broken().await.unwrap();
    assert_eq!(fault().await.as_deref(), Some("no such table"));
}

of_both! {
    a_lost_message_is_written_off_and_counts_as_kept_if_it_comes_after_all,
    a_position_that_somebody_deleted_begins_with_read_numbers_that_were_not_used,
    states_that_somebody_deleted_are_missed,
    daily_totals_keep_how_many_events_were_lost,
    a_message_without_a_receipt_is_not_written_off_if_its_read_came_later,
    a_message_without_proof_waits_until_its_read_is_in_the_books,
    messages_without_proof_hold_up_the_store_for_a_minute_in_all,
    ids_and_digests_come_page_by_page_in_the_order_of_their_rows,
    a_position_that_is_set_is_audited_and_refuses_the_move_that_was_under_way,
    the_account_of_the_last_pass_stays_until_the_next_one_ends,
    the_brake_is_remembered_until_somebody_accepts,
    the_problems_of_a_file_are_forgotten_with_the_file_and_other_faults_are_not,
}
