//! Every type that a column may have.

use connector_testkit::Source as _;
use contract::Entry;
use serde_json::{Value, json};

use super::{City, Shape, mysql, postgres};

#[tokio::test]
async fn every_postgres_type_of_a_front_end_table_is_read() {
    let city = postgres(Shape::FlagOnly).await;
    city.run(
        "CREATE TYPE mood AS ENUM ('满意', '不满意');
         CREATE TABLE wide (id UUID PRIMARY KEY, b BOOLEAN, s SMALLINT, i INTEGER, l BIGINT,
           f REAL, d DOUBLE PRECISION, n NUMERIC, m NUMERIC(20, 2), c CHAR(4), v VARCHAR(9),
           t TEXT, y BYTEA, day DATE, hour TIME, ts TIMESTAMP, tz TIMESTAMPTZ, j JSON, jb JSONB,
           e mood, nothing TEXT, isfetch SMALLINT DEFAULT 0);
         INSERT INTO wide VALUES ('6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11', true, 7, 8,
           9007199254740993, 0.1, 2.5, 123456789012345678901234567890.125, -0.50, 'ab', '张䶮',
           '诉求', '\\xd5c5fe9f', '2026-10-09', '10:30', '2026-10-09 10:30:00.25',
           '2026-10-09 10:30:00+08', '{\"a\": 1}', '{\"a\": 1}', '满意', NULL, 0)",
    )
    .await;
    let body = only_body(&whole(city, "id")).await;
    assert_eq!(
        body,
        json!({
            "id": "6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11", "b": true, "s": 7, "i": 8,
            "l": "9007199254740993", "f": 0.1, "d": 2.5,
            "n": "123456789012345678901234567890.125", "m": "-0.50", "c": "ab", "v": "张䶮",
            "t": "诉求", "y": "张䶮", "day": "2026-10-09", "hour": "10:30:00",
            "ts": "2026-10-09T10:30:00.250", "tz": "2026-10-09T02:30:00Z", "j": "{\"a\": 1}",
            "jb": "{\"a\": 1}", "e": "满意", "nothing": null, "isfetch": 0,
        })
    );
}

#[tokio::test]
async fn every_mariadb_type_of_a_front_end_table_is_read() {
    let city = mysql(Shape::FlagOnly).await;
    city.run(
        "CREATE TABLE wide (id BIGINT UNSIGNED PRIMARY KEY, t TINYINT(1), s SMALLINT, i INT,
           l BIGINT, u INT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(40, 3), c CHAR(4),
           v VARCHAR(9) CHARACTER SET gbk, b VARCHAR(9) COLLATE utf8mb4_bin, x TEXT,
           y VARBINARY(9), z BLOB, day DATE, hour TIME, dt DATETIME(3), ts TIMESTAMP NULL,
           zero DATETIME, e ENUM('满意', '不满意'), j JSON, yr YEAR, nothing TEXT,
           isfetch TINYINT DEFAULT 0) CHARACTER SET utf8mb4;
         SET sql_mode = ''; SET time_zone = '+08:00';
         INSERT INTO wide VALUES (18446744073709551615, 3, 7, 8, 9007199254740993, 9, 0.1, 2.5,
           1234567890123456789012345678901234567.125, 'ab', '张三', '张䶮', '诉求', x'd5c5fe9f',
           x'd5c5', '2026-10-09', '10:30', '2026-10-09 10:30:00.25', '2026-10-09 10:30:00',
           '0000-00-00 00:00:00', '满意', '{\"a\": 1}', 2026, NULL, 0)",
    )
    .await;
    let body = only_body(&whole(city, "id")).await;
    assert_eq!(
        body,
        json!({
            "id": "18446744073709551615", "t": 3, "s": 7, "i": 8, "l": "9007199254740993",
            "u": 9, "f": 0.1, "d": 2.5, "n": "1234567890123456789012345678901234567.125",
            "c": "ab", "v": "张三", "b": "张䶮", "x": "诉求", "y": "张䶮", "z": "张",
            "day": "2026-10-09", "hour": "10:30:00", "dt": "2026-10-09T10:30:00.250",
            "ts": "2026-10-09T10:30:00", "zero": "0000-00-00 00:00:00", "e": "满意",
            "j": "{\"a\": 1}", "yr": 2026, "nothing": null, "isfetch": 0,
        })
    );
}

