//! Faults that stop a channel, faults that delay it, and their messages.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use connector_testkit::DatesAhead as _;
use contract::{Fault, Gate, OpenGate, Permit};
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::*;

#[tokio::test]
async fn a_locked_database_is_transient_and_loses_nothing() {
    let mut city = city().await.with(json!({ "timeout": "100ms" }));
    city.add(&["a".into()], HOUR).await;
    let mut table = city.table();
    let batch = table.read(None, 10).await.unwrap();
    let Desk::Sqlite(pool) = &city.desk else { panic!("SQLite") };
    let lock = pool.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let fault = table.settled(&batch.upto).await.unwrap_err();
    assert!(fault.is_transient() && fault.to_string().contains("locked"), "{fault}");
    let fault = table.read(Some(&batch.upto), 10).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    let [file, orders] = fault.place() else { panic!("{fault}") };
    assert!(file.starts_with("sqlite file ") && orders == "table orders", "{fault}");
    lock.rollback().await.unwrap();
    table.settled(&batch.upto).await.unwrap();
    assert_eq!(city.n_pending().await, 0);
}

#[tokio::test]
async fn a_missing_table_or_column_stops_with_its_name() {
    let part = |column: &str| json!([{ "name": "urges", "table": "urges", "key": "id", "parent": "serial", "column": column }]);
    for (settings, names) in [
        (json!({ "table": "oders" }), "no such table"),
        (json!({ "key": "ide" }), "no column ide"),
        (json!({ "changes": { "column": "chnged" } }), "no column chnged"),
        (json!({ "flag": [{ "column": "isftch", "pending": 0, "done": 1 }] }), "no column isftch"),
        (json!({ "part": part("serail") }), "no column serail"),
        (json!({ "columns": ["titel"] }), "no column titel"),
    ] {
        let mut city = city().await;
        city.add(&["a".into()], NOW).await;
        let fault = city.with(settings).table().read(None, 10).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains(names), "{fault}");
    }
}

#[tokio::test]
async fn a_missing_file_stops_the_channel_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere.db");
    let city = city().await.with(json!({ "url": format!("sqlite:{}?mode=rwc", path.display()) }));
    let fault = city.table().read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("no such database file"), "{fault}");
    assert!(!path.exists());
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let flag = |pending: Value, done: Value| json!({ "flag": [{ "column": "isfetch", "pending": pending, "done": done }] });
    for (settings, what) in [
        (json!({ "changes": null, "flag": [] }), "neither"),
        (json!({ "changes": null, "reread": { "days": 1 } }), "reread"),
        (json!({ "table": "orders.\u{7}" }), "cannot be the name"),
        (json!({ "columns": [""] }), "cannot be the name"),
        (json!({ "page": 0 }), "page"),
        (json!({ "page": 10_001 }), "page"),
        (json!({ "timeout": "0s" }), "timeout"),
        (json!({ "url": "oracle://a:s3cret@b/c" }), "url"),
        (json!({ "url": "postgres://a:s3cret@b:port/c" }), "url"),
        (json!({ "changes": { "column": "changed", "format": "%d.%m.%Y" } }), "sort by time"),
        (flag(json!(0), json!(0)), "pending values"),
        (flag(json!({ "from": 0, "below": 5 }), json!(4)), "pending values"),
    ] {
        let city = city().await.with(settings);
        let Err(fault) = city.build(Arc::new(OpenGate)) else { panic!("taken: {what}") };
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains(what), "{fault}");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
}

/// Lets a number of statements pass, then asks for a pause.
#[derive(Debug)]
struct Turnstile(AtomicU32);

impl Gate for Turnstile {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, Fault>> {
        let left = self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        let permit = left.map(|_| Permit::new(()));
        ready(permit.map_err(|_| Fault::throttled(Duration::from_secs(9), "spent"))).boxed()
    }

    fn hold(&self, _wait: Duration) {}
}

#[tokio::test]
async fn every_statement_passes_the_gate() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    let gate = Arc::new(Turnstile(AtomicU32::new(100)));
    let mut table: Table = city.build(gate.clone()).unwrap();
    let batch = table.read(None, 10).await.unwrap();
    // The clock, a page, and its parts.
    let n_statements = 100 - gate.0.load(SeqCst);
    assert!(n_statements >= 3, "{n_statements}");
    gate.0.store(0, SeqCst);
    for refused in [table.read(None, 10).await.map(drop), table.settled(&batch.upto).await] {
        let fault = refused.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Throttled(Duration::from_secs(9)), "{fault}");
    }
    gate.0.store(n_statements - 1, SeqCst);
    assert!(table.read(None, 10).await.is_err(), "a statement went past the gate");
}

/// Checks what an inspection finds in a source that nothing is wrong with, and then in one with an index that
/// is missing and a time that is ahead.
pub(crate) async fn inspection_of(mut city: City) {
    city.add(&["a".into()], HOUR).await;
    city.run("CREATE INDEX by_change ON orders (changed)").await;
    let found = city.table().inspect().await.unwrap();
    assert!(found.is_empty(), "{found:?}");
    let pending = city.n_pending().await;
    let drop = match city.desk {
        Desk::MySql(_) => "DROP INDEX by_change ON orders",
        _ => "DROP INDEX by_change",
    };
    city.run(drop).await;
    city.add_ahead(&["b".into()], 8 * HOUR).await;
    let found = city.table().inspect().await.unwrap();
    let [index, ahead] = &found[..] else { panic!("{found:?}") };
    assert!(index.to_string().contains("no index begins with the column changed"), "{index}");
    let ahead = ahead.to_string();
    assert!(ahead.contains("ahead of the clock of the database"), "{ahead}");
    assert_eq!(city.n_pending().await, pending + 1, "an inspection changed the source");
}

#[tokio::test]
async fn an_inspection_finds_a_slow_search_and_times_that_are_ahead() {
    inspection_of(city().await).await;
}
