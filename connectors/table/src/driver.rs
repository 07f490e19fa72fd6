//! The seam to the databases: an enum over three native drivers.
//!
//! Not `sqlx::Any`: it has no decimals, no times and no UUIDs, and a row that holds one fails as a
//! whole. The three files have the same sections: open, fetch, execute, bind, row, trouble. A
//! further database is a fourth file.

mod mysql;
mod postgres;
mod sqlite;

use std::{str::FromStr as _, time::Duration};

use chrono_tz::Tz;
use contract::{Fault, chain, no_connection};
use sqlx::{
    ConnectOptions as _, MySqlPool, PgPool, SqlitePool,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
    postgres::{PgConnectOptions, PgDatabaseError},
    sqlite::{SqliteConnectOptions, SqliteError},
};

use crate::{
    row::Row,
    sql::{Dialect, PENDING, Sql},
    value::Value,
};

/// Where a database is, parsed from its URL. Touches no network.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// Connections to it.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// What a database complains about, whatever its code for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Somebody else holds a lock.
    Busy,
    /// It took longer than the limit.
    Late,
    /// No connection came about, and why.
    Unreachable(&'static str),
    /// There was a connection.
    Lost,
    /// The server starts or ends.
    Leaving,
    /// It takes no more connections.
    Crowded,
    /// Its disk or memory is full or fails.
    Short,
    /// TLS failed, and why.
    Untrusted(String),
    /// It does not speak as we do.
    Foreign,
    /// It wants another proof than a password as we can give it.
    SignOn,
    WrongPassword,
    Expired,
    NoDatabase,
    /// The table was altered under the connection.
    Stale,
    /// The account may not do this.
    Denied,
    NoTable,
    /// With its name.
    NoColumn(String),
    /// A flag's value has not the type of its column.
    WrongType,
    /// A constraint or a trigger refused a row.
    Value,
    /// The column, and its type that this crate cannot read.
    Undecodable(String, String),
    /// With the database's code.
    Other(String),
}

impl Address {
    /// The URL is never quoted: it holds a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Fault> {
        let scheme = url.split(':').next().unwrap_or_default();
        let parsed = match scheme {
            "sqlite" => SqliteConnectOptions::from_str(url).map(Box::new).map(Self::Sqlite),
            "postgres" | "postgresql" => {
                PgConnectOptions::from_str(url).map(Box::new).map(Self::Postgres)
            }
            "mysql" | "mariadb" => {
                MySqlConnectOptions::from_str(url).map(Box::new).map(Self::MySql)
            }
            _ => Err(sqlx::Error::PoolClosed),
        };
        parsed.map_err(|_| {
            Fault::stopped("`url` is not the address of a database this connector knows").remedy(
                "write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://…, with \
                 special characters of the password percent-encoded",
            )
        })
    }

    /// What it is and where, without the account.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(options) => format!("sqlite file {}", options.get_filename().display()),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or_default();
                let (host, port) = (options.get_host(), options.get_port());
                format!("postgres database {database} at {host}:{port}")
            }
            Self::MySql(options) => {
                let database = options.get_database().unwrap_or_default();
                let (host, port) = (options.get_host(), options.get_port());
                format!("mysql database {database} at {host}:{port}")
            }
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
        }
    }

    /// Connections are made when they are first used. Needs a runtime.
    pub(crate) fn open(&self, timeout: Duration, most: u32, zone: Tz) -> Pool {
        match self {
            Self::Sqlite(options) => Pool::Sqlite(sqlite::open(options, timeout, most)),
            Self::Postgres(options) => Pool::Postgres(postgres::open(options, timeout, most, zone)),
            Self::MySql(options) => Pool::MySql(mysql::open(options, timeout, most, zone)),
        }
    }
}

impl Pool {
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => sqlite::fetch(pool, sql).await,
            Self::Postgres(pool) => postgres::fetch(pool, sql).await,
            Self::MySql(pool) => mysql::fetch(pool, sql).await,
        }
    }

    /// Why no connection comes about. A pool waits for a server that refuses, and says only that
    /// it has waited; an attempt beside it says why.
    pub(crate) async fn refusal(&self) -> Option<sqlx::Error> {
        match self {
            Self::Sqlite(pool) => pool.connect_options().connect().await.err(),
            Self::Postgres(pool) => pool.connect_options().connect().await.err(),
            Self::MySql(pool) => pool.connect_options().connect().await.err(),
        }
    }

    /// The number of rows that were changed.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => sqlite::execute(pool, sql).await,
            Self::Postgres(pool) => postgres::execute(pool, sql).await,
            Self::MySql(pool) => mysql::execute(pool, sql).await,
        }
    }
}

impl Trouble {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                if let Some(error) = error.try_downcast_ref::<SqliteError>() {
                    sqlite::trouble(error)
                } else if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                    postgres::trouble(error)
                } else if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                    mysql::trouble(error)
                } else {
                    Self::Other("unknown".to_owned())
                }
            }
            sqlx::Error::ColumnDecode { index, source } => {
                Self::Undecodable(index.clone(), source.to_string())
            }
            sqlx::Error::Configuration(_) => Self::Other("configuration".to_owned()),
            sqlx::Error::Tls(error) => Self::Untrusted(chain(&**error)),
            sqlx::Error::Io(error) => no_connection(error).map_or(Self::Lost, Self::Unreachable),
            sqlx::Error::PoolTimedOut => Self::Unreachable("no connection came about in time"),
            sqlx::Error::Protocol(why) if why.contains("auth") => Self::SignOn,
            sqlx::Error::Protocol(_) => Self::Foreign,
            // The connection broke, in one way or another.
            _ => Self::Lost,
        }
    }

    /// Whether it has nothing to do with a table.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Lost
                | Self::Leaving
                | Self::Crowded
                | Self::Short
                | Self::Untrusted(_)
                | Self::Foreign
                | Self::SignOn
                | Self::WrongPassword
                | Self::Expired
                | Self::NoDatabase
        )
    }
}

/// A column of a type that cannot be read. Names and types only, never a value.
fn undecodable(column: &str, class: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: class.to_owned().into() }
}

/// Takes the extra column out of the columns.
fn finish(
    columns: impl Iterator<Item = Result<(String, Value), sqlx::Error>>,
) -> Result<Row, sqlx::Error> {
    let mut row = Row::default();
    for column in columns {
        match column? {
            (name, value) if name == PENDING => row.pending = value == Value::Int(1),
            column => row.columns.push(column),
        }
    }
    Ok(row)
}

/// The shortest decimal that is this number, not the nearest one of twice the precision.
fn widen(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