#[tokio::test]
async fn keys_and_times_of_every_class_carry_a_walk() {
    let mut cities = Vec::new();
    for (key, time, value) in [
        ("UUID", "TIMESTAMPTZ", "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"),
        ("NUMERIC(20)", "DATE", "n"),
        ("CHAR(8)", "NUMERIC", "n::text"),
        ("BYTEA", "TEXT", "decode(lpad(n::text, 4, '0'), 'hex')"),
    ] {
        let at = match time {
            "NUMERIC" => "n".to_owned(),
            "TEXT" => "to_char(now() - n * interval '1 hour', 'YYYY-MM-DD HH24:MI:SS')".into(),
            time => format!("(now() - n * interval '1 hour')::{time}"),
        };
        let city = postgres(Shape::ChangesAndFlag).await;
        city.run(&format!(
            "CREATE TABLE wide (id {key} PRIMARY KEY, changed {time}, isfetch INT DEFAULT 0);
             INSERT INTO wide SELECT {value}, {at}, 0 FROM generate_series(1, 23) AS n"
        ))
        .await;
        cities.push((key, city));
    }
    for (key, time, value) in [
        ("BIGINT UNSIGNED", "TIMESTAMP(6)", "seq"),
        ("DECIMAL(20)", "DATE", "seq"),
        ("VARBINARY(8)", "DATETIME", "LPAD(seq, 4, '0')"),
    ] {
        let city = mysql(Shape::ChangesAndFlag).await;
        city.run(&format!(
            "CREATE TABLE wide (id {key} PRIMARY KEY, changed {time} NULL, isfetch INT DEFAULT 0);
             INSERT INTO wide SELECT {value}, NOW() - INTERVAL seq HOUR, 0 FROM seq_1_to_23"
        ))
        .await;
        cities.push((key, city));
    }
    for (key, city) in cities {
        let city = whole(city, "id");
        let (entries, at) = city.entries(None, 5).await;
        let keys: std::collections::BTreeSet<String> = entries.iter().map(key_of).collect();
        assert_eq!(keys.len(), 23, "{key}");
        assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 0").await, 0, "{key}");
        city.entries(Some(at), 5).await;
    }
}

#[tokio::test]
async fn infinite_times_are_read() {
    for time in ["TIMESTAMP", "TIMESTAMPTZ", "DATE"] {
        let city = postgres(Shape::ChangesOnly).await;
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, changed {time});
             INSERT INTO wide SELECT n, 'infinity' FROM generate_series(1, 7) AS n;
             INSERT INTO wide SELECT n, '-infinity' FROM generate_series(11, 17) AS n;
             INSERT INTO wide VALUES (20, now())"
        ))
        .await;
        let city = city.with(json!({ "table": "wide", "part": [] }));
        let (entries, at) = city.entries(None, 2).await;
        assert_eq!(entries.len(), 15, "{time}");
        let (entries, _) = city.entries(Some(at), 2).await;
        assert_eq!(entries.len(), 8, "{time}: those that lie behind the bound, and no more");
    }
}

#[tokio::test]
async fn an_urge_makes_an_unchanged_order_be_read_whole() {
    for city in [postgres(Shape::ChangesAndFlag).await, mysql(Shape::ChangesAndFlag).await] {
        let mut city = city;
        city.add(&["a".into(), "b".into()], std::time::Duration::from_secs(7200)).await;
        city.run("INSERT INTO urges (id, serial) VALUES (3, 'S-a'), (1, 'S-a')").await;
        let (_, at) = city.entries(None, 10).await;
        city.run("INSERT INTO urges (id, serial) VALUES (2, 'S-a'), (4, 'S-none')").await;
        let (entries, _) = city.entries(Some(at), 10).await;
        let urges = entries.iter().find_map(|entry| match entry {
            Entry::Record(record) if record.key.as_str() == "a" => Some(record.body.tree()),
            _ => None,
        });
        let urges = urges.unwrap()["urges"].as_array().unwrap();
        let ids: Vec<i64> = urges.iter().map(|urge| urge["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(city.count("SELECT COUNT(*) FROM urges WHERE isfetch = 0").await, 0);
    }
}

#[tokio::test]
async fn a_stretch_of_time_is_read_in_the_types_of_the_column() {
    for mut city in [postgres(Shape::ChangesOnly).await, mysql(Shape::ChangesAndFlag).await] {
        for age in 1..6 {
            let half_past = std::time::Duration::from_secs(3600 * age + 1800);
            city.add(&[format!("{age}")], half_past).await;
        }
        let entries = city.again(4, 2, 1).await.unwrap();
        let mut keys: Vec<_> = entries.iter().map(key_of).collect();
        keys.sort();
        assert_eq!(keys, ["2", "3"]);
    }
}

/// The table `wide`, without parts.
fn whole(city: City, key: &str) -> City {
    city.with(json!({
        "table": "wide", "key": key, "part": [],
        "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }],
    }))
}

async fn only_body(city: &City) -> Value {
    let (entries, _) = city.entries(None, 10).await;
    match &entries[..] {
        [Entry::Record(record)] => record.body.tree().clone(),
        other => panic!("{other:?}"),
    }
}

fn key_of(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}
