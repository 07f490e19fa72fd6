//! Sealed values, tested with both databases.

use contract::{Checkpoints as _, SealedBytes, Store};
use serde_json::json;

use super::{PostgresTestStore, SqliteTestStore, index::indexed};
use crate::store::{
    AuditEntry, Database, Erased, Erasure, FailedExchange, RawTable,
    suite::sample::{at, hotline, id, intake, read, record, with_body},
};

fn with_person(key: &str, token: &str) -> contract::RawRecord {
    with_body(key, contract::Revision::NONE, json!({"text": key, "person": token}))
}

fn entry(action: &str) -> AuditEntry {
    AuditEntry {
        at: at(1),
        who: "tester".into(),
        action: action.into(),
        subject: "T1".into(),
        detail: String::new(),
    }
}

fn erasure(tokens: &[&str]) -> Erasure {
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    let (demands, texts, quarantine) = (vec![], vec![], vec![]);
    let beside = std::collections::BTreeMap::new();
    Erasure { tokens, beside, demands, texts, quarantine, entry: entry("erase") }
}

async fn erasure_takes_a_person_out_of_demand_record_and_quarantine(store: &Database) {
    let reads = [
        read(1, [with_person("a", "T1"), with_person("b", "T2"), record("c", "x")]),
        read(2, [with_body("a", contract::Revision::NONE, json!({"reject": true}))]),
    ];
    store.store(&intake(&reads)).await.unwrap();
    indexed(store).await;
    let erasure = erasure(&["T1", "T9"]);
    let erased = store.erase(&erasure).await.unwrap();
    assert_eq!(erased, Erased { demands: 1, texts: 0, raws: 1, quarantined: 1 });

    let a = store.demand(&id("a")).await.unwrap().unwrap().demand;
    assert_eq!((a.body.people[0].phone.as_ref(), a.body.unmasked.as_ref()), (None, None));
    assert_eq!(a.body.content.as_deref(), Some("a"));
    assert_eq!(store.sealed_rows_of("T1").await.unwrap(), []);
    assert_eq!(store.sealed_rows_of("T2").await.unwrap().len(), 1);
    let raws = store.sealed_raws(RawTable::History, 0, 10).await.unwrap();
    assert_eq!(raws.iter().map(|raw| raw.id).collect::<Vec<_>>(), [id("b"), id("c")]);
    assert_eq!(store.quarantine_show(&id("a")).await.unwrap().unwrap().raw, None);
    let audited = store.audit_log(5).await.unwrap();
    assert_eq!(audited, [entry("erase")]);

    // The second time nothing is left, and that is logged too.
    assert_eq!(store.erase(&erasure).await.unwrap(), Erased::default());
    assert_eq!(store.audit_log(5).await.unwrap().len(), 2);
}

async fn erasure_takes_values_out_of_the_texts_of_other_demands(store: &Database) {
    let reads =
        [read(1, [with_person("a", "T1"), record("b", "call 13800001234"), record("c", "x")])];
    store.store(&intake(&reads)).await.unwrap();
    indexed(store).await;
    let mut rows = store.text_rows(0, 10).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.texts[1].as_deref()).collect::<Vec<_>>(),
        [Some("a"), Some("call 13800001234"), Some("x"),]
    );
    assert_eq!(store.text_rows(rows[0].seq, 1).await.unwrap(), [rows[1].clone()]);
    for row in &mut rows {
        row.texts[1] = Some("call ***".into());
    }
    // A newer state of c arrives between the search and the erasure.
    store.store(&intake(&[read(2, [record("c", "new")])])).await.unwrap();
    let texts = rows.split_off(1);
    let erasure = Erasure { demands: vec![id("b")], texts, ..erasure(&["T1"]) };
    let erased = store.erase(&erasure).await.unwrap();
    assert_eq!(erased, Erased { demands: 1, texts: 2, raws: 2, quarantined: 0 });
    let demand = async |key: &str| store.demand(&id(key)).await.unwrap().unwrap().demand;
    let b = demand("b").await;
    assert_eq!((b.body.content.as_deref(), b.body.unmasked), (Some("call ***"), None));
    assert_eq!(demand("c").await.body.content.as_deref(), Some("new"));
    let raws = store.sealed_raws(RawTable::History, 0, 10).await.unwrap();
    assert_eq!(raws.iter().map(|raw| raw.id).collect::<Vec<_>>(), [id("c"), id("c")]);

    // What masks replaced in a text does not fit what erasure leaves of the text.
    assert!(demand("c").await.body.unmasked.is_some());
    let texts = store.text_rows(0, 10).await.unwrap().split_off(2);
    store.erase(&Erasure { texts, ..erasure }).await.unwrap();
    assert_eq!(demand("c").await.body.unmasked, None);
}

