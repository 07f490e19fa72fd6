//! The databases: an enum over three native drivers.
//!
//! `sqlx::Any` is not used: it has no decimals, times or UUIDs, and a row that contains one cannot be
//! read at all. The three files have the same functions: `open`, `query`, `bind`, `read_row` and
//! `classify`. To support another database, add a file.

mod mysql;
mod postgres;
mod sqlite;

use std::{str::FromStr as _, time::Duration};

use chrono_tz::Tz;
use contract::{Fault, causes_text, connect_failure_text};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, MySqlPool, PgPool, SqlitePool,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
    postgres::{PgConnectOptions, PgDatabaseError},
    sqlite::{SqliteConnectOptions, SqliteError},
};

use crate::{
    sql::{Dialect, IS_PENDING, OWNER, Sql},
    value::{Row, Value},
};

/// The address of a database, parsed from its URL. Parsing does not use the network.
#[derive(Debug)]
pub(crate) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// Connections to a database.
#[derive(Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    /// With the statement that begins each transaction.
    Postgres(PgPool, String),
    MySql(MySqlPool),
}

/// Maximum number of connections to a database, unless a channel alone may have more.
const MAX_CONNECTIONS: u32 = 8;

/// What went wrong, in terms that all databases share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DbError {
    /// Another connection holds a lock.
    Locked,
    /// The statement took longer than its time limit.
    TimedOut,
    /// No connection could be made, with the reason.
    Unreachable(&'static str),
    /// The connection was lost.
    ConnectionLost,
    /// The server is starting or stopping.
    Restarting,
    /// The server accepts no more connections.
    TooManyConnections,
    /// The disk or memory is full, or the disk fails.
    OutOfResources,
    /// TLS failed, with the reason.
    Tls(String),
    /// The server does not use the protocol that the URL names.
    OtherProtocol,
    /// The server requires a login method that is not supported.
    LoginMethod,
    WrongPassword,
    PasswordExpired,
    NoDatabase,
    /// The table was altered under the connection.
    TableAltered,
    /// The account has no permission for the statement.
    Denied,
    NoTable,
    /// The statement names this column, but the table does not have it.
    NoColumn(String),
    /// The value of a flag does not have the type of its column.
    WrongType,
    /// A constraint or a trigger refused to update a row.
    RowRefused,
    /// The server, the database or the session accepts no changes.
    ReadOnly,
    /// The name of a column, and its type, which cannot be read.
    UnreadableColumn(String, String),
    /// Any other error, with the database's error code.
    Other(String),
}

impl Address {
    /// Parses a URL. No fault repeats it: it contains a password.
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
            Fault::stopped("`url` is not the address of a supported database").remedy(
                "write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or mysql://…, with \
                 special characters of the password percent-encoded",
            )
        })
    }

    /// The kind and address of the database, without the account.
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

    /// A pool of connections for channels that use up to `size` each. It makes them when they are needed.
    /// Needs a tokio runtime.
    pub(crate) fn open(&self, timeout: Duration, size: u32, zone: Tz) -> Pool {
        let size = size.max(MAX_CONNECTIONS);
        match self {
            Self::Sqlite(options) => Pool::Sqlite(sqlite::open(options, timeout, size)),
            Self::Postgres(options) => Pool::Postgres(
                postgres::open(options, timeout, size),
                postgres::begin(timeout, zone),
            ),
            Self::MySql(options) => Pool::MySql(mysql::open(options, timeout, size, zone)),
        }
    }
}

impl Pool {
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => {
                sqlite::query(sql).fetch_all(pool).await?.iter().map(sqlite::read_row).collect()
            }
            Self::Postgres(pool, begin) => {
                let mut transaction = pool.begin_with(AssertSqlSafe(begin.clone())).await?;
                let rows = postgres::query(sql).fetch_all(&mut *transaction).await?;
                transaction.commit().await?;
                rows.iter().map(postgres::read_row).collect()
            }
            Self::MySql(pool) => {
                mysql::query(sql).fetch_all(pool).await?.iter().map(mysql::read_row).collect()
            }
        }
    }

    /// Connects once more to find out why there is no connection: a pool reports only that it has
    /// waited. `None` if this succeeds.
    pub(crate) async fn connect_error(&self) -> Option<sqlx::Error> {
        match self {
            Self::Sqlite(pool) => pool.connect_options().connect().await.err(),
            Self::Postgres(pool, _) => pool.connect_options().connect().await.err(),
            Self::MySql(pool) => pool.connect_options().connect().await.err(),
        }
    }

    pub(crate) async fn execute(&self, sql: Sql) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(pool) => sqlite::query(sql).execute(pool).await.map(drop),
            Self::Postgres(pool, begin) => {
                let mut transaction = pool.begin_with(AssertSqlSafe(begin.clone())).await?;
                postgres::query(sql).execute(&mut *transaction).await?;
                transaction.commit().await
            }
            Self::MySql(pool) => mysql::query(sql).execute(pool).await.map(drop),
        }
    }
}

impl DbError {
    pub(crate) fn from_sqlx(error: &sqlx::Error) -> Self {
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
            sqlx::Error::Tls(error) => Self::Tls(causes_text(&**error)),
            sqlx::Error::Io(error) => {
                connect_failure_text(error).map_or(Self::ConnectionLost, Self::Unreachable)
            }
            sqlx::Error::PoolTimedOut => Self::Unreachable("no connection was made in time"),
            sqlx::Error::Protocol(why) if why.contains("auth") => Self::LoginMethod,
            sqlx::Error::Protocol(_) => Self::OtherProtocol,
            _ => Self::ConnectionLost,
        }
    }
}

/// The error for a column whose type cannot be read.
fn unreadable_column(column: &str, type_name: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: type_name.to_owned().into() }
}

/// A row of these columns. The column [`IS_PENDING`] becomes `is_pending`.
fn to_row(
    columns: impl Iterator<Item = Result<(String, Value), sqlx::Error>>,
) -> Result<Row, sqlx::Error> {
    let mut row = Row::default();
    for column in columns {
        match column? {
            (name, value) if name == IS_PENDING => row.is_pending = value == Value::Int(1),
            (name, value) if name == OWNER => {
                row.owner = value.to_text().parse().unwrap_or(usize::MAX);
            }
            column => row.columns.push(column),
        }
    }
    Ok(row)
}

/// The shortest decimal for this number: `0.1`, not `0.10000000149011612`.
fn to_f64(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
