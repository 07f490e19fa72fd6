//! Columns that a database compares or returns in a way of its own.

use contract::Connector as _;
use serde_json::json;

use super::{City, Shape, mysql, postgres, telling::pass};

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
        let city = pairs(mysql(Shape::ChangesAndFlag).await, types, mode, rows).await;
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
    let city = mysql(Shape::FlagOnly).await;
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
    let city = mysql(Shape::ChangesOnly).await;
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
    let city = postgres(Shape::ChangesOnly).await;
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
