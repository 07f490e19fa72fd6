//! Tests the first steps of a newcomer: `tonghui demo --once`, and the tutorial in CONTRIBUTING.md. A shell runs
//! the commands of the tutorial with the real binary, and a test server answers as the tutorial says. The
//! connector in CONTRIBUTING.md must be the example that the conformance suite runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use contract::{
    ChannelId, DemandId, RecordKey,
    demand::{Kind, Status},
};
use serde_json::Value;
use sink::store::{Access, Database, Sqlite};
use sqlx::{Connection, SqliteConnection};
use system_tests::{
    gateway_process,
    gateway_process::command,
    world::{Reply, TestServer},
};

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

    // The books count what arrived. Only the source knows whether that is everything.
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
async fn the_demo_shows_its_progress_alone_and_the_file_that_it_names_can_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = command().unwrap();
    demo.args(["demo", "--once", "--records"]).arg(RECORDS.to_string());
    let ended = demo.current_dir(folder.path()).env_remove("TONGHUI_LOG").output().unwrap();
    let (shown, said) =
        (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    let mut lines = said.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("the city has 300 demands: ")));
    let (_, named) = lines.next().unwrap().split_once("pulling into ").unwrap();
    for line in lines {
        let (_, progress) = line.split_once(": ").unwrap();
        let (read, all) = progress.split_once(" of ").unwrap_or_else(|| panic!("{said}"));
        // A machine that is busy for seconds is trouble, which is shown too.
        let [read, all] = [read, all.split(';').next().unwrap()].map(|n| n.parse::<u64>().unwrap());
        assert!(read <= all, "{said}");
    }
    assert!(shown.contains("books balanced; ") && shown.contains(" MiB of memory"), "{shown}");

    let copy = folder.path().join("copy.db");
    fs::copy(folder.path().join(named), &copy).unwrap();
    let stored = "SELECT count(*) FROM demand";
    let stored: u32 = sqlx::query_scalar(stored).fetch_one(&mut open(&copy).await).await.unwrap();
    assert!(stored as usize > RECORDS * 7 / 10, "{stored} demands are in the copy");
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

#[tokio::test]
async fn an_audit_log_that_somebody_empties_is_missed_in_the_mark_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path());
    let tonghui = |arguments: &[&str]| {
        let mut tonghui = command().unwrap();
        tonghui.args(arguments).args(["--format", "json", "--config"]);
        tonghui.arg(folder.path().join("config")).output().unwrap()
    };
    let verify = || {
        let ended = tonghui(&["audit", "verify"]);
        let found: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(ended.status.success(), found["flaw"].is_null(), "{found}");
        found
    };
    // The mark notes the last row when the store is opened for the next one.
    for command in ["pause", "resume"] {
        assert!(tonghui(&[command, "hotline"]).status.success());
    }
    let whole = verify();
    assert_eq!(
        (&whole["rows"], &whole["unproven"], &whole["flaw"]),
        (&2.into(), &0.into(), &Value::Null)
    );
    let mut store = open(&folder.path().join("config/data/tonghui.db")).await;
    for sql in ["DELETE FROM audit", "DELETE FROM audit_end"] {
        sqlx::query(sql).execute(&mut store).await.unwrap();
    }
    store.close().await.unwrap();
    for n_rows in [0, 1] {
        let found = verify();
        assert_eq!(found["rows"], n_rows);
        assert!(found["flaw"].as_str().unwrap().contains(".tonghui-store"), "{found}");
        assert!(tonghui(&["pause", "hotline"]).status.success());
    }
}

#[tokio::test]
async fn books_of_which_rows_were_deleted_do_not_balance() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path());
    assert_eq!(ledger(&books(folder.path()))["missing"], 0);
    let mut store = open(&folder.path().join("config/data/tonghui.db")).await;
    for sql in [
        "PRAGMA foreign_keys = OFF",
        "DELETE FROM demand_raw",
        "DELETE FROM demand_history",
        "DELETE FROM demand",
    ] {
        sqlx::query(sql).execute(&mut store).await.unwrap();
    }
    let ended = books(folder.path());
    let ledger = ledger(&ended);
    assert_eq!((ended.status.code(), &ledger["balanced"]), (Some(1), &Value::Bool(false)));
    let stored = ["stored", "stored_by_orphans"].map(|count| {
        let channels = ledger["channels"].as_array().unwrap().iter();
        channels.filter_map(|channel| channel[count].as_u64()).sum::<u64>()
    });
    assert_eq!(ledger["missing"], stored.iter().sum::<u64>(), "{ledger}");
}

