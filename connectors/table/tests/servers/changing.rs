//! Rows, columns and times of a source that change while it is read.

use std::time::Duration;

use connector_table::Table;
use connector_testkit::Source as _;
use contract::{Connector as _, ConnectorContext, Cursor, Entry};
use serde_json::json;

use super::{City, Desk, FindBy, mysql, postgres, telling::pass};

const HOUR: Duration = Duration::from_secs(3600);

async fn cities(find_by: FindBy) -> [City; 3] {
    [City::sqlite(find_by).await, postgres(find_by).await, mysql(find_by).await]
}

/// The title of a row in these entries.
fn title<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    entries.iter().rev().find_map(|entry| match entry {
        Entry::Record(record) if record.key.as_str() == key => record.body.tree()["title"].as_str(),
        _ => None,
    })
}

/// What the rest of this pass and the next one read: a row that stays pending may lie behind the position.
async fn two_passes(city: &City, at: &<Table as contract::Connector>::Cursor) -> Vec<Entry> {
    let (mut entries, at) = city.entries(Some(Cursor::encode(at).unwrap()), 10).await;
    entries.extend(city.entries(Some(at), 10).await.0);
    entries
}

#[tokio::test]
async fn a_row_that_changes_before_it_is_acknowledged_stays_pending() {
    for mut city in cities(FindBy::FlagOnly).await {
        city.add(&["a".into(), "b".into()], HOUR).await;
        let mut table = city.table();
        let batch = table.read(None, 10).await.unwrap();
        assert_eq!(title(&batch.entries, "a"), Some("title"));
        city.run("UPDATE orders SET title = 'Title', isfetch = 0 WHERE id = 'a'").await;
        // The cursor outlives the process.
        let upto = Cursor::encode(&batch.upto).unwrap().decode().unwrap();
        city.table().settled(&upto).await.unwrap();
        assert_eq!(city.count("SELECT COUNT(*) FROM orders WHERE isfetch = 1").await, 1);
        let entries = two_passes(&city, &batch.upto).await;
        assert_eq!(title(&entries, "a"), Some("Title"));
        assert_eq!(city.n_pending().await, 0);
    }
}

#[tokio::test]
async fn a_change_for_whose_end_the_acknowledgement_waits_is_read() {
    let update = "UPDATE orders SET title = 'new', isfetch = 0 WHERE id = 'a'";
    let replace = "DELETE FROM orders WHERE id = 'a';
                   INSERT INTO orders (id, serial, title) VALUES ('a', 'S-a', 'new')";
    for (mut city, change) in [
        (postgres(FindBy::FlagOnly).await, update),
        (postgres(FindBy::FlagOnly).await, replace),
        (mysql(FindBy::FlagOnly).await, update),
        (mysql(FindBy::FlagOnly).await, replace),
    ] {
        city.add(&["a".into(), "b".into()], HOUR).await;
        let mut table = city.table();
        let waiting = match city.desk {
            Desk::Postgres(_) => {
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event_type = 'Lock'"
            }
            _ => {
                "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()
                 AND id <> CONNECTION_ID() AND command = 'Execute' AND info LIKE '%UPDATE%'"
            }
        };
        macro_rules! settle_during_a_change {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                sqlx::raw_sql(change).execute(&mut *transaction).await.unwrap();
                let batch = table.read(None, 10).await.unwrap();
                assert_eq!(title(&batch.entries, "a"), Some("title"));
                let commit = async {
                    while city.count(waiting).await == 0 {}
                    transaction.commit().await
                };
                let (settled, committed) = tokio::join!(table.settled(&batch.upto), commit);
                settled.unwrap();
                committed.unwrap();
                batch
            }};
        }
        let batch = match &city.desk {
            Desk::Postgres(pool) => settle_during_a_change!(pool),
            Desk::MySql(pool) => settle_during_a_change!(pool),
            Desk::Sqlite(_) => panic!("a server"),
        };
        assert_eq!(city.n_pending().await, 1);
        let entries = two_passes(&city, &batch.upto).await;
        assert_eq!(title(&entries, "a"), Some("new"));
        assert_eq!(city.n_pending().await, 0);
    }
}

