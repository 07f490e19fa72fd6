//! Keys, flags and parts are compared as the database compares them.

use std::collections::BTreeMap;

use connector_testkit::Source as _;
use contract::{Connector as _, Entry};
use serde_json::json;

use super::{FindBy, mysql, postgres, rows::whole};

#[tokio::test]
async fn keys_are_read_in_the_order_in_which_the_source_compares_them() {
    let mut cities = Vec::new();
    for (key, keys) in [
        ("citext", "'a','B','c','D','e','F','_'"),
        ("stage", "'立案','办理','办结','归档'"),
        ("text COLLATE \"C\"", "'a','B','c','D'"),
        ("char(6)", "'b','A','b1','A 1'"),
        ("uuid", "'00000000-0000-0000-0000-00000000000b','f0000000-0000-0000-0000-00000000000a'"),
        ("inet", "'10.0.0.2','10.0.0.10','9.1.1.1'"),
        ("numeric(30,4)", "10.5, 9.25, -1, 12345678901234567890.0001"),
    ] {
        let city = postgres(FindBy::ChangesAndFlag).await;
        city.run(
            "CREATE EXTENSION citext; CREATE TYPE stage AS ENUM ('立案','办理','办结','归档')",
        )
        .await;
        cities.push((city, key, keys, "TIMESTAMP"));
    }
    for (key, keys) in [
        ("ENUM('z','m','a','k')", "'a','k','m','z'"),
        ("VARCHAR(9) COLLATE utf8mb4_general_ci", "'a','B','c','D'"),
        ("VARCHAR(9) COLLATE utf8mb4_bin", "'a','B','c','D'"),
        ("CHAR(9) CHARACTER SET gbk", "'张','李','王','an'"),
        ("VARCHAR(9) CHARACTER SET latin1", "'ö','z','a','F'"),
        ("UUID", "'00000000-0000-1000-8000-00000000000b','f0000000-0000-4000-8000-00000000000a'"),
        ("BINARY(16)", "UNHEX('00ff'),'0123456789abcdef'"),
        ("BIT(8)", "b'1', b'11', b'0'"),
    ] {
        cities.push((mysql(FindBy::ChangesAndFlag).await, key, keys, "DATETIME"));
    }
    for (city, key, keys, time) in cities {
        let n = keys.split(',').count();
        let values: Vec<_> = split(keys).map(|it| format!("({it}, '2026-10-09 08:00')")).collect();
        city.run(&format!(
            "CREATE TABLE wide (id {key} PRIMARY KEY, changed {time}, isfetch INT DEFAULT 0);
             INSERT INTO wide (id, changed) VALUES {}",
            values.join(", ")
        ))
        .await;
        let city = whole(city, "id");
        for max in [1, 2, 100] {
            city.run("UPDATE wide SET isfetch = 0").await;
            let (entries, at) = city.entries(None, max).await;
            assert_eq!(counts(&entries), (n, 1), "{key} by {max}");
            assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 0").await, 0, "{key}");
            let (entries, _) = city.entries(Some(at), max).await;
            assert_eq!(entries.len(), 0, "{key}: nothing changed");
        }
    }
}

#[tokio::test]
async fn flags_of_every_type_are_polled_and_set() {
    let mut cities = Vec::new();
    for (flag, pending, done) in [
        ("stage DEFAULT '待取'", json!("待取"), json!("已取")),
        ("bit(1) DEFAULT b'0'", json!(0), json!(1)),
        ("bit(2) DEFAULT b'00'", json!("00"), json!("11")),
        ("boolean DEFAULT false", json!(false), json!(true)),
        ("char(2) DEFAULT 'N'", json!("N"), json!("Y")),
        ("numeric(2,1) DEFAULT 0", json!(0), json!(1)),
    ] {
        let city = postgres(FindBy::FlagOnly).await;
        city.run("CREATE TYPE stage AS ENUM ('待取','已取')").await;
        cities.push((city, flag, pending, done));
    }
    for (flag, pending, done) in [
        ("ENUM('待取','已取') DEFAULT '待取'", json!("待取"), json!("已取")),
        ("BIT(1) DEFAULT b'0'", json!(0), json!(1)),
        ("TINYINT(1) DEFAULT 0", json!(false), json!(true)),
        ("CHAR(2) DEFAULT 'N'", json!("N"), json!("Y")),
    ] {
        cities.push((mysql(FindBy::FlagOnly).await, flag, pending, done));
    }
    for (city, flag, pending, done) in cities {
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, f {flag});
                           INSERT INTO wide (id) VALUES (1), (2), (3)"
        ))
        .await;
        let city = whole(city, "id")
            .with(json!({ "flag": [{ "column": "f", "pending": pending, "done": done }] }));
        let (entries, at) = city.entries(None, 2).await;
        assert_eq!(counts(&entries), (3, 1), "{flag}");
        let (entries, _) = city.entries(Some(at), 2).await;
        assert_eq!(entries.len(), 0, "{flag}");
    }
}

