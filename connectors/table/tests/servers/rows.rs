//! Columns of every type.

use contract::Entry;
use serde_json::{Value, json};

use super::{City, FindBy, mysql, postgres};

#[tokio::test]
async fn every_postgres_type_of_a_front_end_table_is_read() {
    let city = postgres(FindBy::FlagOnly).await;
    city.run(
        "CREATE TYPE mood AS ENUM ('满意', '不满意');
         CREATE TABLE wide (id UUID PRIMARY KEY, b BOOLEAN, s SMALLINT, i INTEGER, l BIGINT,
           f REAL, d DOUBLE PRECISION, n NUMERIC, m NUMERIC(20, 2), c CHAR(4), v VARCHAR(9),
           t TEXT, y BYTEA, day DATE, hour TIME, ts TIMESTAMP, tz TIMESTAMPTZ, j JSON, jb JSONB,
           e mood, nothing TEXT, isfetch SMALLINT DEFAULT 0, xm XML DEFAULT '<a/>');
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
            "jb": "{\"a\": 1}", "e": "满意", "nothing": null, "isfetch": 0, "xm": "<a/>",
        })
    );
}

#[tokio::test]
async fn every_mariadb_type_of_a_front_end_table_is_read() {
    let city = mysql(FindBy::FlagOnly).await;
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

/// The table `wide`, without parts.
pub(super) fn whole(city: City, key: &str) -> City {
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
