//! Numbers that become visible after greater ones, and tables at rest.

use contract::{Connector as _, Cursor};
use serde_json::json;

use super::{City, Desk, FindBy, mysql, postgres, telling::pass};

/// A table whose rows are found by a number, with the rows that this selects.
async fn numbered(city: City, rows: &str) -> City {
    city.run(&format!(
        "CREATE TABLE wide (id INT PRIMARY KEY, no BIGINT); INSERT INTO wide {rows}"
    ))
    .await;
    city.with(json!({
        "table": "wide", "part": [], "changes": { "column": "no", "overlap": "1ms" }
    }))
}

/// The city, read with an account of MySQL that may not see which transactions are open.
async fn without_process(city: City) -> City {
    let name = city.url.rsplit('/').next().unwrap();
    let host = city.url.rsplit('@').next().unwrap();
    city.run(&format!(
        "CREATE USER {name}_late@'%' IDENTIFIED BY 'x1'; GRANT SELECT ON {name}.* TO {name}_late@'%'"
    ))
    .await;
    let url = format!("mysql://{name}_late:x1@{host}");
    city.with(json!({ "url": url }))
}

/// The numbers of a series.
fn series(city: &City, from: u32, to: u32, step: u32) -> String {
    match city.desk {
        Desk::MySql(_) => format!("SELECT seq, seq FROM seq_{from}_to_{to}_step_{step}"),
        _ => format!("SELECT n, n FROM generate_series({from}, {to}, {step}) AS n"),
    }
}

async fn keys(city: &City, at: &mut Option<Cursor>) -> Vec<String> {
    let (entries, fault) = pass(city, at).await;
    assert!(fault.is_none(), "{fault:?}");
    entries.iter().map(|entry| entry.key().unwrap().to_string()).collect()
}

#[tokio::test]
async fn a_number_that_is_committed_soon_after_greater_ones_is_read() {
    for city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        city.run(
            "CREATE TABLE wide (id INT PRIMARY KEY, no BIGINT);
             INSERT INTO wide VALUES (1, 11), (3, 13), (7, 17)",
        )
        .await;
        let city = city.with(json!({
            "table": "wide", "part": [], "changes": { "column": "no" }
        }));
        let mut at = None;
        assert_eq!(pass(&city, &mut at).await.0.len(), 3);
        for (id, no) in [(2, 12), (8, 18), (0, 1), (6, 16)] {
            city.run(&format!("INSERT INTO wide VALUES ({id}, {no})")).await;
            let (entries, _) = pass(&city, &mut at).await;
            assert!(entries.iter().any(|it| it.key().unwrap().as_str() == id.to_string()), "{id}");
        }
        assert_eq!(pass(&city, &mut at).await.0.len(), 0);
    }
}

#[tokio::test]
async fn a_number_that_comes_late_is_read_among_negative_ones_too() {
    for mut city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        for (table, number) in [
            ("small", "SMALLINT"),
            ("big", "BIGINT"),
            ("real_one", "DOUBLE PRECISION"),
            ("money", "DECIMAL(20,2)"),
        ] {
            city.run(&format!(
                "CREATE TABLE {table} (id INT PRIMARY KEY, no {number});
                 INSERT INTO {table} VALUES (1, -900), (2, -899), (3, -890)"
            ))
            .await;
            city = city.with(json!({ "table": table, "part": [], "changes": { "column": "no" } }));
            let mut at = None;
            assert_eq!(keys(&city, &mut at).await.len(), 3);
            for (id, no) in [(4, -895), (5, -32_000), (6, 7), (7, -1)] {
                city.run(&format!("INSERT INTO {table} VALUES ({id}, {no})")).await;
                let found = keys(&city, &mut at).await;
                assert!(found.contains(&id.to_string()), "{table}: {no} is not in {found:?}");
            }
            assert_eq!(keys(&city, &mut at).await, [""; 0], "{table}");
        }
    }
}

