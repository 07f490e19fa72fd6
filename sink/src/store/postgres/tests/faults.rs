//! Failures of a running server: transient ones, permanent ones, and rows that are refused.

use contract::{Checkpoints, Fault, FaultKind, Outcomes, Store};

use super::{PostgresTestStore, connect};
use crate::store::suite::{
    keep,
    sample::{at, hotline, id, intake, read, record},
    stored,
};

pub(super) fn stops_with(fault: &Fault, what: &str) {
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains(what), "{fault}");
}

/// Makes the database raise an error instead of adding the rows of a table for which `condition` holds.
async fn refuse_rows(served: &PostgresTestStore, table: &str, condition: &str, error: &str) {
    let sql = format!(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE {error}; END $$;
         CREATE TRIGGER no BEFORE INSERT ON {table} FOR EACH ROW WHEN ({condition})
         EXECUTE FUNCTION no()"
    );
    served.tell(&sql).await;
}

#[tokio::test]
async fn a_backend_that_ends_half_way_is_a_transient_fault_and_nothing_is_kept() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one")])])).await;
    let two = connect(&served.url).await;
    let mut lock = two.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM demand FOR UPDATE").execute(&mut *lock).await.unwrap();
    let second = intake([&read(2, [record("a", "two"), record("b", "two")])]);
    let kill = async {
        served.until_waiting(1).await;
        served
            .tell(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .await;
    };
    let (ended, ()) = tokio::join!(served.store.store(&second), kill);
    let fault = ended.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    lock.rollback().await.unwrap();
    assert!(served.store.demand(&id("b")).await.unwrap().is_none());
    assert_eq!(keep(&served.store, &second).await, stored(2));
}

#[tokio::test]
async fn after_a_report_of_damage_nothing_is_written() {
    let served = PostgresTestStore::new().await;
    let damage = "'invalid page in block 7' USING ERRCODE = 'XX001'";
    refuse_rows(&served, "receipt", "true", damage).await;
    let first = served.store.store(&intake([&read(1, [record("a", "one")])])).await.unwrap_err();
    stops_with(&first, "restore the last backup");
    let other = served.store.separate_handle();
    assert_eq!(other.damaged().await.to_string(), first.to_string());
    let second = other.reserve(&hotline(), 0, 1).await.unwrap_err();
    assert_eq!(second.to_string(), first.to_string());
}

#[tokio::test]
async fn a_row_that_the_database_refuses_costs_itself_only() {
    let served = PostgresTestStore::new().await;
    let keys = "NEW.source_key IN ('k7', 'k131')";
    refuse_rows(&served, "demand", keys, "'rejected by a trigger'").await;
    // Too long for an index, and not compressible.
    let long = String::from_iter((0..1_300_u32).map(|n| char::from_u32(0x4e00 + n * 13).unwrap()));
    let mut keys: Vec<String> = (0..250).map(|n| format!("k{n}")).collect();
    keys[40].clone_from(&long);
    let whole = intake([&read(1, keys.iter().map(|key| record(key, "text")))]);
    assert_eq!(keep(&served.store, &whole).await, Outcomes { quarantined: 3, ..stored(247) });
    for (key, why) in
        [("k7", "by a trigger"), ("k131", "by a trigger"), (long.as_str(), "index row")]
    {
        let row = served.store.quarantine_show(&id(key)).await.unwrap().unwrap();
        assert_eq!(row.reason, "refused_by_database");
        assert!(row.detail.contains(why) && row.raw.is_some(), "{}", row.detail);
    }
}

#[tokio::test]
async fn a_database_that_refuses_everything_stops_the_sink() {
    let served = PostgresTestStore::new().await;
    served.tell("ALTER TABLE receipt ADD CONSTRAINT no CHECK (events < 0)").await;
    let fault = served.store.store(&intake([&read(1, [record("a", "one")])])).await.unwrap_err();
    stops_with(&fault, "check whether somebody changed the tables");
    assert!(served.store.demand(&id("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn another_key_is_refused_even_if_two_bind_at_once() {
    let served = PostgresTestStore::new().await;
    let two = served.again().await;
    let (one, other) = ([(1, "check".to_owned())], [(2, "0ther".to_owned())]);
    let (a, b) = tokio::join!(served.store.bind_key(&one), two.bind_key(&other));
    assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1, "{a:?} {b:?}");
    let fault = a.err().or(b.err()).unwrap();
    stops_with(&fault, "restore the key file of key");
    assert!(!fault.to_string().contains("0ther"), "{fault}");
}

#[tokio::test]
async fn a_fault_that_quotes_a_nul_is_noted() {
    let served = PostgresTestStore::new().await;
    let fault = Fault::transient("it said \0");
    served.store.note(&hotline(), &fault, at(1)).await.unwrap();
    let status = served.store.status().await.unwrap();
    assert_eq!(status[0].fault.as_deref(), Some("it said ␀"));
}

#[tokio::test]
async fn a_pooler_without_sessions_is_named_and_waiting_does_not_help() {
    let served = PostgresTestStore::new().await;
    let one = connect(&served.url).await;
    for (code, text) in [
        ("42P05", "prepared statement \"sqlx_s_1\" already exists"),
        ("26000", "prepared statement \"sqlx_s_1\" does not exist"),
        ("08P01", "unsupported startup parameter: options"),
    ] {
        let raise = format!("DO $$ BEGIN RAISE '{text}' USING ERRCODE = '{code}'; END $$");
        let mut tx = one.begin().await.unwrap();
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(raise)).execute(&mut *tx).await.unwrap_err();
        stops_with(
            &super::super::fault::fault("here", "keep an intake", &error),
            "pool_mode = session",
        );
    }
}
