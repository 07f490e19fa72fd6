//! `tonghui replay` and `tonghui quarantine retry` after a mapping was changed: what the store keeps is mapped again.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use system_tests::gateway_process::command;
use tempfile::TempDir;

use crate::{
    new_channel::{Running, book, folder, tonghui},
    reconcile::run,
};

const TITLE: &str = "title       = { at = \"$.title\", clean = \"html\" }";
/// Goes through the lists of an order again and again, which is too costly.
const COSTLY: &str = "title       = \"$..[*]..[*]..[*]..[*]..[*]..[*]\"";

/// The first or a later state of an order. Every second order has an area.
fn order(id: u64, version: u64, title: &str) -> Value {
    let deep = (0..60).fold(json!(1), |inner, n| json!([inner, n]));
    let mut order = json!({
        "id": format!("D-{id}"), "version": version, "title": title, "deep": deep,
        "content": "小区南门的路灯不亮，请派人修理", "created": "2026-11-20 08:00:00",
    });
    if id.is_multiple_of(2) {
        order["area"] = "镜湖区".into();
    }
    order
}

fn add(folder: &Path, orders: impl IntoIterator<Item = Value>) {
    let path = folder.join("channels/new/orders.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    for order in orders {
        writeln!(file, "{order}").unwrap();
    }
}

