//! Columns that a database compares or returns in a way of its own.

use connector_table::Table;
use contract::{Connector as _, ConnectorContext, Cursor, Entry};
use serde_json::{Value, json};

use super::{City, Desk, FindBy, mysql, postgres, telling::pass};

/// A table with a key and a column of changes of these types, and these rows.
async fn pairs(city: City, types: [&str; 2], mode: &str, rows: &[&str]) -> City {
    let ([key, changed], rows) = (types, rows.join("), ("));
    let mode = if mode.is_empty() { "SELECT 1" } else { mode };
    city.run(&format!(
        "{mode}; CREATE TABLE wide (id {key}, changed {changed}, isfetch INT DEFAULT 0);
         INSERT INTO wide (id, changed) VALUES ({rows})"
    ))
    .await;
    city.with(json!({ "table": "wide", "part": [], "page": 1,
        "changes": { "column": "changed" },
        "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }] }))
}

#[tokio::test]
async fn columns_that_are_compared_in_an_odd_way_are_read_once_by_pages_of_one_row() {
    for (types, mode, rows) in [
        (["FLOAT PRIMARY KEY", "DATE"], "", &["1, '2026-10-09'", "2, '2026-10-09'"][..]),
        (["INT PRIMARY KEY", "FLOAT"], "", &["1, 0.1", "2, 0.1", "3, 0.3", "4, 16777216"]),
        (
            ["INT PRIMARY KEY", "DATETIME"],
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            &["1, '2026-02-30 08:00'", "2, '2026-02-31 08:00'", "3, '2026-02-31 08:00'"],
        ),
        (
            ["INT PRIMARY KEY", "DATETIME(6)"],
            "SET sql_mode = ''",
            &["1, '0000-00-00 00:00:00.5'", "2, '0000-00-00 00:00:00.25'", "3, '2026-10-09'"],
        ),
        (
            ["DECIMAL(50, 0) PRIMARY KEY", "DATE"],
            "",
            &[
                "10000000000000000000000000000000000000000001, '2026-10-09'",
                "10000000000000000000000000000000000000000002, '2026-10-09'",
                "10000000000000000000000000000000000000000003, '2026-10-09'",
            ],
        ),
        (
            ["BIGINT(20) UNSIGNED ZEROFILL PRIMARY KEY", "TIMESTAMP(6) NULL"],
            "SET time_zone = '+08:00'",
            &[
                "18446744073709551615, '2026-10-09 08:00:00.000001'",
                "7, '2026-10-09 08:00:00.000002'",
            ],
        ),
        (["YEAR PRIMARY KEY", "INT"], "", &["2026, 1", "2027, 1", "1999, 1"]),
        (["TIME(3) PRIMARY KEY", "INT"], "", &["'-12:30:00.5', 1", "'100:00:00', 1", "'0', 1"]),
        (
            ["VARCHAR(9) CHARACTER SET utf8mb3 PRIMARY KEY", "VARCHAR(30) CHARACTER SET latin1"],
            "",
            &["'张', '2026-10-09 08:00:00'", "'李', '2026-10-09 08:00:00'", "'a', ''"],
        ),
        (
            ["VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY", "INT"],
            "",
            &["'😀', 1", "'😁', 1", "'a', 1"],
        ),
        (["JSON", "INT"], "", &["'1', 1", "'\"a\"', 1"]),
    ] {
        let city = pairs(mysql(FindBy::ChangesAndFlag).await, types, mode, rows).await;
        let mut at = None;
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), pass(&city, &mut at));
        let (entries, fault) = read.await.unwrap_or_else(|_| panic!("{types:?} never ends"));
        let mut keys: Vec<_> = entries.iter().map(|it| it.key().unwrap().to_string()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), rows.len(), "{types:?}: {keys:?}");
        assert!(fault.is_none(), "{types:?}: {fault:?}");
        assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 0").await, 0, "{types:?}");
        assert_eq!(pass(&city, &mut at).await.0.len(), 0, "{types:?}");
    }
}

