//! The promises of every source, for real PostgreSQL and MariaDB servers.
//!
//! `cargo xtask test` starts both and names them in `TONGHUI_TEST_POSTGRES` and `TONGHUI_TEST_MYSQL`.
//! Without them these tests fail, because a test that skips itself proves nothing. Every test creates
//! its own database.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../city/mod.rs"]
mod city;

mod changing;
mod diagnosis;
mod equality;
mod faults;
mod late;
mod odd;
mod rows;
mod scans;
mod telling;

use std::sync::atomic::{AtomicU32, Ordering};

use city::{City, Desk, FindBy};
use sqlx::{AssertSqlSafe, MySqlPool, PgPool};

static NEXT: AtomicU32 = AtomicU32::new(0);

async fn postgres(find_by: FindBy) -> City {
    let server = server("TONGHUI_TEST_POSTGRES");
    let (name, url) = database(&server);
    let admin = PgPool::connect(&server).await.unwrap();
    for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&admin).await.unwrap();
    }
    admin.close().await;
    City::new(Desk::Postgres(PgPool::connect(&url).await.unwrap()), url, find_by, None).await
}

async fn mysql(find_by: FindBy) -> City {
    let server = server("TONGHUI_TEST_MYSQL");
    let (name, url) = database(&server);
    let admin = MySqlPool::connect(&server).await.unwrap();
    for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&admin).await.unwrap();
    }
    admin.close().await;
    City::new(Desk::MySql(MySqlPool::connect(&url).await.unwrap()), url, find_by, None).await
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("this test needs a server, which {variable} names: run `cargo xtask with cargo test -p connector-table`")
    })
}

/// The name of a database for one test, and its URL.
fn database(server: &str) -> (String, String) {
    let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (address, query) = server.split_once('?').map_or((server, ""), |(url, query)| (url, query));
    let scheme_end = address.find("://").unwrap() + 3;
    let host_end = address[scheme_end..].find('/').map_or(address.len(), |at| scheme_end + at);
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let url = format!("{}/{name}{query}", &address[..host_end]);
    (name, url)
}

mod postgres_keeps_the_promises {
    use super::{FindBy, postgres};

    connector_testkit::suite!(postgres(FindBy::ChangesAndFlag).await);
}

mod postgres_keeps_them_without_a_flag {
    use super::{FindBy, postgres};

    connector_testkit::suite!(postgres(FindBy::ChangesOnly).await);
}

mod mariadb_keeps_the_promises {
    use super::{FindBy, mysql};

    connector_testkit::suite!(mysql(FindBy::ChangesAndFlag).await);
}

mod mariadb_keeps_them_without_a_flag {
    use super::{FindBy, mysql};

    connector_testkit::suite!(mysql(FindBy::ChangesOnly).await);
}