#[tokio::test]
async fn rows_of_every_type_are_acknowledged_by_their_content() {
    for (city, columns, values) in [
        (
            postgres(FindBy::FlagOnly).await,
            "r REAL, d DOUBLE PRECISION, n NUMERIC, j JSONB, t TIMESTAMPTZ, i INTERVAL, b BYTEA, c CHAR(9)",
            "0.1, 1e-300, 1.10, '{\"a\": [1]}', now(), '1 hour', '\\xff00', 'x'",
        ),
        (
            mysql(FindBy::FlagOnly).await,
            "r FLOAT, d DOUBLE, n DECIMAL(9,4), j JSON, t TIMESTAMP, i BIT(3), b LONGBLOB, c ENUM('x')",
            "0.1, 1e-300, 1.10, '{\"a\": [1]}', NOW(), b'101', x'ff00', 'x'",
        ),
    ] {
        city.run(&format!(
            "CREATE TABLE wide (id INT PRIMARY KEY, isfetch INT, {columns});
             INSERT INTO wide VALUES (1, 0, {values})"
        ))
        .await;
        let city = city.with(json!({ "table": "wide", "part": [],
            "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }] }));
        let (entries, fault) = pass(&city, &mut None).await;
        assert!(entries.len() == 1 && fault.is_none(), "{fault:?}");
        assert_eq!(city.count("SELECT COUNT(*) FROM wide WHERE isfetch = 1").await, 1);
    }
}

#[tokio::test]
async fn a_mapped_column_that_is_renamed_stops_the_channel() {
    for mut city in cities(FindBy::ChangesOnly).await {
        city.add(&["a".into()], HOUR).await;
        let table = |mapped: &str| {
            let channel = "hotline".parse().unwrap();
            let mut context = ConnectorContext::new(channel, chrono_tz::Asia::Shanghai);
            context.mapped = Some(mapped.into());
            Table::build(serde_json::from_value(city.settings.clone()).unwrap(), context).unwrap()
        };
        // `old` is one of two paths, and `note` is a column of a part.
        let before = "$.id\n\n$.title\n$.old\n\n$.urges[*]\n\n@.note\n\n";
        let mut at = None;
        loop {
            let batch = table(before).read(at.as_ref(), 10).await.unwrap();
            at = Some(batch.upto);
            if batch.end.is_some() {
                break;
            }
        }
        city.run("ALTER TABLE orders RENAME COLUMN title TO titel").await;
        let fault = table(before).read(at.as_ref(), 10).await.err().unwrap().to_string();
        assert!(fault.contains("no column title") && fault.contains("nearest is titel"), "{fault}");
        for after in ["$.id\n\n$.titel\n\n$.urges[*]\n\n@.note\n\n", "$.id\n$.titles\n\n"] {
            let _ = table(after).read(at.as_ref(), 10).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_row_is_not_published_without_a_column_that_is_renamed_during_a_pass() {
    for mut city in cities(FindBy::ChangesOnly).await {
        city.add(&["a".into(), "b".into(), "c".into()], HOUR).await;
        let mut table = city.table();
        let batch = table.read(None, 1).await.unwrap();
        assert!(title(&batch.entries, "a") == Some("title") && batch.end.is_none());
        city.run("ALTER TABLE orders RENAME COLUMN title TO titel").await;
        let fault = table.read(Some(&batch.upto), 1).await.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        assert!(fault.to_string().contains("the columns were changed"), "{fault}");
    }
}

#[tokio::test]
async fn values_stand_under_their_names_in_a_table_that_is_rebuilt_during_a_pass() {
    for mut city in cities(FindBy::ChangesOnly).await {
        city.add(&["a".into(), "b".into(), "c".into()], HOUR).await;
        let mut table = city.table();
        let mut batch = table.read(None, 1).await.unwrap();
        city.run(
            "CREATE TABLE rebuilt AS SELECT title, serial, id, isfetch, sjjhzt, changed, content FROM orders;
             DROP TABLE orders;
             ALTER TABLE rebuilt RENAME TO orders",
        )
        .await;
        for key in ["b", "c"] {
            batch = table.read(Some(&batch.upto), 1).await.unwrap();
            let [Entry::Record(record)] = &batch.entries[..] else { panic!("{:?}", batch.entries) };
            let tree = record.body.tree();
            assert_eq!(record.key.as_str(), key);
            assert_eq!(
                (&tree["title"], &tree["serial"]),
                (&json!("title"), &json!(format!("S-{key}")))
            );
        }
    }
}

#[tokio::test]
async fn a_date_in_the_far_future_hides_no_row_whatever_the_zone() {
    for hours in [0, -8, 8] {
        for mut city in cities(FindBy::ChangesOnly).await {
            // The source writes its times in a zone that lies behind ours, or before it.
            let now = match city.desk {
                Desk::Sqlite(_) => format!("datetime('now', '+8 hours', '{hours:+} hours')"),
                _ => format!("{} + INTERVAL '{hours}' HOUR", city.ago(Duration::ZERO)),
            };
            city.add(&["old".into()], 48 * HOUR).await;
            city.run("INSERT INTO orders (id, changed) VALUES ('2099', '2099-01-01 00:00:00')")
                .await;
            let mut at = None;
            assert_eq!(pass(&city, &mut at).await.0.len(), 2);
            for key in ["first", "second"] {
                city.run(&format!("INSERT INTO orders (id, changed) VALUES ('{key}', {now})"))
                    .await;
                let (entries, _) = pass(&city, &mut at).await;
                let is_read = entries.iter().any(|it| it.key().unwrap().as_str() == key);
                assert!(is_read, "{key} at {hours} h");
            }
            for _ in 0..2 {
                pass(&city, &mut at).await;
            }
            assert_eq!(pass(&city, &mut at).await.0.len(), 0);
        }
    }
}

#[tokio::test]
async fn times_that_seem_to_be_in_utc_and_missing_ones_are_told() {
    for mut city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        city.run("CREATE INDEX by_change ON orders (changed)").await;
        city.add(&["a".into()], 8 * HOUR).await;
        city.run("INSERT INTO orders (id) VALUES ('x'), ('y')").await;
        let found = city.table().inspect().await.unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&found[..], [zone, undated] if zone.contains("8 h behind the clock")
                && undated.contains("2 rows have no value in the column changed")),
            "{found:?}"
        );
    }
}