#[tokio::test]
async fn a_flag_whose_values_are_not_of_its_type_is_refused_before_a_row_is_touched() {
    for (city, flag, pending, done) in [
        (mysql(FindBy::FlagOnly).await, "CHAR(1) DEFAULT 'N'", json!(0), json!(1)),
        (mysql(FindBy::FlagOnly).await, "INT DEFAULT 0", json!("N"), json!("Y")),
        (mysql(FindBy::FlagOnly).await, "ENUM('N','Y') DEFAULT 'N'", json!("N"), json!("J")),
        (postgres(FindBy::FlagOnly).await, "text DEFAULT 'N'", json!(0), json!(1)),
        (postgres(FindBy::FlagOnly).await, "int DEFAULT 0", json!("N"), json!("Y")),
    ] {
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, f {flag});
                           INSERT INTO wide (id) VALUES (1), (2)"
        ))
        .await;
        let city = whole(city, "id")
            .with(json!({ "flag": [{ "column": "f", "pending": pending, "done": done }] }));
        let fault = city.table().read(None, 10).await.unwrap_err();
        assert!(fault.is_stopped() && fault.to_string().contains("column f"), "{flag}: {fault}");
    }
}

#[tokio::test]
async fn parts_belong_to_the_record_to_which_the_database_says_they_belong() {
    for (city, parent, child, pairs) in [
        (
            postgres(FindBy::ChangesOnly).await,
            "citext",
            "citext",
            [("'Ab'", "'aB'"), ("'c'", "'C'")],
        ),
        (postgres(FindBy::ChangesOnly).await, "numeric(20,2)", "int", [("7", "7"), ("8.00", "8")]),
        (
            postgres(FindBy::ChangesOnly).await,
            "char(8)",
            "char(8)",
            [("'a'", "'a  '"), ("'b'", "'b'")],
        ),
        (mysql(FindBy::ChangesOnly).await, "DECIMAL(20,2)", "INT", [("7", "7"), ("8", "8")]),
        (
            mysql(FindBy::ChangesOnly).await,
            "VARCHAR(9) COLLATE utf8mb4_general_ci",
            "VARCHAR(9) COLLATE utf8mb4_unicode_ci",
            [("'Ab'", "'aB'"), ("'张'", "'张'")],
        ),
        (mysql(FindBy::ChangesOnly).await, "INT", "VARCHAR(9)", [("7", "'007'"), ("8", "'8'")]),
    ] {
        if parent == "citext" {
            city.run("CREATE EXTENSION citext").await;
        }
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, parent {parent}, changed DATE);
             CREATE TABLE steps (id INT PRIMARY KEY, child {child})"
        ))
        .await;
        for (id, (parent, child)) in pairs.iter().enumerate() {
            city.run(&format!(
                "INSERT INTO wide VALUES ({id}, {parent}, '2026-10-09');
                 INSERT INTO steps VALUES ({id}, {child}), ({id} + 10, {child})"
            ))
            .await;
        }
        let city = city.with(json!({ "table": "wide", "part": [{
            "name": "steps", "table": "steps", "key": "id", "parent": "parent", "column": "child",
            "changes": { "column": "id" },
        }]}));
        let (entries, _) = city.entries(None, 10).await;
        assert_eq!(counts(&entries).0, 2, "{parent} and {child}");
        for entry in entries {
            let Entry::Record(record) = entry else { panic!("{entry:?}") };
            let id = record.body.tree()["id"].as_i64().unwrap();
            let steps = record.body.tree()["steps"].as_array().unwrap();
            let ids: Vec<_> = steps.iter().map(|step| step["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, [id, id + 10], "{parent} and {child}");
        }
    }
}

