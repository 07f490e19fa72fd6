//! The audit log, and what is changed together with it, tested with both databases.

use std::collections::BTreeMap;

use contract::{Checkpoints as _, Delivery, DemandId, Intake, Message};
use futures_util::future::join_all;
use serde_json::json;

use super::{PostgresTestStore, SqliteTestStore};
use crate::{
    bus::BusKey,
    store::{
        AuditEntry, Database,
        database::sql::NO_ROWS,
        suite::{
            keep,
            sample::{at, bad, confirm, hotline, id, intake, read, record, revised},
            stored,
        },
    },
};

fn entry(n: u64) -> AuditEntry {
    AuditEntry {
        at: at(n),
        who: "tester (uid 7)".into(),
        action: "reveal".into(),
        subject: format!("{n}"),
        detail: "工单".into(),
    }
}

async fn flaw(store: &Database) -> Option<String> {
    store.check_audit(None).await.unwrap().flaw
}

/// The flaw says that a row does not fit to the row before it.
async fn is_broken(store: &Database) -> bool {
    flaw(store).await.is_some_and(|flaw| flaw.contains("was altered or inserted"))
}

async fn change(store: &Database, sql: &'static str) {
    store.write("change a table by hand", sql, &[], NO_ROWS).await.unwrap();
}

async fn a_row_that_was_altered_removed_or_inserted_is_found(store: &Database) {
    assert_eq!(store.check_audit(None).await.unwrap().rows, 0);
    for n in 1..=4 {
        store.write_audit(&entry(n)).await.unwrap();
    }
    let whole = store.check_audit(None).await.unwrap();
    assert_eq!((whole.rows, whole.end.len(), whole.flaw), (4, 64, None));
    // Each first statement is undone by the second one, but for the last pair.
    for (done, undone) in [
        (
            "UPDATE audit SET who = 'nobody' WHERE subject = '2'",
            "UPDATE audit SET who = 'tester (uid 7)' WHERE subject = '2'",
        ),
        (
            "UPDATE audit SET subject = '1', detail = '1工单' WHERE subject = '1'",
            "UPDATE audit SET detail = '工单' WHERE subject = '1'",
        ),
        (
            "INSERT INTO audit (at, who, action, subject, detail)
             SELECT at, who, action, 'x', detail FROM audit WHERE subject = '4'",
            "DELETE FROM audit WHERE subject = 'x'",
        ),
        (
            "INSERT INTO audit (at, who, action, subject, detail, hash)
             SELECT at, who, action, 'x', detail, hash FROM audit WHERE subject = '4'",
            "DELETE FROM audit WHERE subject = 'x'",
        ),
        (
            "UPDATE audit SET hash = NULL WHERE subject = '3'",
            "UPDATE audit SET hash = (SELECT hash FROM audit_end) WHERE subject = '3'",
        ),
    ] {
        assert_eq!(flaw(store).await, None, "before {done}");
        change(store, done).await;
        assert!(is_broken(store).await, "{done}");
        change(store, undone).await;
    }
    assert!(is_broken(store).await, "the last change has written the hash of another row");
}

async fn removed_rows_of_the_audit_log_are_missed_wherever_they_stood(store: &Database) {
    for n in 1..=4 {
        store.write_audit(&entry(n)).await.unwrap();
    }
    let noted = store.check_audit(None).await.unwrap().end;
    change(store, "DELETE FROM audit WHERE subject = '4'").await;
    assert!(flaw(store).await.unwrap().contains("last rows"));
    // A row that is written later does not hide it.
    store.write_audit(&entry(5)).await.unwrap();
    assert!(flaw(store).await.unwrap().contains("removed"));
    // Whoever makes the whole chain anew has no row with the noted hash.
    change(store, "DELETE FROM audit").await;
    assert!(flaw(store).await.unwrap().contains("last rows"));
    change(store, "DELETE FROM audit_end").await;
    store.write_audit(&entry(1)).await.unwrap();
    assert_eq!(flaw(store).await, None);
    let found = store.check_audit(Some(&noted)).await.unwrap();
    assert_eq!(found.flaw.as_deref(), Some("it has no row with the noted hash"));
    let now = store.check_audit(None).await.unwrap().end;
    assert_eq!(store.check_audit(Some(&now)).await.unwrap().flaw, None);
}

