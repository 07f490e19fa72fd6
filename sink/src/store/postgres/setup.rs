//! Brings the tables up to date by the files in `migrations/postgres`. The migrator holds a lock, so that
//! several processes do this one after another.

use std::time::Duration;

use contract::Fault;
use sqlx::{AssertSqlSafe, PgConnection, migrate::MigrateError};
use tokio::time::timeout;

use super::{
    Postgres,
    fault::fault,
    link::{Hosts, Link, close},
};
use crate::store::{
    Access,
    database::{ensure_current, migrations, other_version},
};

/// Time limit for a migration. A large database takes long, and another process may be migrating it.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(3_600);

/// With write access, creates the tables or brings them up to date; otherwise checks that they are.
pub(super) async fn bring_up_to_date(link: &Link, access: Access) -> Result<(), Fault> {
    let (_, mut connection) = link.find_host().await?;
    let done = match access {
        Access::ReadWrite => {
            // An account that may not create tables (docs/rights) uses those that are there.
            let only_uses = !may_create(&mut connection).await
                && check(&mut connection, link.place()).await.is_ok();
            if only_uses { Ok(()) } else { migrate(&mut connection, link.place()).await }
        }
        Access::ReadOnly => check(&mut connection, link.place()).await,
    };
    close(connection).await;
    done
}

/// Stores in separate schemas, for demonstrations and tests.
impl Postgres {
    /// Creates an empty schema, and drops an existing one with this name first. Only ASCII letters, digits
    /// and `_` of `name` are used.
    ///
    /// # Errors
    /// Like [`Postgres::open`]; or the user may not create the schema.
    pub async fn create_schema(url: &str, name: &str) -> Result<(), Fault> {
        let link = Link::new(Hosts::parse(url)?, Access::ReadWrite);
        let (_, mut connection) = link.find_host().await?;
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let sql = format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}");
        let created = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        close(connection).await;
        created.map(drop).map_err(|error| fault(link.place(), "create a schema", &error))
    }

    /// The URL of the store in the schema `name`.
    pub fn in_schema(url: &str, name: &str) -> String {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}options=-c%20search_path%3D{name}")
    }
}

/// Whether the account may create tables. If that cannot be found out, the migrator will say why.
async fn may_create(connection: &mut PgConnection) -> bool {
    let sql = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), true)";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap_or(true)
}

async fn migrate(connection: &mut PgConnection, place: &str) -> Result<(), Fault> {
    let work = async {
        // The usual limit is too short for a migration, and for waiting for another process.
        sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await?;
        migrations::POSTGRES.run_direct(None, &mut *connection, false).await
    };
    let ended = timeout(MIGRATION_TIMEOUT, Box::pin(work)).await.map_err(|_| {
        Fault::transient("the tables were not brought up to date within an hour")
            .at(place)
            .remedy("find out what keeps the database busy")
    })?;
    ended.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            fault(place, "bring the tables up to date", &error)
        }
        error => other_version(place).because(error),
    })
}

async fn check(connection: &mut PgConnection, place: &str) -> Result<(), Fault> {
    let work = async {
        let has_tables: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                .fetch_one(&mut *connection)
                .await?;
        if !has_tables {
            return Ok(None);
        }
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(&mut *connection)
            .await
    };
    let version: Option<i64> = timeout(MIGRATION_TIMEOUT, work)
        .await
        .map_err(|_| Fault::transient("the search for the tables took over an hour").at(place))?
        .map_err(|error| fault(place, "look for the tables", &error))?;
    ensure_current(place, version, &migrations::POSTGRES)
}
