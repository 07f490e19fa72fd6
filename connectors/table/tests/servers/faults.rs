//! Faults of servers.

use connector_testkit::Source as _;
use contract::{Connector as _, Entry, FaultKind};
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{City, Desk, FindBy, mysql, postgres};

#[tokio::test]
async fn an_altered_table_is_still_read() {
    for city in [postgres(FindBy::FlagOnly).await, mysql(FindBy::FlagOnly).await] {
        let mut city = city;
        let mut table = city.table();
        let _ = table.read(None, 10).await.unwrap();
        city.run("ALTER TABLE orders ADD COLUMN added VARCHAR(9)").await;
        city.add(&["a".into()], std::time::Duration::ZERO).await;
        let mut batch = table.read(None, 10).await;
        if let Err(fault) = &batch {
            assert!(fault.is_transient(), "{fault}");
            batch = table.read(None, 10).await;
        }
        match &batch.unwrap().entries[..] {
            [Entry::Record(record)] => assert!(record.body.tree().get("added").is_some()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_fault_of_an_account_without_update_names_the_only_grant_that_is_missing() {
    let postgres = postgres(FindBy::ChangesAndFlag).await;
    let role = postgres.url.rsplit('/').next().unwrap().to_owned();
    postgres
        .run(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON orders, urges TO {role}"))
        .await;
    let mysql = mysql(FindBy::ChangesAndFlag).await;
    let name = mysql.url.rsplit('/').next().unwrap().to_owned();
    mysql
        .run(&format!(
            "CREATE USER {name}@'%' IDENTIFIED BY 'wrong horse';
             GRANT SELECT ON {name}.* TO {name}@'%'"
        ))
        .await;
    let as_user = |url: &str, user: &str| {
        let (scheme, rest) = url.split_once("://").unwrap();
        format!("{scheme}://{user}@{}", rest.split_once('@').unwrap().1)
    };
    let postgres_url = as_user(&postgres.url, &role);
    let mysql_url = as_user(&mysql.url, &format!("{name}:wrong%20horse"));
    for (mut city, url, account) in
        [(postgres, postgres_url, role), (mysql, mysql_url, format!("{name}@'%'"))]
    {
        city.add(&["a".into()], std::time::Duration::ZERO).await;
        let city = city.with(json!({ "url": url }));
        let mut table = city.table();
        let batch = table.read(None, 10).await.unwrap();
        assert_eq!(batch.entries.len(), 1);
        let fault = table.settled(&batch.upto).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let text = fault.to_string();
        assert!(text.contains("GRANT UPDATE (isfetch, sjjhzt) ON orders"), "{text}");
        assert!(!text.contains("horse"), "{text}");
        city.run(&format!("GRANT UPDATE (isfetch, sjjhzt) ON orders TO {account}")).await;
        table.settled(&batch.upto).await.unwrap();
        assert_eq!(city.n_pending().await, 0);
    }
}

#[tokio::test]
async fn an_inspection_finds_what_would_go_wrong_and_changes_nothing() {
    for city in [postgres(FindBy::ChangesAndFlag).await, mysql(FindBy::ChangesAndFlag).await] {
        let mut city = city;
        city.add(&["a".into()], std::time::Duration::from_secs(3_600)).await;
        let found = city.table().inspect().await.unwrap();
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        let is_slow =
            said.iter().any(|said| said.contains("no index begins with the column changed"));
        city.run("CREATE INDEX by_change ON orders (changed)").await;
        let after = city.table().inspect().await.unwrap();
        assert_eq!(after.len() + usize::from(is_slow), found.len(), "{said:?} {after:?}");
        assert_eq!(city.n_pending().await, 1);
    }
    // An account that may only read.
    let city = postgres(FindBy::FlagOnly).await;
    let role = city.url.rsplit('/').next().unwrap().to_owned();
    city.run(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON orders, urges TO {role}")).await;
    let url = format!("postgres://{role}@{}", city.url.rsplit_once('@').unwrap().1);
    let found = city.with(json!({ "url": url })).table().inspect().await.unwrap();
    let said: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("GRANT UPDATE (isfetch, sjjhzt)")), "{said:?}");
}

#[tokio::test]
async fn a_wrong_password_stops_and_is_not_quoted() {
    let mysql = mysql(FindBy::FlagOnly).await;
    let (scheme, rest) = mysql.url.split_once("://").unwrap();
    let host = rest.split_once('@').unwrap().1;
    let url = format!("{scheme}://nobody:s3cret@{host}");
    let fault = mysql.with(json!({ "url": url })).table().read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("password"), "{fault}");
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_transient() {
    for city in [postgres(FindBy::FlagOnly).await, mysql(FindBy::FlagOnly).await] {
        let mut city = city.with(json!({ "timeout": "200ms" }));
        city.add(&["a".into()], std::time::Duration::ZERO).await;
        let slow = match city.desk {
            Desk::Postgres(_) => {
                "ALTER TABLE orders RENAME TO real_orders;
                 CREATE VIEW orders AS SELECT *, pg_sleep(20)::text AS slept FROM real_orders"
            }
            _ => {
                "RENAME TABLE orders TO real_orders;
                 CREATE VIEW orders AS SELECT *, SLEEP(20) AS slept FROM real_orders"
            }
        };
        city.run(slow).await;
        let fault = city.table().read(None, 10).await.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        assert!(fault.to_string().contains("no answer within 200ms"), "{fault}");
    }
}

#[tokio::test]
async fn connections_that_end_within_a_batch_lose_nothing() {
    for city in [postgres(FindBy::ChangesAndFlag).await, mysql(FindBy::ChangesAndFlag).await] {
        let mut city = city;
        city.add(&["a".into(), "b".into(), "c".into()], std::time::Duration::ZERO).await;
        let (hang, go_on) = match city.desk {
            Desk::Postgres(_) => (
                "ALTER TABLE orders RENAME TO real_orders;
                 CREATE VIEW orders AS SELECT *, pg_sleep(60)::text AS slept FROM real_orders",
                "DROP VIEW orders; ALTER TABLE real_orders RENAME TO orders",
            ),
            _ => (
                "RENAME TABLE orders TO real_orders;
                 CREATE VIEW orders AS SELECT *, SLEEP(60) AS slept FROM real_orders",
                "DROP VIEW orders; RENAME TABLE real_orders TO orders",
            ),
        };

        // While the rows of a batch arrive.
        city.run(hang).await;
        let mut table = city.table();
        let cut = async {
            while !is_busy(&city).await {}
            end_connections(&city).await;
        };
        let (batch, ()) = tokio::join!(table.read(None, 10), cut);
        let fault = batch.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        city.run(go_on).await;
        let batch = table.read(None, 10).await.unwrap();
        assert_eq!(batch.entries.len(), 3);

        // After the rows were read, and before their flags are set.
        end_connections(&city).await;
        if let Err(fault) = table.settled(&batch.upto).await {
            assert!(fault.is_transient(), "{fault}");
            table.settled(&batch.upto).await.unwrap();
        }
        assert_eq!(city.n_pending().await, 0);
    }
}

/// Ends all other connections to this database.
async fn end_connections(city: &City) {
    let Desk::MySql(pool) = &city.desk else {
        city.count(&format!("SELECT COUNT(pg_terminate_backend(pid)) {ON_POSTGRES}")).await;
        return;
    };
    let mut us = pool.acquire().await.unwrap();
    let others = AssertSqlSafe(format!("SELECT id {ON_MARIADB}"));
    let others: Vec<i64> = sqlx::query_scalar(others).fetch_all(&mut *us).await.unwrap();
    for other in others {
        sqlx::raw_sql(AssertSqlSafe(format!("KILL {other}"))).execute(&mut *us).await.unwrap();
    }
}

/// Whether a query for orders is running.
async fn is_busy(city: &City) -> bool {
    let busy = match city.desk {
        Desk::MySql(_) => format!("SELECT COUNT(*) {ON_MARIADB} AND info LIKE '%sjjhzt%'"),
        _ => {
            format!("SELECT COUNT(*) {ON_POSTGRES} AND state = 'active' AND query LIKE '%sjjhzt%'")
        }
    };
    city.count(&busy).await > 0
}

const ON_POSTGRES: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
const ON_MARIADB: &str =
    "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";

#[tokio::test]
async fn an_unreachable_server_is_a_transient_fault() {
    for scheme in ["postgres", "mysql"] {
        let city = City::sqlite(FindBy::FlagOnly).await;
        let url = format!("{scheme}://a:s3cret@127.0.0.1:1/x");
        let city = city.with(json!({ "url": url, "timeout": "300ms" }));
        let fault = city.table().read(None, 10).await.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
}
