//! `tonghui reconcile` finds by id what the store lacks, and `tonghui position` moves a channel.

use std::{fs, path::Path, sync::Arc, time::Duration};

use sandbox::{Clock, Pace};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use system_tests::{
    gateway_process::{Gateway, command},
    world::World,
};
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    task::{block_in_place, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use crate::{
    new_channel::{book, folder, tonghui},
    repair,
};

/// A channel whose source has these orders, all of which are stored.
fn read_once(orders: u64) -> TempDir {
    let folder = folder("process");
    let order = |id: u64| {
        json!({
            "id": format!("D-{id}"), "version": 1, "title": format!("路灯不亮 {id}"),
            "content": "小区南门的路灯不亮，请派人修理", "created": "2026-11-20 08:00:00",
        })
    };
    let lines: String = (1..=orders).map(|id| format!("{}\n", order(id))).collect();
    fs::write(folder.path().join("channels/new/orders.jsonl"), lines).unwrap();
    tonghui(folder.path(), &["sync", "new"]);
    assert_eq!(book(folder.path())["stored"], orders);
    folder
}

/// The exit code of a command, and the JSON document that it printed.
pub(super) fn run(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = command().unwrap();
    command.args(arguments).args(["--format", "json", "--config"]).arg(folder);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report)
}

pub(super) async fn store(folder: &Path) -> SqliteConnection {
    let file = folder.join("data/tonghui.db");
    SqliteConnectOptions::new().filename(file).foreign_keys(false).connect().await.unwrap()
}

#[tokio::test]
async fn what_the_store_lost_or_changed_is_named_by_key_and_repaired() {
    let folder = read_once(300);
    assert_eq!(run(folder.path(), &["reconcile", "new"]).0, 0);
    let mut store = store(folder.path()).await;
    for change in [
        "DELETE FROM demand WHERE source_key IN ('D-7', 'D-250')",
        "UPDATE demand SET digest = zeroblob(16) WHERE source_key = 'D-8'",
        "UPDATE demand SET id = 'ffffffff-ffff-4fff-8fff-ffffffffffff', source_key = 'D-0' WHERE source_key = 'D-9'",
    ] {
        assert_ne!(sqlx::query(change).execute(&mut store).await.unwrap().rows_affected(), 0);
    }
    let (code, report) = run(folder.path(), &["reconcile", "new"]);
    assert_eq!((code, &report["in_source"]), (1, &json!(300)), "{report}");
    assert_eq!(report["missing"], json!(["D-250", "D-7", "D-9"]));
    assert_eq!(report["different"], json!(["D-8"]));
    assert_eq!(report["only_stored"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["repaired"], Value::Null);

    let (code, report) = run(folder.path(), &["reconcile", "new", "--repair"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        (&report["repaired"]["missing"], &report["repaired"]["different"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(run(folder.path(), &["reconcile", "new"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_adds_while_a_service_compares_it_is_not_missing() {
    let world = Arc::new(World::open(sandbox::Settings::new(6, Clock::machine())).await.unwrap());
    world.edit_channel("every = \"15s\"", "every = \"500ms\"").unwrap();
    world.hotline.file(500).await.unwrap();
    let mut gateway = Gateway::start(&world).unwrap();
    repair::until(&mut gateway, "settled");
    let filed = CancellationToken::new();
    let filing = spawn_blocking({
        let (world, filed) = (Arc::clone(&world), filed.clone());
        let pace = Pace { records: 0, over: Duration::from_secs(1), then_per_second: 50 };
        move || Handle::current().block_on(world.hotline.live(pace, filed))
    });
    let compare = || repair::run(&world, &["reconcile", "hotline"]);
    let compared = block_in_place(|| [compare(), compare(), compare()]);
    filed.cancel();
    filing.await.unwrap().unwrap();
    for (code, report, said) in &compared {
        assert_eq!((*code, &report["missing"]), (Some(0), &json!([])), "{report} {said}");
    }
    let [.., (_, last, _)] = compared;
    assert!(last["in_source"].as_u64() > Some(500), "nothing was added: {last}");
}

#[test]
fn a_position_is_shown_moved_and_audited() {
    let folder = read_once(3);
    let (code, shown) = run(folder.path(), &["position", "new"]);
    assert_eq!((code, shown["position"].is_object()), (0, true), "{shown}");
    for nonsense in ["no json", "{\"page\": 3}"] {
        assert_ne!(run(folder.path(), &["position", "new", "set", nonsense]).0, 0, "{nonsense}");
    }
    assert_eq!(run(folder.path(), &["position", "new"]).1, shown, "a refused position was set");

    assert_eq!(run(folder.path(), &["position", "new", "reset"]).0, 0);
    assert_eq!(run(folder.path(), &["position", "new"]).1["position"], Value::Null);
    tonghui(folder.path(), &["sync", "new"]);
    let books = book(folder.path());
    let counts = (&books["read"], &books["stored"], &books["unchanged"]);
    assert_eq!(counts, (&json!(6), &json!(3), &json!(3)), "{books}");

    let end = shown["position"].to_string();
    assert_eq!(run(folder.path(), &["position", "new", "set", &end]).0, 0);
    tonghui(folder.path(), &["sync", "new"]);
    assert_eq!(book(folder.path())["read"], 6);
    let audit = tonghui(folder.path(), &["audit"]);
    assert_eq!(audit.matches("position").count(), 2, "{audit}");
}

#[test]
fn the_position_of_a_push_channel_can_be_reset_and_not_set() {
    let folder = read_once(1);
    let channel = "name = \"app\"\nconnector = \"webhook\"\n[schedule]\nevery = \"1m\"\n[webhook]\nauth = \"none\"\n\
                   key = \"$.id\"\n[demand]\nsource_no = \"$.id\"\n";
    fs::write(folder.path().join("channels/new/channel.toml"), channel).unwrap();
    let place = r#"{"epoch":"e","number":7}"#;
    assert_ne!(run(folder.path(), &["position", "new", "set", place]).0, 0);
    assert!(run(folder.path(), &["position", "new"]).1["position"].is_object());
    assert_eq!(run(folder.path(), &["position", "new", "reset"]).0, 0);
    assert_eq!(run(folder.path(), &["position", "new"]).1["position"], Value::Null);
}

#[test]
fn a_source_that_cannot_be_listed_says_so() {
    for (kind, why) in [("webhook", "cannot be asked again"), ("files", "not read again")] {
        let folder = folder(kind);
        fs::write(folder.path().join("channels/new/url"), "drop").unwrap();
        fs::create_dir_all(folder.path().join("channels/new/drop")).unwrap();
        for arguments in [&["reconcile", "new"][..], &["flight", "republish", "new"]] {
            let mut again = command().unwrap();
            again.args(arguments).arg("--config").arg(folder.path());
            let output = again.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains(why), "{kind}: {said}");
            assert!(kind != "webhook" || said.contains("`tonghui flight write-off new"), "{said}");
        }
    }
}
