//! `tonghui books statement` and `tonghui books verify`: the statement of a day, and what is found when it, the store or
//! the source's list says something else.

use std::{fs, path::Path, sync::LazyLock};

use chrono::TimeDelta;
use contract::{DemandId, RecordKey};
use encoding_rs::GBK;
use gateway::clock::now;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::{
    new_channel::{folder, tonghui},
    reconcile::{run, store},
};

/// Reads one more order of each number on this day, in UTC and in the zone of the gateway.
async fn read_on(folder: &Path, day: &str, orders: std::ops::RangeInclusive<u64>) {
    let file = folder.join("channels/new/orders.jsonl");
    let order = |id: u64| {
        json!({
            "id": format!("D-{id}"), "version": 1, "title": format!("路灯不亮 {id}"),
            "content": "小区南门的路灯不亮，请派人修理", "created": "2026-01-20 08:00:00",
        })
    };
    let lines: String = orders.map(|id| format!("{}\n", order(id))).collect();
    // The template has orders of its own.
    let before =
        if day == FIRST.as_str() { String::new() } else { fs::read_to_string(&file).unwrap() };
    fs::write(&file, before + &lines).unwrap();
    tonghui(folder, &["sync", "new"]);
    for column in
        ["read.read_at", "pass_end.ended_at", "demand.first_seen_at", "demand_history.seen_at"]
    {
        let (table, column) = column.split_once('.').unwrap();
        let sql = format!(
            "UPDATE {table} SET {column} = '{day}T02:00:00.000000Z' WHERE {column} > '{}'",
            days_ago(1)
        );
        assert_ne!(tell(folder, &sql).await, 0, "{table}");
    }
}

// The books of older days are folded.
static FIRST: LazyLock<String> = LazyLock::new(|| days_ago(3));
static SECOND: LazyLock<String> = LazyLock::new(|| days_ago(2));

fn days_ago(n: i64) -> String {
    (now() - TimeDelta::days(n)).format("%Y-%m-%d").to_string()
}

/// A channel that read orders 1 to 5 on the first day.
async fn first_day() -> TempDir {
    let folder = folder("process");
    read_on(folder.path(), &FIRST, 1..=5).await;
    folder
}

/// Changes the store by hand; returns the number of rows.
async fn tell(folder: &Path, sql: &str) -> u64 {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query(sql).execute(&mut store(folder).await).await.unwrap().rows_affected()
}

/// Makes the statement of a day in a new file; returns its path.
fn make(folder: &Path, day: &str, name: &str, more: &[&str]) -> String {
    let file = folder.join(name).display().to_string();
    let arguments = ["books", "statement", "new", "--day", day, "--out", &file];
    assert_eq!(run(folder, &[&arguments[..], more].concat()).0, 0, "{name}");
    file
}

fn verify(folder: &Path, statement: &str, more: &[&str]) -> (i32, Value) {
    run(folder, &[&["books", "verify", statement][..], more].concat())
}

/// The keys or ids that a list names.
fn names<'a>(list: &'a Value, what: &str) -> Vec<&'a str> {
    list["named"].as_array().unwrap().iter().filter_map(|named| named[what].as_str()).collect()
}

