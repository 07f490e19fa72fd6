//! Tests of what only SQLite does. `store/tests/suite.rs` has the tests that every store must pass.

use std::{collections::BTreeSet, fs};

use contract::{Checkpoints, FaultKind, Outcomes, Store};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Identity, Sqlite, fault::fault};
use crate::{
    bus::BusKey,
    store::{
        Access, AuditEntry, Database,
        demands::{
            columns::COLUMNS,
            known,
            plan::{Exclusions, plan},
            write::write,
        },
        suite::{
            keep,
            sample::{at, bad, confirm, hotline, id, intake, read, read_from, record, with_body},
            stored,
        },
        tests::SqliteTestStore,
    },
};

async fn ask<T>(store: &Sqlite, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    sqlx::query_scalar(sql).fetch_one(store.writer.as_ref().unwrap()).await.unwrap()
}

async fn tell(store: &Sqlite, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(store.writer.as_ref().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_on_the_disk() {
    let file = SqliteTestStore::new().await;
    assert_eq!(ask::<String>(&file.sqlite, "PRAGMA journal_mode").await, "wal");
    assert_eq!(ask::<i64>(&file.sqlite, "PRAGMA synchronous").await, 2, "2 is FULL");
    assert_eq!(ask::<i64>(&file.sqlite, "PRAGMA foreign_keys").await, 1);
}

#[tokio::test]
async fn the_table_has_the_columns_of_the_list() {
    let file = SqliteTestStore::new().await;
    let names: String =
        ask(&file.sqlite, "SELECT group_concat(name) FROM pragma_table_info('demand')").await;
    let own = ["seq", "revision", "read_no", "mapping", "first_seen_at", "last_seen_at"];
    let expected: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).chain(own).collect();
    assert_eq!(names.split(',').collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn another_key_is_refused() {
    let file = SqliteTestStore::new().await;
    file.store.bind_key(&[(1, "check".to_owned())]).await.unwrap();
    file.store.bind_key(&[(1, "check".to_owned())]).await.unwrap();
    for (key_id, check_value) in [(1, "0ther"), (2, "check")] {
        let fault = file.store.bind_key(&[(key_id, check_value.to_owned())]).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("restore the key file of key 1"), "{fault}");
        assert!(!fault.to_string().contains("0ther"), "{fault}");
    }
}

#[tokio::test]
async fn a_file_is_told_from_others_and_from_its_own_earlier_copies() {
    let (one, other) = (SqliteTestStore::new().await, SqliteTestStore::new().await);
    let first = one.sqlite.count_use().await.unwrap();
    assert_ne!(first.id, 0);
    assert_ne!(first.id, other.sqlite.count_use().await.unwrap().id);
    let second = one.sqlite.count_use().await.unwrap();
    assert_eq!(second, Identity { uses: first.uses + 1, ..first });
    let path = one.folder.path().join("t.db");
    assert_eq!(Sqlite::identity(&path).await.unwrap(), second);
    // What was written last is only in the -wal file, which such a copy lacks.
    let copy = one.folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert_ne!(Sqlite::identity(&copy).await.unwrap(), second);
    let fault = Sqlite::open(&copy, Access::ReadOnly).await.unwrap_err().to_string();
    assert!(fault.contains("-wal file") && !fault.contains("start the gateway once"), "{fault}");
}

#[tokio::test]
async fn a_row_of_the_audit_log_that_has_another_number_is_found() {
    let file = SqliteTestStore::new().await;
    let store = file.store.clone().with_audit_key(Some(BusKey::new([7; 32])));
    let text = String::new;
    let entry =
        |n| AuditEntry { at: at(n), who: text(), action: text(), subject: text(), detail: text() };
    for n in 1..=3 {
        store.write_audit(&entry(n)).await.unwrap();
    }
    for (done, undone) in [
        ("UPDATE audit SET seq = 0 WHERE seq = 1", "UPDATE audit SET seq = 1 WHERE seq = 0"),
        ("UPDATE audit SET seq = 9 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 9"),
        ("UPDATE audit SET seq = -seq", "UPDATE audit SET seq = -seq"),
    ] {
        assert_eq!(store.check_audit(None).await.unwrap().flaw, None, "before {done}");
        tell(&file.sqlite, done).await;
        assert!(store.check_audit(None).await.unwrap().flaw.is_some(), "{done}");
        tell(&file.sqlite, undone).await;
    }
}

#[tokio::test]
async fn a_row_that_the_database_refuses_costs_itself_only() {
    let file = SqliteTestStore::new().await;
    tell(
        &file.sqlite,
        "CREATE TRIGGER no BEFORE INSERT ON demand WHEN new.source_key IN ('k7', 'k131')
         BEGIN SELECT RAISE(ABORT, 'rejected by a trigger'); END",
    )
    .await;
    let keys: Vec<String> = (0..250).map(|n| format!("k{n}")).collect();
    let whole = intake([&read(1, keys.iter().map(|key| record(key, "text")))]);
    assert_eq!(keep(&file.store, &whole).await, Outcomes { quarantined: 2, ..stored(248) });
    for key in ["k7", "k131"] {
        let row = file.store.quarantine_show(&id(key)).await.unwrap().unwrap();
        assert_eq!(row.reason, "refused_by_database");
        assert!(row.detail.contains("rejected by a trigger") && row.raw.is_some(), "{row:?}");
    }
}

#[tokio::test]
async fn a_database_that_refuses_everything_stops_the_sink() {
    let file = SqliteTestStore::new().await;
    tell(
        &file.sqlite,
        "CREATE TRIGGER no BEFORE INSERT ON receipt BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    let fault = file.store.store(&intake([&read(1, [record("a", "one")])])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(file.store.demand(&id("a")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_do_not_disturb_each_other() {
    let file = SqliteTestStore::new().await;
    let path = file.folder.path().join("t.db");
    let (one, two) = tokio::join!(
        Sqlite::open(&path, Access::ReadWrite),
        Sqlite::open(&path, Access::ReadWrite)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let work = async |store: &Sqlite, reads: Vec<u64>| {
        let store = Database::Sqlite(store.clone());
        for read_no in reads {
            let texts = (0..20).map(|n| record(&format!("k{n}"), &format!("text {read_no}")));
            let whole = intake([&read(read_no, texts)]);
            // Competing writers may only get transient faults.
            while let Err(fault) = store.store(&whole).await {
                assert!(fault.is_transient(), "{fault}");
            }
        }
    };
    let odd = (1..60).filter(|n| n % 2 == 1).collect();
    let even = (1..60).filter(|n| n % 2 == 0).collect();
    tokio::join!(work(&one, odd), work(&two, even));
    assert_eq!(ask::<String>(&one, "PRAGMA integrity_check").await, "ok");
    assert_eq!(ask::<i64>(&two, "SELECT count(*) FROM demand_history").await, 59 * 20);
    let newest = "SELECT count(*) FROM demand WHERE content = 'text 59'";
    assert_eq!(ask::<i64>(&one, newest).await, 20);
}

#[tokio::test]
async fn a_plan_that_a_newer_state_overtook_is_not_written() {
    let file = SqliteTestStore::new().await;
    keep(&file.store, &intake([&read(1, [record("a", "old")])])).await;
    let newer = intake([&read(2, [record("a", "newer")])]);
    let mut tx = file.store.begin("plan").await.unwrap();
    let known = known::load(&mut tx, &newer).await.unwrap();
    tx.roll_back().await;
    let overtaken = plan(&newer, &known, &Exclusions::new());
    keep(&file.store, &intake([&read(3, [record("a", "newest")])])).await;
    let mut tx = file.store.begin("write").await.unwrap();
    assert!(!write(&mut tx, &overtaken).await.unwrap());
}

#[tokio::test]
async fn a_locked_file_is_a_transient_fault() {
    let file = SqliteTestStore::new().await;
    let lock = file.sqlite.begin().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file.folder.path().join("t.db"))
        .busy_timeout(std::time::Duration::ZERO);
    let mut other: sqlx::SqliteConnection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let error = sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap_err();
    assert!(fault("here", "begin", &error).is_transient());
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn after_a_full_disk_the_store_goes_on() {
    let SqliteTestStore { store, sqlite, folder: _folder } = SqliteTestStore::new().await;
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    let pages: i64 = ask(&sqlite, "PRAGMA page_count").await;
    tell(&sqlite, &format!("PRAGMA max_page_count = {pages}")).await;
    let whole = intake([&read(2, (0..250).map(|n| record(&format!("k{n}"), "text")))]);
    let fault = store.store(&whole).await.unwrap_err();
    assert!(fault.is_transient() && fault.to_string().contains("full"), "{fault}");
    tell(&sqlite, "PRAGMA max_page_count = 1000000").await;
    assert_eq!(keep(&store, &whole).await, stored(250));
}

#[tokio::test]
async fn after_a_damaged_page_nothing_is_written_and_the_first_report_stays() {
    for table in ["demand_history", "receipt"] {
        let SqliteTestStore { store, sqlite, folder } = SqliteTestStore::new().await;
        keep(&store, &intake([&read(1, [record("a", "one")])])).await;
        let root = format!("SELECT rootpage FROM sqlite_master WHERE name = '{table}'");
        let page: i64 = sqlx::query_scalar(AssertSqlSafe(root))
            .fetch_one(sqlite.writer.as_ref().unwrap())
            .await
            .unwrap();
        let size: i64 = ask(&sqlite, "PRAGMA page_size").await;
        sqlite.close().await;
        let path = folder.path().join("t.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = usize::try_from((page - 1) * size).unwrap();
        bytes[at..at + usize::try_from(size).unwrap()].fill(0xff);
        std::fs::write(&path, bytes).unwrap();

        let sqlite = Sqlite::open(&path, Access::ReadWrite).await.unwrap();
        let (store, other) = (Database::Sqlite(sqlite.clone()), Database::Sqlite(sqlite));
        assert!(store.damage().is_none(), "nobody has read the page");
        let first = store.store(&intake([&read(2, [record("b", "two")])])).await.unwrap_err();
        assert_eq!(first.kind(), FaultKind::Stopped);
        for part in ["t.db", "the file is damaged", "restore the last backup", ".recover"] {
            assert!(first.to_string().contains(part), "{first}");
        }
        assert_eq!(other.damaged().await.to_string(), first.to_string());
        // This table is whole.
        let second = other.reserve(&hotline(), 0, 1).await.unwrap_err();
        assert_eq!((second.kind(), second.to_string()), (FaultKind::Stopped, first.to_string()));
    }
}

#[tokio::test]
async fn once_all_have_closed_it_the_file_is_whole_without_its_log() {
    for is_reading in [false, true] {
        let SqliteTestStore { store, folder, .. } = SqliteTestStore::new().await;
        keep(&store, &intake([&read(1, [record("a", "one")])])).await;
        let [path, log, copy] =
            ["t.db", "t.db-wal", "copy.db"].map(|name| folder.path().join(name));
        let log_size = || fs::metadata(&log).map_or(0, |about| about.len());
        let options = SqliteConnectOptions::new().filename(&path);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        let sql = if is_reading { "BEGIN; SELECT * FROM demand" } else { "SELECT * FROM demand" };
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
        assert!(log_size() > 0);
        store.close().await;
        // Who has it open without using it is in nobody's way; who is reading is not waited for.
        assert_eq!(log_size() > 0, is_reading);
        if is_reading {
            other.close().await.unwrap();
            assert_eq!(log_size(), 0);
        }
        fs::copy(&path, &copy).unwrap();
        let copy = Sqlite::open(&copy, Access::ReadOnly).await.unwrap();
        assert!(Database::Sqlite(copy).demand(&id("a")).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn who_looks_cannot_write_and_makes_no_file() {
    let file = SqliteTestStore::new().await;
    keep(&file.store, &intake([&read(1, [record("a", "one")])])).await;
    let path = file.folder.path().join("t.db");
    let looking = Sqlite::open(&path, Access::ReadOnly).await.unwrap();
    let looking = Database::Sqlite(looking);
    assert!(looking.demand(&id("a")).await.unwrap().is_some());
    let fault = looking.reserve(&hotline(), 0, 1).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    let missing = file.folder.path().join("missing.db");
    let fault = Sqlite::open(&missing, Access::ReadOnly).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("there is no store yet"), "{fault}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let file = SqliteTestStore::new().await;
    tell(
        &file.sqlite,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, x'00', 1)",
    )
    .await;
    let path = file.folder.path().join("t.db");
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let fault = Sqlite::open(&path, access).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("another version of the gateway"), "{fault}");
    }
}

#[tokio::test]
async fn a_file_of_an_older_version_is_not_read_before_a_start_has_brought_it_up_to_date() {
    let file = SqliteTestStore::new().await;
    let older = "DELETE FROM _sqlx_migrations
                 WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    for sql in [older, "DROP TABLE _sqlx_migrations"] {
        tell(&file.sqlite, sql).await;
        let path = file.folder.path().join("t.db");
        let fault = Sqlite::open(&path, Access::ReadOnly).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains("start the gateway once"), "{fault}");
    }
}

#[tokio::test]
async fn folded_books_say_the_same() {
    let SqliteTestStore { store, sqlite, folder: _folder } = SqliteTestStore::new().await;
    let skip = || with_body("s", contract::Revision::NONE, json!({ "skip": true }));
    for read_no in 1..=5 {
        let from = store.load(&hotline(), 0).await.unwrap();
        let records = (0..300).map(|n| record(&n.to_string(), &format!("text {}", read_no / 2)));
        let some = read_from(from, read_no, records.chain([bad("bad"), skip()]));
        // The fourth read is never kept.
        if read_no != 4 {
            keep(&store, &intake([&some])).await;
            keep(&store, &intake([&some])).await;
        }
        store.advance(&confirm(some).await).await.unwrap();
    }
    let before = store.books(None, None).await.unwrap();
    assert_eq!((before[0].in_flight, before[0].balanced), (301, None));
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 3);
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 0);
    assert_eq!(store.books(None, None).await.unwrap(), before);
    assert_eq!(ask::<i64>(&sqlite, "SELECT sum(reads) FROM books_day").await, 3);
    assert_eq!(ask::<i64>(&sqlite, "SELECT count(*) FROM read").await, 2);
}

#[tokio::test]
async fn a_read_that_published_something_else_than_it_accepted_is_not_folded() {
    let SqliteTestStore { store, sqlite, folder: _folder } = SqliteTestStore::new().await;
    let from = store.load(&hotline(), 0).await.unwrap();
    let some = read_from(from, 1, [record("a", "text")]);
    keep(&store, &intake([&some])).await;
    store.advance(&confirm(some).await).await.unwrap();
    tell(&sqlite, "UPDATE read SET accepted = 0, skipped = 1").await;
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 0);
    assert_eq!(store.books(None, None).await.unwrap()[0].balanced, Some(false));
    tell(&sqlite, "UPDATE read SET accepted = 1, skipped = 0").await;
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 1);
}

#[tokio::test]
async fn the_bytes_of_every_state_are_kept() {
    let SqliteTestStore { store, folder: _folder, .. } = SqliteTestStore::new().await;
    for (read_no, text) in [(2, "new"), (1, "old")] {
        keep(&store, &intake([&read(read_no, [record("a", text)])])).await;
    }
    let history = store.history(&id("a")).await.unwrap();
    for (row, text) in history.iter().zip(["new", "old"]) {
        let raw = store.raw(row.seq).await.unwrap().unwrap();
        assert_eq!(raw.0, json!({ "text": text }).to_string().into_bytes());
    }
    let status = store.status().await.unwrap();
    assert!(status.is_empty(), "a channel stands somewhere once it has advanced: {status:?}");
}

#[tokio::test]
async fn only_its_owner_can_read_a_new_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let filed = SqliteTestStore::new().await;
    keep(&filed.store, &intake([&read(1, [record("a", "one")])])).await;
    let mut names = Vec::new();
    for file in std::fs::read_dir(filed.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        names.push(file.file_name());
    }
    assert!(names.len() >= 2, "{names:?}");
}
