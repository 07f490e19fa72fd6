//! Scans over keys and times of every type.

use connector_testkit::Source as _;
use contract::Entry;
use serde_json::json;

use super::{FindBy, mysql, postgres, rows::whole};

#[tokio::test]
async fn scans_work_with_keys_and_times_of_every_type() {
    let mut cities = Vec::new();
    for (key, time, value) in [
        ("UUID", "TIMESTAMPTZ", "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"),
        ("NUMERIC(20)", "DATE", "n"),
        ("CHAR(8)", "NUMERIC", "n::text"),
        ("BYTEA", "TEXT", "convert_to('k' || n, 'UTF8')"),
    ] {
        let at = match time {
            "NUMERIC" => "n".to_owned(),
            "TEXT" => "to_char(now() - n * interval '1 hour', 'YYYY-MM-DD HH24:MI:SS')".into(),
            time => format!("(now() - n * interval '1 hour')::{time}"),
        };
        let city = postgres(FindBy::ChangesAndFlag).await;
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
        let city = mysql(FindBy::ChangesAndFlag).await;
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
        let city = postgres(FindBy::ChangesOnly).await;
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, changed {time});
             INSERT INTO wide SELECT n, 'infinity' FROM generate_series(1, 7) AS n;
             INSERT INTO wide SELECT n, '-infinity' FROM generate_series(11, 17) AS n;
             INSERT INTO wide VALUES (20, now())"
        ))
        .await;
        let city = city.with(json!({ "table": "wide", "part": [] }));
        let (entries, at) = city.entries(None, 2).await;
        let keys: std::collections::BTreeSet<String> = entries.iter().map(key_of).collect();
        assert_eq!(keys.len(), 15, "{time}");
        let (entries, _) = city.entries(Some(at), 2).await;
        assert_eq!(entries.len(), 0, "{time}: those that lie behind the bound have not changed");
    }
}

#[tokio::test]
async fn an_unchanged_order_is_read_again_when_an_urge_arrives() {
    for city in [postgres(FindBy::ChangesAndFlag).await, mysql(FindBy::ChangesAndFlag).await] {
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
async fn a_time_range_is_read_in_the_types_of_the_column() {
    for mut city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesAndFlag).await] {
        for age in 1..6 {
            let half_past = std::time::Duration::from_secs(3600 * age + 1800);
            city.add(&[format!("{age}")], half_past).await;
        }
        let entries = city.entries_between(4, 2, 1).await.unwrap();
        let mut keys: Vec<_> = entries.iter().map(key_of).collect();
        keys.sort();
        assert_eq!(keys, ["2", "3"]);
    }
}

fn key_of(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}
