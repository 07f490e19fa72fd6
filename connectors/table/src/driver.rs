//! The databases: an enum over three native drivers.
//!
//! Not `sqlx::Any`: it has no decimals, no times and no UUIDs, and a row with one of them fails as a
//! whole. The three files have the same sections: open, query, bind, row, error. A further
//! database is a fourth file.

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
    sql::{Dialect, PENDING, Sql},
    value::{Row, Value},
};

/// The address of a database, parsed from its URL. Uses no network.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// Connections to a database.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// What a database reports, whatever its code for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DbError {
    /// Somebody else holds a lock.
    Locked,
    /// It took longer than the limit.
    TimedOut,
    /// There is no connection, and why.
    Unreachable(&'static str),
    /// The connection broke.
    ConnectionLost,
    /// The server is starting or stopping.
    Restarting,
    /// It takes no more connections.
    TooManyConnections,
    /// Its disk or memory is full or fails.
    OutOfResources,
    /// TLS failed, and why.
    Tls(String),
    /// It does not use the protocol of the URL.
    OtherProtocol,
    /// It wants a login method that this program does not have.
    LoginMethod,
    WrongPassword,
    PasswordExpired,
    NoDatabase,
    /// The table was altered under the connection.
    TableAltered,
    /// The account may not do this.
    Denied,
    NoTable,
    /// With the name of the column.
    NoColumn(String),
    /// The value of a flag does not have the type of its column.
    WrongType,
    /// A constraint or a trigger refused a row.
    RowRefused,
    /// The column, and its type, which this crate cannot read.
    UnreadableColumn(String, String),
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
                let name = options.get_database().unwrap_or_default();
                format!("postgres database {name} at {}:{}", options.get_host(), options.get_port())
            }
            Self::MySql(options) => {
                let name = options.get_database().unwrap_or_default();
                format!("mysql database {name} at {}:{}", options.get_host(), options.get_port())
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

    /// A pool of at most `size` connections, made when they are first used. Needs a runtime.
    pub(crate) fn open(&self, timeout: Duration, size: u32, zone: Tz) -> Pool {
        match self {
            Self::Sqlite(options) => Pool::Sqlite(sqlite::open(options, timeout, size)),
            Self::Postgres(options) => Pool::Postgres(postgres::open(options, timeout, size, zone)),
            Self::MySql(options) => Pool::MySql(mysql::open(options, timeout, size, zone)),
        }
    }
}

impl Pool {
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => {
                sqlite::query(sql).fetch_all(pool).await?.iter().map(sqlite::row).collect()
            }
            Self::Postgres(pool) => {
                postgres::query(sql).fetch_all(pool).await?.iter().map(postgres::row).collect()
            }
            Self::MySql(pool) => {
                mysql::query(sql).fetch_all(pool).await?.iter().map(mysql::row).collect()
            }
        }
    }

    /// Why there is no connection. A pool that waits for a server reports only that it has waited;
    /// one more attempt reports why.
    pub(crate) async fn refusal(&self) -> Option<sqlx::Error> {
        match self {
            Self::Sqlite(pool) => pool.connect_options().connect().await.err(),
            Self::Postgres(pool) => pool.connect_options().connect().await.err(),
            Self::MySql(pool) => pool.connect_options().connect().await.err(),
        }
    }

    pub(crate) async fn execute(&self, sql: Sql) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(pool) => sqlite::query(sql).execute(pool).await.map(drop),
            Self::Postgres(pool) => postgres::query(sql).execute(pool).await.map(drop),
            Self::MySql(pool) => mysql::query(sql).execute(pool).await.map(drop),
        }
    }
}

impl DbError {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                if let Some(error) = error.try_downcast_ref::<SqliteError>() {
                    sqlite::classify(error)
                } else if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                    postgres::classify(error)
                } else if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                    mysql::classify(error)
                } else {
                    Self::Other("unknown".to_owned())
                }
            }
            sqlx::Error::ColumnDecode { index, source } => {
                Self::UnreadableColumn(index.clone(), source.to_string())
            }
            sqlx::Error::Configuration(_) => Self::Other("configuration".to_owned()),
            sqlx::Error::Tls(error) => Self::Tls(chain(&**error)),
            sqlx::Error::Io(error) => {
                no_connection(error).map_or(Self::ConnectionLost, Self::Unreachable)
            }
            sqlx::Error::PoolTimedOut => Self::Unreachable("no connection came about in time"),
            sqlx::Error::Protocol(why) if why.contains("auth") => Self::LoginMethod,
            sqlx::Error::Protocol(_) => Self::OtherProtocol,
            _ => Self::ConnectionLost,
        }
    }
}

/// A column of a type that cannot be read, without its value.
fn unreadable(column: &str, class: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: class.to_owned().into() }
}

/// A row of these columns; the extra column becomes `pending`.
fn to_row(
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

/// The shortest decimal for this number: `0.1`, not `0.10000000149011612`.
fn to_f64(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