#[tokio::test]
async fn a_statement_holds_until_a_digit_or_a_demand_is_another_one() {
    let folder = first_day().await;
    let folder = folder.path();
    let channel = folder.join("channels/new/channel.toml");
    let text = fs::read_to_string(&channel).unwrap();
    fs::write(&channel, text.replacen("\"new\"", "\"<script>alert(1)</script>\"", 1)).unwrap();
    let file = make(folder, &FIRST, "1.json", &[]);
    let json = fs::read_to_string(&file).unwrap();
    let statement: Value = serde_json::from_str(&json).unwrap();
    let counts = &statement["counts"];
    assert_eq!((&counts["read"], &counts["stored"]), (&json!(5), &json!(5)), "{statement}");
    assert_eq!((&statement["demands"], &statement["balanced"]), (&json!(5), &json!(true)));
    assert!(statement["last_pass"].is_object() && statement["previous"].is_null(), "{statement}");
    let (code, found) = verify(folder, &file, &[]);
    assert_eq!((code, &found["holds"], &found["chain"]), (0, &json!(true), &json!("unchained")));
    assert_eq!(found["set_hash"], statement["set_hash"]);
    let again = ["books", "statement", "new", "--day", FIRST.as_str(), "--out", &file];
    assert_eq!(run(folder, &again).0, 1, "it was written over");

    let page = make(folder, &FIRST, "1.html", &["--html"]);
    let shown = fs::read_to_string(&page).unwrap();
    assert!(!shown.contains("<script") && shown.contains("&lt;script&gt;"), "{shown}");
    assert!(shown.contains("<td class=\"n\">5</td>"), "{shown}");
    assert_eq!(verify(folder, &page, &[]).0, 0);

    let altered = folder.join("altered.json");
    fs::write(&altered, json.replacen("\"read\": 5", "\"read\": 6", 1)).unwrap();
    assert_eq!(verify(folder, &altered.display().to_string(), &[]), (1, Value::Null));

    // As many demands as before, but another one, and one with another content.
    let swap = "UPDATE demand SET id = 'ffffffff-ffff-4fff-8fff-ffffffffffff', source_key = 'D-0' WHERE source_key = 'D-3'";
    assert_eq!(tell(folder, swap).await, 1);
    let change = "UPDATE demand SET digest = zeroblob(16) WHERE source_key = 'D-4'";
    assert_eq!(tell(folder, change).await, 1);
    let (code, found) = verify(folder, &file, &[]);
    assert_eq!((code, &found["counts"]), (1, &json!([])), "{found}");
    let missing = DemandId::of(&"new".parse().unwrap(), &RecordKey::new("D-3")).to_string();
    assert_eq!(names(&found["missing"], "id"), [&missing]);
    assert_eq!(names(&found["missing"], "about"), ["not in the store"]);
    assert_eq!(names(&found["extra"], "key"), ["D-0"]);
    assert_eq!(names(&found["changed"], "key"), ["D-4"]);
    assert_ne!(found["set_hash"], statement["set_hash"]);
}

#[tokio::test]
async fn a_count_that_changed_since_is_named() {
    let folder = first_day().await;
    let file = make(folder.path(), &FIRST, "1.json", &[]);
    assert_eq!(tell(folder.path(), "UPDATE receipt SET stored = stored - 1, stale = 1").await, 1);
    let (code, found) = verify(folder.path(), &file, &[]);
    let expected = json!([
        { "name": "stored", "statement": 5, "store": 4 },
        { "name": "stale", "statement": 0, "store": 1 },
    ]);
    assert_eq!((code, &found["counts"]), (1, &expected));
}

#[tokio::test]
async fn the_list_of_the_source_is_compared_key_by_key() {
    let folder = first_day().await;
    let folder = folder.path();
    read_on(folder, &SECOND, 6..=6).await;
    let file = make(folder, &FIRST, "1.json", &[]);
    let list = |bytes: &[u8]| {
        let list = folder.join("theirs.csv");
        fs::write(&list, bytes).unwrap();
        verify(folder, &file, &["--ids", &list.display().to_string()])
    };
    let same = "编号,标题\r\nD-1,路灯\r\nD-2,路灯\r\nD-3,\"路灯，\r\n两盏\"\r\nD-4,\r\nD-5,\r\n";
    let bom = format!("\u{feff}{same}");
    for whole in [GBK.encode(same).0.as_ref(), bom.as_bytes(), b"D-1\nD-2\nD-3\nD-4\nD-5"] {
        let (code, found) = list(whole);
        assert_eq!((code, &found["theirs"]["keys"]), (0, &json!(5)), "{found}");
    }
    for unequal in [&b"ALPHA\nD-1\nD-2\nD-3\nD-4\nD-5"[..], b"D-1\nD-2\nD-2\nD-3\nD-4\nD-5"] {
        assert_eq!(list(unequal).0, 1, "{unequal:?}");
    }
    let other = same.replace("D-5,", "D-6,路口\r\nD-9,\r\nD-2,再次");
    let bom = format!("\u{feff}{other}");
    for unequal in [GBK.encode(&other).0.as_ref(), bom.as_bytes()] {
        let (code, found) = list(unequal);
        let theirs = &found["theirs"];
        assert_eq!((code, &theirs["heading"]), (1, &json!("编号")), "{found}");
        assert_eq!(names(&theirs["only_theirs"], "key"), ["D-6", "D-9"]);
        let seen = format!("stored, first seen on {}", *SECOND);
        let where_they_are = [seen.as_str(), "not in the store"];
        assert_eq!(names(&theirs["only_theirs"], "about"), where_they_are);
        assert_eq!(names(&theirs["only_ours"], "key"), ["D-5"]);
        assert_eq!(names(&theirs["repeated"], "key"), ["D-2"]);
        assert_eq!(theirs["only_theirs"]["count"], 2);
    }
}

