//! Which rows are acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use contract::{ConnectorContext, Gate, Permit};
use futures_util::future::{BoxFuture, FutureExt as _};

use super::*;

#[tokio::test]
async fn a_row_changed_after_it_was_read_stays_pending_and_is_read_again() {
    // A change may move the time of the row, or not.
    for moves_time in [true, false] {
        let mut city = city().await;
        city.add(&["a".into(), "b".into()], HOUR).await;
        let mut table = city.table();
        let batch = table.read(None, 10).await.unwrap();
        if moves_time {
            city.change("a").await;
        } else {
            city.run("UPDATE orders SET title = 'changed', isfetch = 0 WHERE id = 'a'").await;
        }
        table.settled(&batch.upto).await.unwrap();
        assert_eq!(city.n_pending().await, 1, "{moves_time}");
        let (entries, _) = city.entries(Some(Cursor::encode(&batch.upto).unwrap()), 10).await;
        let a = entries.iter().rev().find(|entry| key(entry) == "a").unwrap();
        assert_eq!(body(a)["title"], "changed", "{moves_time}");
        assert_eq!(city.n_pending().await, 0, "{moves_time}");
    }
}

/// An office that sets the flags back before each request, while it is busy.
#[derive(Debug)]
struct Office {
    pool: sqlx::SqlitePool,
    is_busy: AtomicBool,
}

impl Gate for Office {
    fn enter(&self) -> BoxFuture<'_, Result<Permit, contract::Fault>> {
        let set_back = async {
            if self.is_busy.load(SeqCst) {
                let sql = "UPDATE orders SET isfetch = 0, sjjhzt = 0";
                sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
            }
            Ok(Permit::new(()))
        };
        set_back.boxed()
    }

    fn hold(&self, _wait: Duration) {}
}

#[tokio::test]
async fn a_row_that_the_office_sets_pending_again_is_no_refusal() {
    let mut city = city().await;
    city.add(&["a".into(), "b".into()], HOUR).await;
    let Desk::Sqlite(pool) = city.desk.clone() else { panic!() };
    let office = Arc::new(Office { pool, is_busy: AtomicBool::new(false) });
    let (mut table, mut at) = (city.build(office.clone()).unwrap(), None);
    loop {
        let batch = table.read(at.as_ref(), 10).await.unwrap();
        office.is_busy.store(true, SeqCst);
        table.settled(&batch.upto).await.unwrap();
        office.is_busy.store(false, SeqCst);
        if batch.end.is_some() {
            break;
        }
        at = Some(batch.upto);
    }
    assert_eq!(city.n_pending().await, 0);
}

#[tokio::test]
async fn a_change_in_a_column_that_is_not_mapped_hinders_no_acknowledgement() {
    for (mapped, n_pending) in [(Some("$.title"), 0), (Some("$.content"), 1), (None, 1)] {
        let mut city = City::sqlite(FindBy::FlagOnly).await;
        city.add(&["a".into()], HOUR).await;
        let mut context = ConnectorContext::new("hotline".parse().unwrap(), chrono_tz::UTC);
        context.mapped = mapped.map(Into::into);
        let config = serde_json::from_value(city.settings.clone()).unwrap();
        let mut table = Table::build(config, context).unwrap();
        let batch = table.read(None, 10).await.unwrap();
        city.run("UPDATE orders SET content = x'41'").await;
        table.settled(&batch.upto).await.unwrap();
        assert_eq!(city.n_pending().await, n_pending, "{mapped:?}");
    }
}

#[tokio::test]
async fn only_the_declared_flags_are_ever_updated() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    city.run("INSERT INTO urges (id, serial) VALUES (1, 'S-a')").await;
    city.run(
        "CREATE TRIGGER guard BEFORE UPDATE OF id, serial, title, content, changed ON orders
         BEGIN SELECT RAISE(ABORT, 'not allowed'); END;
         CREATE TRIGGER guard_urges BEFORE UPDATE OF id, serial, note ON urges
         BEGIN SELECT RAISE(ABORT, 'not allowed'); END",
    )
    .await;
    city.entries(None, 10).await;
    let done = "SELECT COUNT(*) FROM orders WHERE isfetch = 1 AND sjjhzt = 20";
    assert_eq!(city.count(done).await, 1);
    assert_eq!(city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 1").await, 1);
}

#[tokio::test]
async fn a_row_whose_acknowledgement_is_refused_blocks_nobody() {
    let mut city = city().await;
    let keys: Vec<String> = (0..9).map(|n| format!("k{n}")).collect();
    city.add(&keys, HOUR).await;
    city.run(
        "CREATE TRIGGER poison BEFORE UPDATE ON orders WHEN OLD.id = 'k0'
         BEGIN SELECT RAISE(ABORT, 'key conflict'); END",
    )
    .await;
    let (entries, at) = city.entries(None, 2).await;
    assert_eq!(keys_of(&entries), keys.iter().cloned().collect());
    assert_eq!(city.n_pending().await, 1);
    city.add(&["z".into()], HOUR).await;
    let (entries, _) = city.entries(Some(at), 1).await;
    assert!(keys_of(&entries).contains("z"));
    assert_eq!(city.n_pending().await, 1);
}

#[tokio::test]
async fn acknowledgements_survive_a_crash_in_the_cursor() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    let batch = city.table().read(None, 10).await.unwrap();
    let stored = Cursor::encode(&batch.upto).unwrap();
    city.table().settled(&stored.decode().unwrap()).await.unwrap();
    assert_eq!(city.n_pending().await, 0);
}
