//! Tests of what only PostgreSQL does. `store/tests/suite.rs` has the tests that every store must pass.
//!
//! `cargo xtask test` starts a server and sets its URL in `TONGHUI_TEST_POSTGRES`. Every test creates a new
//! database there.

mod access;
mod commits;
mod faults;
mod hosts;
mod months;
mod races;
mod tables;

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use super::Postgres;
use crate::store::{Access, Database};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A store in a new database.
pub(in crate::store) struct PostgresTestStore {
    pub(in crate::store) url: String,
    pub(in crate::store) postgres: Postgres,
    pub(in crate::store) store: Database,
}

impl PostgresTestStore {
    pub(in crate::store) async fn new() -> Self {
        Self::open(new_database("ENCODING 'UTF8'").await).await
    }

    pub(in crate::store) async fn open(url: String) -> Self {
        let postgres = connect(&url).await;
        Self { url, store: Database::Postgres(postgres.clone()), postgres }
    }

    /// Another handle to the same database, as another process has one.
    async fn again(&self) -> Database {
        open(&self.url).await
    }

    async fn tell(&self, sql: &str) {
        tell(&self.url, sql).await;
    }

    async fn ask<T>(&self, sql: &'static str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        ask(&self.url, sql).await
    }

    /// Waits until that many connections to this database wait for a lock.
    async fn until_waiting(&self, n: i64) {
        let pool = PgPool::connect(&self.url).await.unwrap();
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() != n {}
        pool.close().await;
    }
}

async fn open(url: &str) -> Database {
    Database::Postgres(connect(url).await)
}

async fn connect(url: &str) -> Postgres {
    Postgres::open(url, Access::ReadWrite).await.unwrap()
}

fn server() -> String {
    std::env::var("TONGHUI_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("this test needs a server, which TONGHUI_TEST_POSTGRES names: run `cargo xtask with cargo test -p sink`")
    })
}

/// Creates a database; returns its URL.
async fn new_database(with: &str) -> String {
    let name = format!("sink_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let server = server();
    tell(&server, &format!("DROP DATABASE IF EXISTS {name}")).await;
    tell(&server, &format!("CREATE DATABASE {name} {with} TEMPLATE template0")).await;
    let (address, _) = server.rsplit_once('/').unwrap();
    format!("{address}/{name}")
}

async fn ask<T>(url: &str, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

async fn tell(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