#[tokio::test]
async fn what_was_erased_is_in_no_file_of_the_embedded_store() {
    let filed = SqliteTestStore::new().await;
    let store = &filed.store;
    let marked = |word: &str| {
        let body = json!({"text": "x", "person": "T1", "note": format!("marked-{word}")});
        with_body("a", contract::Revision::NONE, body)
    };
    for (read_no, word) in (1..).zip(["one", "two", "three"]) {
        store.store(&intake(&[read(read_no, [marked(word), record("b", word)])])).await.unwrap();
    }
    indexed(store).await;
    let found = || {
        let mut n_found = 0;
        for file in std::fs::read_dir(filed.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            n_found += bytes.windows(7).filter(|window| *window == b"marked-").count();
        }
        n_found
    };
    assert!(found() >= 3);
    store.erase(&erasure(&["T1"])).await.unwrap();
    assert!(store.scrub().await.unwrap());
    assert_eq!(found(), 0);
    assert!(store.demand(&id("b")).await.unwrap().is_some());
}

async fn the_last_failed_exchange_is_kept_and_forgotten_when_a_person_is_erased(store: &Database) {
    let channel = hotline();
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), None);
    for n in [1, 2] {
        store.keep_exchange(&channel, &SealedBytes(vec![n]), at(n.into())).await.unwrap();
    }
    let last = FailedExchange { at: at(2), sealed: SealedBytes(vec![2]) };
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), Some(last.clone()));
    store.forget_failed_exchanges(Some(at(2))).await.unwrap();
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), Some(last));
    store.erase(&erasure(&["T1"])).await.unwrap();
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), None);
    store.keep_exchange(&channel, &SealedBytes(vec![3]), at(3)).await.unwrap();
    store.forget_failed_exchanges(Some(at(4))).await.unwrap();
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), None);
    store.keep_exchange(&channel, &SealedBytes(vec![4]), at(1_000_000)).await.unwrap();
    store.forget_failed_exchanges(None).await.unwrap();
    assert_eq!(store.failed_exchange(&channel).await.unwrap(), None, "whatever the clock says");
}

async fn what_is_sealed_again_stands_where_its_state_still_is(store: &Database) {
    let reads = [read(1, [with_person("a", "T1"), with_person("b", "T2")])];
    store.store(&intake(&reads)).await.unwrap();
    let mut rows = store.sealed_rows(0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id("a"), id("b")]);
    assert_eq!(store.sealed_rows(rows[0].seq, 10).await.unwrap().len(), 1);
    for row in &mut rows {
        let phone = row.people[0].phone.as_mut().unwrap();
        phone.token = Some("N".into());
        phone.sealed = SealedBytes(vec![4]);
        row.unmasked = Some(SealedBytes(vec![5]));
    }
    // A newer state of b arrives between the read and the write.
    let newer = [read(2, [with_body("b", contract::Revision::NONE, json!({"text": "new"}))])];
    store.store(&intake(&newer)).await.unwrap();
    assert_eq!(store.reseal_rows(&rows).await.unwrap(), 1);
    let a = store.demand(&id("a")).await.unwrap().unwrap().demand;
    assert_eq!(a.body.unmasked, Some(SealedBytes(vec![5])));
    indexed(store).await;
    // During the rotation both tokens find it.
    for token in ["T1", "N"] {
        let found = store.sealed_rows_of(token).await.unwrap();
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [id("a")], "{token}");
    }
    let mut raws = store.sealed_raws(RawTable::History, 0, 10).await.unwrap();
    assert_eq!(raws.len(), 3);
    raws[0].raw = SealedBytes(vec![6]);
    assert_eq!(store.reseal_raws(RawTable::History, &raws[..1]).await.unwrap(), 1);
    let seq = raws[0].seq;
    assert_eq!(store.raw(seq).await.unwrap(), Some(SealedBytes(vec![6])));
}

async fn demands_are_walked_page_by_page_and_doubts_counted(store: &Database) {
    let reads = [read(1, ["a", "b", "c"].map(|key| record(key, key)))];
    store.store(&intake(&reads)).await.unwrap();
    let first = store.demands(0, at(0), 2).await.unwrap();
    assert_eq!(first.len(), 2);
    let second = store.demands(first[1].0, at(0), 2).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].1.demand.id, id("c"));
    assert_eq!(store.demands(0, at(100), 2).await.unwrap().len(), 0);
    assert_eq!(store.quality(10).await.unwrap(), []);
    assert_eq!(store.unknown_labels().await.unwrap(), []);
}

of_both! {
    erasure_takes_a_person_out_of_demand_record_and_quarantine,
    erasure_takes_values_out_of_the_texts_of_other_demands,
    the_last_failed_exchange_is_kept_and_forgotten_when_a_person_is_erased,
    what_is_sealed_again_stands_where_its_state_still_is,
    demands_are_walked_page_by_page_and_doubts_counted,
}