async fn rows_of_an_earlier_version_are_vouched_for_by_the_first_new_one(store: &Database) {
    let first = read(1, [record("a", "one")]);
    store.advance(&confirm(first).await).await.unwrap();
    for _ in 0..2 {
        change(
            store,
            "INSERT INTO audit (at, who, action, subject, detail)
             SELECT read_at, channel, 'erase', 'old', '' FROM read",
        )
        .await;
    }
    assert_eq!(flaw(store).await, None);
    store.write_audit(&entry(1)).await.unwrap();
    assert_eq!(flaw(store).await, None);
    change(store, "UPDATE audit SET action = 'reveal' WHERE subject = 'old'").await;
    assert!(is_broken(store).await);
}

async fn who_has_no_key_cannot_make_the_log_fit_again(store: &Database) {
    let store = &store.clone().with_audit_key(Some(BusKey::new([7; 32])));
    let end_is = |subject: &str| {
        format!("UPDATE audit_end SET hash = (SELECT hash FROM audit WHERE subject = '{subject}')")
    };
    let insert = "INSERT INTO audit (at, who, action, subject, detail, hash)
         SELECT at, who, action, 'x', detail, hash FROM audit WHERE subject = '4'";
    let forged = "UPDATE audit_end SET hash = substr(hash, 1, 41)";
    for changes in [
        vec!["DELETE FROM audit WHERE subject = '4'".to_owned(), end_is("3")],
        vec!["DELETE FROM audit WHERE subject IN ('3', '4')".to_owned(), end_is("2")],
        vec!["DELETE FROM audit".to_owned()],
        vec!["DELETE FROM audit_end".to_owned()],
        vec!["UPDATE audit SET who = 'nobody' WHERE subject = '2'".to_owned()],
        vec!["UPDATE audit SET hash = NULL WHERE subject = '4'".to_owned()],
        vec!["UPDATE audit SET hash = substr(hash, 2) WHERE subject = '4'".to_owned(), end_is("4")],
        vec![insert.to_owned()],
        vec![insert.to_owned(), end_is("x")],
        vec![forged.to_owned()],
    ] {
        for n in 1..=4 {
            store.write_audit(&entry(n)).await.unwrap();
        }
        let whole = store.check_audit(None).await.unwrap();
        assert_eq!((whole.rows, whole.unproven, whole.flaw), (4, 0, None), "before {changes:?}");
        for sql in &changes {
            change(store, sql.clone().leak()).await;
        }
        assert!(flaw(store).await.is_some(), "{changes:?}");
        store.write_audit(&entry(5)).await.unwrap();
        assert!(flaw(store).await.is_some(), "a row was written after {changes:?}");
        change(store, "DELETE FROM audit").await;
        change(store, "DELETE FROM audit_end").await;
    }
}

async fn a_log_that_has_a_key_takes_no_row_without_one(store: &Database) {
    let without = store;
    for n in 1..=2 {
        without.write_audit(&entry(n)).await.unwrap();
    }
    let with = &store.clone().with_audit_key(Some(BusKey::new([7; 32])));
    with.write_audit(&entry(3)).await.unwrap();
    let whole = with.check_audit(None).await.unwrap();
    assert_eq!((whole.rows, whole.unproven, whole.flaw), (3, 2, None));
    assert!(with.has_audit_row(&whole.end).await.unwrap());
    assert!(!with.has_audit_row("07").await.unwrap());
    assert_eq!(with.audit_end().await.unwrap(), Some(whole.end));
    for refused in
        [without.write_audit(&entry(4)).await, without.check_audit(None).await.map(|_| ())]
    {
        assert!(refused.unwrap_err().to_string().contains("tonghui key bus"));
    }
    let other = &store.clone().with_audit_key(Some(BusKey::new([8; 32])));
    assert!(is_broken(other).await, "another key has proved it");
    change(with, "UPDATE audit SET who = 'nobody' WHERE subject = '1'").await;
    assert!(is_broken(with).await);
}

