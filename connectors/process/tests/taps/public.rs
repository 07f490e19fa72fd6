//! An existing tap, unchanged: `tap-rest-api` from the public index, pinned by hash in `singer-tap.txt`
//! and installed by `cargo xtask setup`. It connects only to loopback addresses.

use std::path::PathBuf;

use connector_process::{Cursor, Process};
use contract::{Connector as _, Entry};
use serde_json::json;

use super::{batches, process, server::Server};

fn tap(folder: &tempfile::TempDir, server: &Server) -> Process {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = repository.join("target/singer/bin/tap-rest-api");
    assert!(program.exists(), "there is no tap: `cargo xtask setup` installs one");
    let schema = json!({ "type": "object", "properties": {
        "id": { "type": "integer" }, "title": { "type": ["null", "string"] },
    } });
    std::fs::create_dir_all(folder.path().join("schema")).unwrap();
    std::fs::write(folder.path().join("schema/orders.json"), schema.to_string()).unwrap();
    process(
        folder.path(),
        json!({
            "command": [program], "protocol": "singer",
            "config": {
                "url": format!("http://127.0.0.1:{}/orders?after={{start_index}}&limit={{items_per_page}}&offset={{current_offset}}", server.port),
                "schema": "orders", "schema_dir": "schema",
                "index_keys": { "orders": "id" }, "start_index": 0, "items_per_page": 10,
                "record_list_level": "$[*]", "auth_method": "no_auth",
            },
            "singer": { "stream": "orders", "key": ["id"] },
        }),
    )
}

#[tokio::test]
async fn an_existing_tap_runs_unchanged_and_continues_from_its_state() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().await);
    server.add(25);
    let (found, at) = batches(&mut tap(&folder, &server), None, 7).await;
    let all: Vec<String> = (1..=25).map(|id| id.to_string()).collect();
    assert_eq!(found.concat(), all);
    let state = serde_json::to_value(&at).unwrap()["singer"]["state"].clone();
    assert_eq!(state["bookmarks"]["orders"]["last_update"], 25, "{state}");

    server.add(3);
    let mut later = tap(&folder, &server);
    let batch = later.read(Some(&at), 100).await.unwrap();
    let found: Vec<String> = batch.entries.iter().map(super::key).collect();
    assert_eq!(found, ["26", "27", "28"]);
    let Entry::Record(record) = &batch.entries[0] else { panic!("{batch:?}") };
    assert_eq!(record.body.tree()["title"], "路灯不亮 26");
    let Cursor::Singer(_) = batch.upto else { panic!() };
}
