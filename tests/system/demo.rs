//! The first thing anybody runs: `tonghui demo --once`, the real binary from an empty folder to
//! balanced books.

use std::{path::Path, process::Output};

use contract::{ChannelId, DemandId, RecordKey};
use serde_json::Value;
use sink::store::{Access, Database, Sqlite};
use sqlx::{Connection, SqliteConnection};
use system_tests::gateway_process::command;

const RECORDS: usize = 300;

fn demo(folder: &Path) -> Output {
    let mut demo = command().unwrap();
    demo.args(["demo", "--once", "--format", "json", "--records"]).arg(RECORDS.to_string());
    demo.arg("--dir").arg(folder).output().unwrap()
}

fn books(folder: &Path) -> Output {
    let mut books = command().unwrap();
    books.args(["books", "--format", "json", "--config"]).arg(folder.join("config"));
    books.output().unwrap()
}

fn ledger(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn open(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap()
}

#[tokio::test]
async fn the_demo_keeps_every_case_of_its_city_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let ended = demo(folder.path());
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let ledger = ledger(&ended);
    assert_eq!(ledger["balanced"], true, "{ledger}");
    let channels = ledger["channels"].as_array().unwrap();
    let read: u64 = channels.iter().filter_map(|channel| channel["read"].as_u64()).sum();
    assert!(read >= RECORDS as u64, "{ledger}");
    assert!(channels.len() >= 7 && channels.iter().all(|channel| channel["read"] != 0), "{ledger}");

    // The books count what arrived; whether that is everything only the source can say.
    let mut hotline = open(&folder.path().join("hotline.db")).await;
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT ROWGUID FROM CNS_CINFO").fetch_all(&mut hotline).await.unwrap();
    assert!(keys.len() > RECORDS * 7 / 10, "{} cases are left", keys.len());
    let file = folder.path().join("config/data/tonghui.db");
    let store = Database::Sqlite(Sqlite::open(&file, Access::ReadOnly).await.unwrap());
    let channel: ChannelId = "hotline".parse().unwrap();
    for key in keys {
        let key = RecordKey::new(key);
        let is_kept = store.current(&channel, &key).await.unwrap().is_some();
        let id = DemandId::of(&channel, &key);
        assert!(is_kept || store.quarantine_show(&id).await.unwrap().is_some(), "{key} was lost");
    }
}

#[tokio::test]
async fn books_that_do_not_balance_are_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path());
    assert_eq!(books(folder.path()).status.code(), Some(0));
    let mut store = open(&folder.path().join("config/data/tonghui.db")).await;
    let one_less = "UPDATE receipt SET stored = stored - 1 WHERE channel = 'hotline' AND read_no = 1 AND part = 0";
    assert_eq!(sqlx::query(one_less).execute(&mut store).await.unwrap().rows_affected(), 1);
    let ended = books(folder.path());
    assert_eq!((ended.status.code(), &ledger(&ended)["balanced"]), (Some(1), &Value::Bool(false)));
}