/// A channel whose source has these orders.
fn with_orders(orders: u64) -> TempDir {
    let folder = folder("process");
    fs::write(folder.path().join("channels/new/orders.jsonl"), "").unwrap();
    add(folder.path(), (1..=orders).map(|id| order(id, 1, "路灯不亮")));
    folder
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("channels/new/channel.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the channel file does not contain `{from}`");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// The result of a command that must succeed.
fn done(folder: &Path, arguments: &[&str]) -> Value {
    let (code, report) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {report}");
    report
}

fn counts(report: &Value) -> [u64; 5] {
    ["mapped", "changed", "unchanged", "rejected", "without_record"]
        .map(|name| report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {report}")))
}

async fn number(folder: &Path, sql: &'static str) -> i64 {
    let url = format!("sqlite:{}", folder.join("data/tonghui.db").display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut store).await.unwrap()
}

fn assert_balanced(folder: &Path) {
    let book = book(folder);
    assert_eq!((&book["balanced"], &book["in_flight"]), (&json!(true), &json!(0)), "{book}");
}

#[tokio::test]
async fn what_a_broken_mapping_rejected_is_stored_once_when_it_is_mended() {
    let folder = with_orders(10);
    let folder = folder.path();
    tonghui(folder, &["sync", "new"]);
    edit(folder, TITLE, COSTLY);
    add(folder, (11..=310).map(|id| order(id, 1, "路灯不亮")));
    tonghui(folder, &["sync", "new"]);
    let reasons = done(folder, &["quarantine", "list", "--by-reason"]);
    assert_eq!(reasons.as_array().unwrap().len(), 1, "{reasons}");
    assert_eq!(
        (&reasons[0]["reason"], &reasons[0]["records"]),
        (&json!("too_costly"), &json!(300))
    );
    let rejected = done(folder, &["quarantine", "retry", "new", "--dry-run"]);
    assert!(!tonghui(folder, &["audit"]).contains("quarantine retry"), "it changes nothing");
    assert_eq!(counts(&rejected), [0, 0, 0, 300, 0], "the mapping is still broken");
    assert_eq!(rejected["reasons"]["too_costly"]["records"], 300);
    assert_eq!(counts(&done(folder, &["quarantine", "retry", "new"]))[0], 0);

    // The mended mapping is an earlier one again.
    edit(folder, COSTLY, TITLE);
    let preview = done(folder, &["quarantine", "retry", "new", "--dry-run"]);
    assert_eq!(counts(&preview), [300, 300, 0, 0, 0]);
    assert_eq!(number(folder, "SELECT count(*) FROM demand").await, 10, "nothing was changed");
    let sample = id_of_one_reject(folder);
    assert_eq!(counts(&done(folder, &["quarantine", "retry", &sample]))[..2], [1, 1]);
    let again = run(folder, &["quarantine", "retry", &sample]);
    assert_ne!(again.0, 0, "it is no longer in quarantine");
    // A newer state of another one comes by itself.
    let live = if sample == id(folder, "D-300") { 299 } else { 300 };
    add(folder, [order(live, 2, "已修好")]);
    tonghui(folder, &["sync", "new"]);
    assert_eq!(counts(&done(folder, &["quarantine", "retry", "new"])), [298, 298, 0, 0, 0]);
    assert_eq!(counts(&done(folder, &["quarantine", "retry", "new"])), [0; 5]);

    assert_eq!(done(folder, &["quarantine", "list"]), json!([]));
    assert_eq!(number(folder, "SELECT count(*) FROM demand").await, 310);
    assert_eq!(number(folder, "SELECT count(*) FROM demand_history").await, 310);
    let mended = "SELECT count(*) FROM demand WHERE title = '已修好' AND revision = 2";
    assert_eq!(number(folder, mended).await, 1);
    assert_balanced(folder);
    let audit = tonghui(folder, &["audit"]);
    assert!(audit.contains("quarantine retry"), "{audit}");
}

/// The id of one record in quarantine.
fn id_of_one_reject(folder: &Path) -> String {
    let reasons = done(folder, &["quarantine", "list", "--by-reason"]);
    reasons[0]["sample"].as_str().unwrap().to_owned()
}

fn id(folder: &Path, key: &str) -> String {
    tonghui(folder, &["id", "new", key]).trim().to_owned()
}

#[tokio::test]
async fn a_replay_stores_what_the_new_mapping_changes_and_then_finds_nothing() {
    let folder = with_orders(50);
    let folder = folder.path();
    tonghui(folder, &["sync", "new"]);
    assert_eq!(counts(&done(folder, &["replay", "new"])), [0; 5], "it is today's mapping");
    let position = done(folder, &["position", "new"]);
    edit(folder, TITLE, &format!("{TITLE}\ngrid = \"$.area\""));
    let preview = done(folder, &["replay", "new", "--dry-run"]);
    assert_eq!(counts(&preview), [50, 25, 25, 0, 0]);
    assert_eq!(number(folder, "SELECT count(grid) FROM demand").await, 0);
    assert_eq!(counts(&done(folder, &["replay", "new", "--since", "2099-01-01"])), [0; 5]);
    assert_eq!(counts(&done(folder, &["replay", "new"])), [50, 25, 25, 0, 0]);
    assert_eq!(counts(&done(folder, &["replay", "new"])), [0; 5]);
    assert_eq!(number(folder, "SELECT count(grid) FROM demand").await, 25);
    assert_eq!(number(folder, "SELECT count(*) FROM demand WHERE mapping = 2").await, 50);
    assert_eq!(done(folder, &["position", "new"]), position);
    let books = book(folder);
    assert_eq!((&books["read"], &books["stored"]), (&json!(100), &json!(75)), "{books}");
    assert_balanced(folder);

    // What the mapping rejects, and what has lost its record, stays as it is.
    number(folder, "DELETE FROM demand_raw WHERE history = 1 RETURNING history").await;
    edit(folder, TITLE, COSTLY);
    let rejected = done(folder, &["replay", "new"]);
    let [mapped, _, _, rejects, without_record] = counts(&rejected);
    assert_eq!((mapped, rejects + without_record), (0, 50), "{rejected}");
    assert_eq!(number(folder, "SELECT count(*) FROM demand WHERE mapping = 2").await, 50);
    assert_eq!(done(folder, &["quarantine", "list"]), json!([]));
    // A mapping that is used again replaces what the one between has made.
    edit(folder, &format!("{COSTLY}\ngrid = \"$.area\""), TITLE);
    let preview = done(folder, &["replay", "new", "--dry-run"]);
    let again = done(folder, &["replay", "new"]);
    assert_eq!(counts(&again), counts(&preview));
    assert_eq!(counts(&again)[3..], [0, without_record]);
    assert_eq!(number(folder, "SELECT count(grid) FROM demand WHERE mapping > 2").await, 0);
    assert_balanced(folder);
}

#[tokio::test]
async fn a_replay_that_would_lose_a_field_of_all_demands_stops_until_that_is_accepted() {
    let folder = with_orders(100);
    let folder = folder.path();
    tonghui(folder, &["sync", "new"]);
    edit(folder, TITLE, "title       = \"$.nothing\"");
    for arguments in [&["replay", "new", "--dry-run"][..], &["replay", "new"]] {
        assert_eq!(run(folder, arguments).0, 1, "{arguments:?}");
    }
    assert_eq!(number(folder, "SELECT count(title) FROM demand").await, 100);
    tonghui(folder, &["accept", "new"]);
    assert_eq!(counts(&done(folder, &["replay", "new"]))[1], 100);
    assert_eq!(number(folder, "SELECT count(title) FROM demand").await, 0);
}

#[tokio::test]
async fn a_replay_that_is_killed_begins_again_and_doubles_nothing() {
    const ORDERS: i64 = 8_000;
    let folder = with_orders(ORDERS.unsigned_abs());
    let folder = folder.path();
    tonghui(folder, &["sync", "new"]);
    edit(folder, TITLE, "title       = \"$.area\"\ngrid = \"$.id\"");
    for verb in ["mapped again", "kept", "acked"] {
        let mut command = command().unwrap();
        command.args(["replay", "new", "--config"]).arg(folder);
        command.env("TONGHUI_LOG", "info,tonghui=debug");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(log.any(|line| line.contains(&format!("tonghui: {verb}"))), "{verb}");
        child.kill().unwrap();
        child.wait().unwrap();
        let left = number(folder, "SELECT count(*) FROM demand WHERE mapping = 1").await;
        assert!(left > 0, "it was not killed in the middle");
    }
    let [mapped, _, _, rejected, without_record] = counts(&done(folder, &["replay", "new"]));
    assert!(mapped > 0 && rejected + without_record == 0, "{mapped}");
    assert_eq!(number(folder, "SELECT count(*) FROM demand WHERE mapping = 2").await, ORDERS);
    assert_eq!(number(folder, "SELECT count(*) FROM demand").await, ORDERS);
    assert_eq!(number(folder, "SELECT count(*) FROM demand_history").await, 2 * ORDERS);
    assert_balanced(folder);
    assert_eq!(counts(&done(folder, &["replay", "new"])), [0; 5]);
}

#[tokio::test]
async fn the_service_that_reads_the_channel_replays_by_the_mapping_that_it_has() {
    let folder = with_orders(20);
    let folder = folder.path();
    let (running, mut log) = Running::start(folder);
    assert!(log.any(|line| line.contains("tonghui: settled")));
    edit(folder, TITLE, &format!("{TITLE}\ngrid = \"$.area\""));
    let mut early = command().unwrap();
    let early = early.args(["replay", "new", "--config"]).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&early.stderr);
    assert!(!early.status.success() && said.contains("tonghui reload"), "{said}");
    tonghui(folder, &["reload"]);
    assert_eq!(counts(&done(folder, &["replay", "new", "--since", "2099-01-01"])), [0; 5]);
    assert_eq!(counts(&done(folder, &["replay", "new"])), [20, 10, 10, 0, 0]);
    assert!(log.any(|line| line.contains("mapping again requested")));
    drop(running);
    assert_eq!(number(folder, "SELECT count(grid) FROM demand").await, 10);
    assert_balanced(folder);
}