#[tokio::test]
async fn each_day_follows_the_one_before_and_a_missing_one_is_said() {
    let folder = first_day().await;
    let folder = folder.path();
    read_on(folder, &SECOND, 6..=7).await;
    let first = make(folder, &FIRST, "1.json", &[]);
    let second = make(folder, &SECOND, "2.json", &["--previous", &first]);
    let alone = make(folder, &SECOND, "alone.json", &[]);
    let other = make(folder, &FIRST, "other.json", &[]);
    let chain = |statement: &str, more: &[&str]| {
        let (code, found) = verify(folder, statement, more);
        (code, found["chain"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(chain(&second, &["--previous", &first]), (0, "follows".to_owned()));
    assert_eq!(chain(&second, &[]), (0, "not_given".to_owned()));
    assert_eq!(chain(&alone, &[]), (0, "unchained".to_owned()));
    for (statement, previous) in [(&second, &other), (&alone, &first), (&first, &second)] {
        assert_eq!(chain(statement, &["--previous", previous]), (1, "broken".to_owned()));
    }
    let said = tonghui(folder, &["books", "verify", &alone]);
    assert!(said.contains("not chained to the statement of the day before"), "{said}");
    let said = tonghui(folder, &["books", "verify", &second]);
    assert!(said.contains("which was not given"), "{said}");
    let wrong = ["books", "statement", "new", "--day", SECOND.as_str(), "--previous", &second];
    assert_eq!(run(folder, &wrong).0, 1, "it would follow itself");
}

#[tokio::test]
async fn what_is_not_exact_is_refused_with_what_to_do() {
    let folder = first_day().await;
    let folder = folder.path();
    let refused = |day: &str, why: &str| {
        let mut statement = system_tests::gateway_process::command().unwrap();
        statement.args(["books", "statement", "new", "--day", day, "--config"]).arg(folder);
        let output = statement.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty() && said.contains(why), "{said}");
    };
    refused("today", "is not over");
    refused(&days_ago(31), "is more than 28 days ago");
    let file = make(folder, &FIRST, "1.json", &[]);
    let fold = format!(
        "INSERT INTO books_day SELECT channel, '{}', 1, read, accepted, skipped, rejected, 5, 5, 0, 0, 0, 0, 0 FROM read",
        *FIRST
    );
    for sql in [fold.as_str(), "DELETE FROM read_part", "DELETE FROM receipt", "DELETE FROM read"] {
        assert_ne!(tell(folder, sql).await, 0, "{sql}");
    }
    refused(&FIRST, "are totals of days in UTC");
    let (code, found) = verify(folder, &file, &[]);
    assert_eq!((code, &found["is_folded"]), (0, &json!(true)), "{found}");
    assert_eq!(tell(folder, "UPDATE books_day SET stored = 4").await, 1);
    assert_eq!(verify(folder, &file, &[]).1["counts"][0]["name"], "stored");

    let keys = folder.join("data/keys.json");
    let mut text: Value = serde_json::from_slice(&fs::read(&keys).unwrap()).unwrap();
    text.as_object_mut().unwrap().remove("bus").unwrap();
    fs::write(&keys, text.to_string()).unwrap();
    refused(&SECOND, "tonghui key rotate");
}