async fn entries_that_many_write_at_once_are_one_chain(store: &Database) {
    let writing = (0..16).map(|n| async move {
        let mine = store.separate_handle();
        mine.write_audit(&entry(n)).await.unwrap();
    });
    join_all(writing).await;
    let whole = store.check_audit(None).await.unwrap();
    assert_eq!((whole.rows, whole.flaw), (16, None));
}

async fn the_last_alarm_of_each_channel_is_found(store: &Database) {
    for (n, action, subject) in [
        (1, "guessing", "app"),
        (2, "guessing", "hotline"),
        (3, "guessing", "app"),
        (4, "reveal", "hotline"),
    ] {
        let (action, subject) = (action.to_owned(), subject.to_owned());
        store.write_audit(&AuditEntry { action, subject, ..entry(n) }).await.unwrap();
    }
    let last = [("app", at(3)), ("hotline", at(2))].map(|(name, at)| (name.parse().unwrap(), at));
    assert_eq!(store.guesses(at(1)).await.unwrap(), BTreeMap::from(last));
    assert!(store.guesses(at(3)).await.unwrap().is_empty());
    let rows = store.audit_rows(2).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4]);
    let end = store.check_audit(None).await.unwrap().end;
    assert_eq!(rows[1].hash.as_deref(), Some(end.as_str()));
}

async fn a_row_of_quarantine_is_resolved_by_hand_and_audited(store: &Database) {
    let forged = Message::foreign(hotline(), bytes::Bytes::from("[1]").into());
    let foreign = Intake::of([Delivery::unreadable(0, forged, "it has no proof")]);
    keep(store, &foreign).await;
    keep(store, &intake([&read(1, [bad("a")])])).await;
    store.reserve(&hotline(), 0, 1).await.unwrap();
    let status = async || store.status().await.unwrap().remove(0);
    assert!(status().await.fault.unwrap().contains("1 messages in its queue"));
    assert_eq!(store.books(None, None).await.unwrap()[0].balanced, Some(false));
    let id = DemandId::of_bytes(&hotline(), b"[1]");
    assert!(store.resolve_quarantined(&id, &entry(5)).await.unwrap());
    assert!(!store.resolve_quarantined(&id, &entry(6)).await.unwrap(), "it is resolved already");
    assert_eq!(store.quarantine_show(&id).await.unwrap().unwrap().resolved_at, Some(at(5)));
    assert_eq!((status().await.fault, status().await.quarantined), (None, 1));
    let books = store.books(None, None).await.unwrap().remove(0);
    assert_eq!((books.extra, books.balanced), (0, Some(true)));
    assert_eq!(store.audit_log(9).await.unwrap(), [entry(5)]);
}

async fn a_demand_whose_revision_is_released_takes_the_next_state(store: &Database) {
    // As a version of the gateway stored it that did not refuse such times.
    keep(store, &intake([&read(1, [revised("a", i64::MAX, "from the year 9999")])])).await;
    let next = |read_no, revision| read(read_no, [revised("a", revision, "the true state")]);
    assert_eq!(keep(store, &intake([&next(2, 7)])).await.stale, 1);
    assert!(store.release_revision(&id("a"), &entry(2)).await.unwrap());
    assert!(!store.release_revision(&id("a"), &entry(3)).await.unwrap());
    assert!(!store.release_revision(&id("b"), &entry(3)).await.unwrap());
    assert_eq!(keep(store, &intake([&next(3, 8)])).await, stored(1));
    let demand = store.demand(&id("a")).await.unwrap().unwrap().demand;
    assert_eq!(demand.body.content.as_deref(), Some("the true state"));
    assert_eq!(json!(demand.version.revision), json!(8));
    assert_eq!(store.audit_log(9).await.unwrap(), [entry(2)]);
}

of_both! {
    a_row_that_was_altered_removed_or_inserted_is_found,
    removed_rows_of_the_audit_log_are_missed_wherever_they_stood,
    rows_of_an_earlier_version_are_vouched_for_by_the_first_new_one,
    who_has_no_key_cannot_make_the_log_fit_again,
    a_log_that_has_a_key_takes_no_row_without_one,
    entries_that_many_write_at_once_are_one_chain,
    the_last_alarm_of_each_channel_is_found,
    a_row_of_quarantine_is_resolved_by_hand_and_audited,
    a_demand_whose_revision_is_released_takes_the_next_state,
}