/// The code blocks in a language below a heading, in order.
fn blocks(text: &str, heading: &str, language: &str) -> Vec<String> {
    let (_, section) = text.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    for part in section.split(&format!("\n```{language}\n")).skip(1) {
        blocks.push(part.split("\n```").next().unwrap().to_owned());
    }
    blocks
}

/// Runs commands in `folder`; returns what they printed.
fn run(script: &str, folder: &Path) -> String {
    let tonghui = PathBuf::from(gateway_process::command().unwrap().get_program());
    let path = format!(
        "{}:{}",
        tonghui.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let noted = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{noted}");
    said + &noted
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_leads_from_nothing_to_the_first_demand_in_the_store() {
    let text = include_str!("../../CONTRIBUTING.md");
    let answer = blocks(text, "\n## Adding a channel\n", "json").concat();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let site = TestServer::open(move |request| {
        heard.lock().unwrap().push((request.target.clone(), request.header("x-parks-key")));
        Reply::json(answer.clone())
    })
    .await
    .unwrap();
    let commands = blocks(text, "\n## Adding a channel\n", "sh").join("\n");
    assert!(commands.contains("channel new") && commands.contains("sync"), "{commands}");
    let commands = commands.replace("https://parks.example", site.url());

    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let said = tokio::task::spawn_blocking(move || run(&commands, &place)).await.unwrap();
    assert!(said.contains("no problems; channels: 1"), "{said}");

    let store = folder.path().join("city/data/tonghui.db");
    let store = Database::Sqlite(Sqlite::open(store, Access::ReadOnly).await.unwrap());
    let demand = |key: &str| {
        let (store, key) = (store.clone(), contract::RecordKey::new(key));
        async move { store.current(&"parks".parse().unwrap(), &key).await.unwrap().unwrap() }
    };
    let body = demand("P-2026-77").await.body;
    assert_eq!(body.title.as_deref(), Some("长椅损坏"));
    assert_eq!(body.content.as_deref(), Some("湖边第三张长椅断了一根木条， 孩子容易划伤。"));
    assert_eq!((body.kind, body.status), (Some(Kind::Help), Some(Status::Pending)));
    assert_eq!(body.region.as_deref(), Some("340202"));
    assert_eq!(body.received_at.unwrap().to_rfc3339(), "2026-10-09T02:30:00+00:00");
    assert_eq!(body.people[0].phone.as_ref().unwrap().mask, "138****1234");
    assert_eq!(demand("P-2026-78").await.body.kind, Some(Kind::Praise));

    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(_, key)| key.as_deref() == Some("made-up-key")), "{asked:?}");
    // The trace shows the requests but not the key; the fixture and the output show no person.
    assert!(said.contains("/v2/tickets?limit=50") && !said.contains("made-up-key"), "{said}");
    let fixture = folder.path().join("city/channels/parks/fixtures/page.json");
    let fixture = fs::read_to_string(fixture).unwrap();
    for personal in ["王小明", "13800001234", "赵一", "3812345", "李某"] {
        assert!(!fixture.contains(personal), "{personal} is in the fixture: {fixture}");
        assert!(!said.contains(personal), "{personal} is shown: {said}");
    }
    assert!(!fixture.contains("长椅损坏") && fixture.contains("镜湖区"), "{fixture}");
}

#[test]
fn the_connector_of_the_page_is_the_one_that_the_suite_runs() {
    let text = include_str!("../../CONTRIBUTING.md");
    let of = |language| blocks(text, "\n## Adding a kind of source\n", language);
    let crates = |file: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/testkit/example");
        fs::read_to_string(folder.join(file)).unwrap().trim_end().to_owned()
    };
    assert_eq!(of("toml"), [crates("Cargo.toml")]);
    assert_eq!(of("rust"), ["src/lib.rs", "tests/promises.rs"].map(crates));
}