#[tokio::test]
async fn a_server_that_forbids_updates_without_a_key_takes_acknowledgements() {
    let city = mysql(FindBy::FlagOnly).await;
    let name = city.url.rsplit('/').next().unwrap().to_owned();
    let host = city.url.rsplit('@').next().unwrap().to_owned();
    let city = pairs(city, ["INT", "INT"], "", &["1, 1", "2, 1"]).await;
    city.run(&format!(
        "CREATE USER {name}_safe@'%' IDENTIFIED BY 'x1'; GRANT ALL ON {name}.* TO {name}_safe@'%';
         SET GLOBAL init_connect = 'SET sql_safe_updates = 1'"
    ))
    .await;
    let city = city.with(json!({
        "changes": null, "url": format!("mysql://{name}_safe:x1@{host}")
    }));
    let fault = pass(&city, &mut None).await.1;
    city.run("SET GLOBAL init_connect = ''").await;
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 0").await, 0);
}

#[tokio::test]
async fn an_invisible_column_is_read() {
    let city = mysql(FindBy::ChangesOnly).await;
    city.run(
        "CREATE TABLE wide (id INT PRIMARY KEY INVISIBLE AUTO_INCREMENT, title VARCHAR(9),
         changed DATETIME(6) INVISIBLE DEFAULT NOW(6) ON UPDATE NOW(6));
         INSERT INTO wide (title) VALUES ('a'), ('b'), ('c')",
    )
    .await;
    let city = city.with(json!({ "table": "wide", "part": [], "page": 1 }));
    let (entries, _) = pass(&city, &mut None).await;
    let keys: Vec<_> = entries.iter().map(|entry| entry.key().unwrap().to_string()).collect();
    assert_eq!(keys, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_column_that_a_query_for_all_columns_does_not_return_stops_the_channel() {
    let city = postgres(FindBy::ChangesOnly).await;
    city.run(
        "CREATE TABLE wide (id INT PRIMARY KEY);
         INSERT INTO wide SELECT n FROM generate_series(1, 7) AS n",
    )
    .await;
    let city = city.with(json!({ "table": "wide", "part": [], "changes": { "column": "ctid" } }));
    let fault = city.table().read(None, 2).await.unwrap_err();
    assert!(fault.is_stopped(), "{fault}");
    assert!(fault.to_string().contains("does not return the column ctid"), "{fault}");
}

#[tokio::test]
async fn a_row_whose_time_stands_for_none_is_found_however_late_it_comes() {
    for (city, kind, format, none, time) in [
        (postgres(FindBy::ChangesOnly).await, "BIGINT", Some("%s"), "0", "1790000000"),
        (postgres(FindBy::ChangesOnly).await, "TIMESTAMP", None, "'-infinity'", "'2026-10-01'"),
        (postgres(FindBy::ChangesOnly).await, "VARCHAR(20)", None, "''", "'2026-10-01 00:00:00'"),
        (mysql(FindBy::ChangesOnly).await, "INT", Some("%s"), "0", "1790000000"),
        (mysql(FindBy::ChangesOnly).await, "DATETIME", None, "'0000-00-00'", "'2026-10-01'"),
        (mysql(FindBy::ChangesOnly).await, "DATE", None, "'0000-00-00'", "'2026-10-01'"),
        (
            mysql(FindBy::ChangesOnly).await,
            "VARCHAR(30)",
            Some("%F"),
            "'0000-00-00'",
            "'2026-10-01'",
        ),
        (City::sqlite(FindBy::ChangesOnly).await, "INTEGER", Some("%s"), "0", "1790000000"),
        (
            City::sqlite(FindBy::ChangesOnly).await,
            "TEXT",
            Some("%F"),
            "' 2026-10-02'",
            "'2026-10-01'",
        ),
        (City::sqlite(FindBy::ChangesOnly).await, "TEXT", None, "'0000'", "'2026-10-01 00:00:00'"),
        (
            City::sqlite(FindBy::ChangesOnly).await,
            "DATETIME",
            Some("%F"),
            "' 2026-10-02'",
            "'2026-10-01'",
        ),
        (City::sqlite(FindBy::ChangesOnly).await, "", Some("%F"), "1790000000", "'2026-10-01'"),
        (City::sqlite(FindBy::ChangesOnly).await, "DATE", Some("%F"), "1790000000", "'2026-10-01'"),
        (City::sqlite(FindBy::ChangesOnly).await, "DATE", None, "7", "'2026-10-01 00:00:00'"),
        (
            City::sqlite(FindBy::ChangesOnly).await,
            "",
            Some("%F"),
            "'2026-10-02'",
            "x'323032362d31302d3031'",
        ),
    ] {
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, changed {kind});
             INSERT INTO wide VALUES (1, {time}), (2, {time})"
        ))
        .await;
        let city = city.with(json!({ "table": "wide", "part": [],
            "changes": { "column": "changed", "overlap": "1ms", "format": format } }));
        let (_, at) = city.entries(None, 10).await;
        city.run(&format!("INSERT INTO wide VALUES (3, {none})")).await;
        // As an hour later, when such rows are looked for again.
        let mut at = serde_json::to_value(at.decode::<connector_table::Cursor>().unwrap()).unwrap();
        at["main"]["undated"]["started"] = Value::Null;
        let at: connector_table::Cursor = serde_json::from_value(at).unwrap();
        let (entries, _) = city.entries(Some(Cursor::encode(&at).unwrap()), 10).await;
        let is_found = entries.iter().any(|entry| entry.key().unwrap().as_str() == "3");
        assert!(is_found, "{kind} {none}: {entries:?}");
    }
}