#[tokio::test]
async fn a_number_that_was_missing_is_read_however_late_it_comes() {
    for city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await] {
        let rows = series(&city, 1, 4000, 1);
        let city = numbered(city, &format!("{rows} ")).await;
        city.run("DELETE FROM wide WHERE id IN (7, 500, 501, 502, 3998)").await;
        let mut at = None;
        assert_eq!(keys(&city, &mut at).await.len(), 3995);
        for id in [501, 7, 3998, 500] {
            city.run(&format!("INSERT INTO wide VALUES ({id}, {id})")).await;
            let found = keys(&city, &mut at).await;
            // The row at which a sweep begins may come once more.
            assert!(found.contains(&id.to_string()) && found.len() < 50, "{id}: {found:?}");
        }
        keys(&city, &mut at).await;
        assert_eq!(keys(&city, &mut at).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_number_whose_transaction_stays_open_is_read_when_it_ends() {
    let hidden = without_process(mysql(FindBy::ChangesOnly).await).await;
    for city in [postgres(FindBy::ChangesOnly).await, mysql(FindBy::ChangesOnly).await, hidden] {
        // Too many numbers are missing to remember them.
        let rows = series(&city, 2, 2000, 2);
        let city = numbered(city, &rows).await;
        let mut at = None;
        assert_eq!(keys(&city, &mut at).await.len(), 1000);
        let late = "INSERT INTO wide VALUES (2001, 2001)";
        let rows = format!("INSERT INTO wide {}", series(&city, 2002, 6000, 2));
        macro_rules! open_and_end {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.unwrap();
                sqlx::raw_sql(late).execute(&mut *transaction).await.unwrap();
                for _ in 0..3 {
                    pass(&city, &mut at).await;
                }
                city.run(&rows).await;
                assert!(keys(&city, &mut at).await.len() >= 2000);
                for _ in 0..3 {
                    assert!(!keys(&city, &mut at).await.contains(&"2001".to_owned()));
                }
                transaction.commit().await.unwrap();
            }};
        }
        match &city.desk {
            Desk::Postgres(pool) => open_and_end!(pool),
            Desk::MySql(pool) => open_and_end!(pool),
            Desk::Sqlite(_) => panic!("a server"),
        }
        assert!(keys(&city, &mut at).await.contains(&"2001".to_owned()));
        for _ in 0..2 {
            pass(&city, &mut at).await;
        }
        assert_eq!(keys(&city, &mut at).await, [""; 0]);
    }
}

#[tokio::test]
async fn an_account_that_may_not_see_the_open_transactions_is_told_what_it_lacks() {
    for (is_hidden, city) in [
        (false, mysql(FindBy::ChangesOnly).await),
        (true, without_process(mysql(FindBy::ChangesOnly).await).await),
    ] {
        let rows = series(&city, 1, 3, 1);
        let city = numbered(city, &rows).await;
        let found = city.table().inspect().await.unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let is_told = found.iter().any(|it| it.contains("GRANT PROCESS ON *.*"));
        assert_eq!(is_told, is_hidden, "{found:?}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_at_rest_within_the_overlap_are_published_once() {
    let city = postgres(FindBy::ChangesOnly).await;
    city.run(
        "CREATE TABLE wide (id INT PRIMARY KEY, changed TIMESTAMPTZ);
         INSERT INTO wide SELECT n, now() FROM generate_series(1, 100000) AS n;
         CREATE INDEX ON wide (changed, id)",
    )
    .await;
    let city = city.with(json!({ "table": "wide", "part": [], "page": 500,
        "changes": { "column": "changed", "overlap": "1h" } }));
    let (entries, mut at) = city.entries(None, 10_000).await;
    assert_eq!(entries.len(), 100_000);
    for _ in 0..10 {
        let (entries, next) = city.entries(Some(at), 10_000).await;
        assert_eq!(entries.len(), 0);
        at = next;
    }
}
