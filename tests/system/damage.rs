//! A store whose file is damaged: whatever runs on it ends with an error, even if all sources were read.

use std::{fs, path::Path};

use sandbox::{Clock, Settings};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use system_tests::{gateway_process::command, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_ends_a_pass_and_a_service_even_if_only_an_index_reads_it() {
    let world = World::open(Settings::new(53, Clock::machine())).await.unwrap();
    world.hotline.file(20).await.unwrap();
    let run = |arguments: &[&str]| {
        tokio::task::block_in_place(|| {
            let mut command = command().unwrap();
            command.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
            let ended = command.output().unwrap();
            let said = [ended.stdout, ended.stderr].concat();
            (ended.status.code(), String::from_utf8(said).unwrap())
        })
    };
    assert_eq!(run(&["sync", "--all"]).0, Some(0));
    damage(&world.config().join("data/tonghui.db"), "demand_history").await;
    // Nothing is new, so the sink does not touch the page.
    for arguments in [&["sync", "--all"][..], &["run"], &["sync", "--all"]] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the file is damaged; stop the gateway"), "{said}");
        assert!(!said.contains(": done"), "{said}");
    }
}

/// Overwrites the first page of a table.
async fn damage(file: &Path, table: &str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut store).await.unwrap();
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_master WHERE name = ?")
        .bind(table.to_owned())
        .fetch_one(&mut store)
        .await
        .unwrap();
    let size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut store).await.unwrap();
    store.close().await.unwrap();
    let (start, size) =
        (usize::try_from((page - 1) * size).unwrap(), usize::try_from(size).unwrap());
    let mut bytes = fs::read(file).unwrap();
    bytes[start..start + size].fill(0xff);
    fs::write(file, bytes).unwrap();
}