#[tokio::test]
async fn rows_that_are_too_large_for_one_page_are_read_in_several() {
    for city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        let text = if matches!(city.desk, Desk::MySql(_)) { "LONGTEXT" } else { "TEXT" };
        city.run(&format!("CREATE TABLE wide (id INT PRIMARY KEY, changed DATE, letter {text})"))
            .await;
        for id in 1..=12 {
            let row = format!("{id}, '2026-10-01', REPEAT('x', 4000000)");
            city.run(&format!("INSERT INTO wide VALUES ({row})")).await;
        }
        let city = city.with(json!({ "table": "wide", "part": [] }));
        let (mut table, mut at, mut sizes) = (city.table(), None, Vec::new());
        loop {
            let batch = table.read(at.as_ref(), 100).await.unwrap();
            at = Some(batch.upto);
            sizes.push(batch.entries.len());
            if let Some(end) = batch.end {
                assert_eq!((end.listed, end.distinct), (Some(12), Some(12)));
                break;
            }
        }
        assert!(sizes[0] < 12 && sizes.iter().sum::<usize>() >= 12, "{sizes:?}");
    }
}

#[tokio::test]
async fn a_large_value_that_nothing_names_is_not_read() {
    for city in [
        City::sqlite(FindBy::ChangesOnly).await,
        postgres(FindBy::ChangesOnly).await,
        mysql(FindBy::ChangesOnly).await,
    ] {
        let (kind, photo, note) = match city.desk {
            Desk::Sqlite(_) => {
                ("BLOB", "CAST(REPLACE(HEX(ZEROBLOB(35000)), '0', 'x') AS BLOB)", "x'616263'")
            }
            Desk::Postgres(_) => {
                ("BYTEA", "CONVERT_TO(REPEAT('x', 70000), 'UTF8')", "DECODE('616263', 'hex')")
            }
            Desk::MySql(_) => ("LONGBLOB", "REPEAT('x', 70000)", "x'616263'"),
        };
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, changed TIMESTAMP, photo {kind}, note {kind});
             INSERT INTO wide VALUES (1, '2026-10-01 00:00:00', {photo}, {note})"
        ))
        .await;
        let city = city.with(json!({ "table": "wide", "part": [] }));
        for (mapped, length) in
            [("$.id\n$.title", None), ("$.photo", Some(70_000)), ("$", Some(70_000))]
        {
            let mut context = ConnectorContext::new("hotline".parse().unwrap(), chrono_tz::UTC);
            context.mapped = Some(mapped.into());
            let config = serde_json::from_value(city.settings.clone()).unwrap();
            let mut table = Table::build(config, context).unwrap();
            let batch = table.read(None, 10).await.unwrap();
            let Entry::Record(record) = &batch.entries[0] else { panic!("{mapped}") };
            let body = record.body.tree();
            assert_eq!(body["note"], "abc", "{mapped}");
            assert_eq!(body.get("photo").and_then(Value::as_str).map(str::len), length, "{mapped}");
        }
    }
}

#[tokio::test]
async fn rows_without_a_value_in_the_flag_are_told() {
    for city in [
        City::sqlite(FindBy::FlagOnly).await,
        postgres(FindBy::FlagOnly).await,
        mysql(FindBy::FlagOnly).await,
    ] {
        city.run(
            "CREATE TABLE wide (id INT PRIMARY KEY, isfetch INT);
             INSERT INTO wide VALUES (1, 0), (2, NULL), (3, NULL), (4, 1)",
        )
        .await;
        let city = city.with(json!({ "table": "wide", "part": [],
            "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }] }));
        let found = city.table().inspect().await.unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&found[..], [only] if only.contains("2 rows have no value in the flag isfetch")),
            "{found:?}"
        );
    }
}