#[tokio::test]
async fn a_view_with_a_key_twice_stops_the_channel_and_the_key_is_named() {
    for mut city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        city.add(&["a".into(), "b".into()], std::time::Duration::from_secs(7200)).await;
        city.run(
            "INSERT INTO urges (id, serial) VALUES (1, 'S-a'), (2, 'S-b'), (3, 'S-b');
             CREATE VIEW joined AS SELECT o.id, o.changed, u.id AS urge FROM orders AS o
             JOIN urges AS u ON u.serial = o.serial",
        )
        .await;
        let city = city.with(json!({ "table": "joined", "part": [] }));
        let fault = city.table().read(None, 10).await.unwrap_err();
        assert!(fault.is_stopped(), "{fault}");
        assert!(fault.to_string().contains("the key b stands in more than one row"), "{fault}");
    }
}

#[tokio::test]
async fn rows_of_one_key_become_what_the_channel_says_however_often_they_are_read() {
    for make in [0, 1] {
        for (rule, page) in [("last", 1), ("last", 2), ("last", 100), ("quarantine", 2)] {
            let find_by = FindBy::ChangesAndFlag;
            let city = if make == 0 { postgres(find_by).await } else { mysql(find_by).await };
            city.run(
                "CREATE TABLE wide (id INT, title VARCHAR(9), changed DATE, isfetch INT DEFAULT 0);
                 INSERT INTO wide (id, title, changed) VALUES (1, 'a', '2026-10-09'),
                 (1, 'b', '2026-10-08'), (1, 'c', '2026-10-09'), (2, 'd', '2026-10-09'),
                 (3, 'e', '2026-10-09'), (3, 'e', '2026-10-09'), (4, 'f', '2026-10-07')",
            )
            .await;
            let city = whole(city, "id").with(json!({
                "duplicates": rule, "page": page, "changes": { "column": "changed" }
            }));
            let (mut at, mut seen) = (None, Vec::new());
            for _ in 0..3 {
                let (entries, next) = city.entries(at, 10).await;
                at = Some(next);
                seen.extend(entries);
            }
            let mut states = std::collections::BTreeSet::new();
            let mut quarantined = std::collections::BTreeSet::new();
            for entry in &seen {
                match entry {
                    Entry::Record(record) => {
                        let title = record.body.tree()["title"].as_str().unwrap().to_owned();
                        states.insert((record.key.to_string(), title));
                    }
                    Entry::Unreadable { place, reason, bytes } => {
                        assert_eq!(&*reason.code, "duplicate_key");
                        assert!(place.key.is_none(), "each stands there by its own bytes");
                        quarantined.insert(bytes.clone());
                    }
                }
            }
            let of_one = if rule == "last" { &["1c"][..] } else { &[] };
            let states: Vec<_> = states.into_iter().map(|(key, title)| key + &title).collect();
            assert_eq!(states, [of_one, &["2d", "3e", "4f"]].concat(), "{rule} by {page}");
            assert_eq!(quarantined.len(), if rule == "quarantine" { 3 } else { 0 });
            assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 0").await, 0);
            let (entries, _) = city.entries(at, 10).await;
            assert!(entries.is_empty(), "{rule} by {page}: {entries:?}");
        }
    }
}

#[tokio::test]
async fn names_of_any_letters_are_quoted() {
    for (city, mark) in
        [(postgres(FindBy::FlagOnly).await, '"'), (mysql(FindBy::FlagOnly).await, '`')]
    {
        let quoted = |name: &str| {
            let mark = mark.to_string();
            format!("{mark}{}{mark}", name.replace(&mark, &mark.repeat(2)))
        };
        let (table, key, flag) = ("工单.表 (新)", "Order\"`'id", "group");
        city.run(&format!(
            "CREATE TABLE {0} ({1} INT PRIMARY KEY, {2} INT DEFAULT 0, {3} TEXT);
             INSERT INTO {0} ({1}) VALUES (1), (2)",
            quoted(table),
            quoted(key),
            quoted(flag),
            quoted("标题(必填)")
        ))
        .await;
        let city = whole(city, key).with(json!({
            "table": format!("\"{table}\""),
            "flag": [{ "column": flag, "pending": 0, "done": 1 }],
        }));
        let (entries, _) = city.entries(None, 1).await;
        assert_eq!(counts(&entries), (2, 1));
    }
}

/// Number of keys, and how often each came.
fn counts(entries: &[Entry]) -> (usize, usize) {
    let mut counts = BTreeMap::<String, usize>::new();
    for entry in entries {
        let Entry::Record(record) = entry else { panic!("{entry:?}") };
        *counts.entry(record.key.to_string()).or_default() += 1;
    }
    (counts.len(), counts.values().copied().max().unwrap_or(0))
}

/// The values of a list, which contain no commas.
fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}
