//! The databases: an enum over three native drivers.
//!
//! `sqlx::Any` is not used: it has no decimals, times or UUIDs, and a row that contains one cannot be
//! read at all. The three files have the same functions: `open`, `query`, `bind`, `read_row` and
//! `classify`. To support another database, add a file.

mod address;
mod answer;
mod mysql;
mod postgres;
mod probe;
mod sqlite;

use std::{io, time::Duration};

use chrono_tz::Tz;
use contract::{ConnectFailure, ServerSettings, causes_text, is_tls_failure};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlPool, PgPool, SqlitePool,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
    postgres::{PgConnectOptions, PgDatabaseError},
    sqlite::{SqliteConnectOptions, SqliteError},
};

pub(crate) use self::answer::Answer;
use self::answer::InUse;
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

/// What a transaction writes.
#[derive(Debug)]
pub(crate) struct Writing {
    /// The statement that changes rows.
    pub(crate) write: Sql,
    /// The query that shows what it has changed.
    pub(crate) check: Sql,
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
    /// No connection came about.
    Unconnected(ConnectFailure),
    /// All connections to the database, which channels share, are in use.
    NoneFree,
    /// A server accepts connections, but says nothing, or closes them.
    NoAnswer,
    /// Another kind of server answers; its name, if it is known.
    OtherServer(Option<&'static str>),
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
    /// The server admits only encrypted connections.
    TlsDemanded,
    /// The server asks for the password, and the connection is not encrypted.
    PasswordUnprotected,
    /// A file that the URL names cannot be read, with the reason.
    UnreadableFile(String),
    /// The driver refuses the settings in the URL.
    Settings,
    /// The server requires a login method that is not supported; its name.
    LoginMethod(String),
    /// The account does not log in with a password.
    NoPasswordLogin,
    WrongPassword,
    PasswordExpired,
    AccountLocked,
    /// The server does not know the account, or it may not log in.
    NoAccount,
    /// The account logs in with a certificate.
    CertificateDemanded,
    /// The account logs in without a password, and is not the one that the certificate or the system names.
    WrongIdentity,
    /// The account may not connect from this host.
    NotFromHere,
    /// The server has blocked this host, after too many failed attempts.
    HostBlocked,
    NoDatabase,
    /// The account has no permission to open the database.
    DatabaseDenied,
    /// The server refused the connection, with the database's error code.
    Refused(String),
    /// The file is not a database, or is damaged.
    BrokenFile,
    /// The account has no permission for the statement.
    Denied,
    /// The account has no permission to use the schema of the table.
    SchemaDenied,
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

    /// The names of its settings, for remedies.
    pub(crate) fn settings(&self) -> ServerSettings {
        let ca = match self {
            Self::MySql(_) => "`ssl-ca` in `url`",
            Self::Sqlite(_) | Self::Postgres(_) => "`sslrootcert` in `url`",
        };
        ServerSettings { address: "`url`", ca }
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
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Answer, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => {
                let mut used = InUse::of(pool).await?;
                let answer = sqlite::fetch(&mut used.connection, sql).await;
                used.end(answer)
            }
            Self::Postgres(pool, begin) => {
                let mut used = InUse::of(pool).await?;
                let begin = AssertSqlSafe(begin.clone());
                let answer = postgres::fetch(&mut used.connection, begin, sql).await;
                used.end(answer)
            }
            Self::MySql(pool) => {
                let mut used = InUse::of(pool).await?;
                let stream = mysql::query(sql).fetch(&mut *used.connection);
                let answer = Answer::read(stream, mysql::read_row).await;
                used.end(answer)
            }
        }
    }

    /// Connects once more, as the pool does, to find out why there is no connection: a pool reports only
    /// that it has waited. `None` if this succeeds.
    pub(crate) async fn connect_error(&self, timeout: Duration, zone: Tz) -> Option<DbError> {
        let connected = match self {
            Self::Sqlite(pool) => pool.connect_options().connect().await.map(drop),
            Self::Postgres(pool, begin) => match pool.connect_options().connect().await {
                Ok(mut connection) => {
                    connection.begin_with(AssertSqlSafe(begin.clone())).await.map(drop)
                }
                Err(error) => Err(error),
            },
            Self::MySql(pool) => match pool.connect_options().connect().await {
                Ok(mut connection) => mysql::prepare(&mut connection, timeout, zone).await,
                Err(error) => Err(error),
            },
        };
        let error = DbError::from_sqlx(&connected.err()?);
        let is_strange = match &error {
            DbError::ConnectionLost | DbError::OtherServer(_) => true,
            DbError::Tls(why) => why.contains("corrupt message"),
            _ => false,
        };
        Some(if is_strange { self.who_answers().await } else { error })
    }

    /// Who answers at the address, as an error.
    pub(crate) async fn who_answers(&self) -> DbError {
        let (host, port, own) = match self {
            Self::Sqlite(_) => return DbError::Locked,
            Self::Postgres(pool, _) => {
                let options = pool.connect_options();
                (options.get_host().to_owned(), options.get_port(), "a PostgreSQL server")
            }
            Self::MySql(pool) => {
                let options = pool.connect_options();
                (options.get_host().to_owned(), options.get_port(), "a MySQL or MariaDB server")
            }
        };
        match probe::who_answers(&host, port).await {
            DbError::OtherServer(Some(who)) if who == own => DbError::NoAnswer,
            error => error,
        }
    }

    /// In one transaction, executes `lock`, reads the rows of `read` and executes what `write` makes of them, if
    /// anything. Returns the answer of its `check`.
    pub(crate) async fn execute(
        &self,
        lock: Option<Sql>,
        read: Sql,
        write: impl FnOnce(Answer) -> Option<Writing> + Send,
    ) -> Result<Answer, sqlx::Error> {
        macro_rules! execute {
            ($begin:expr, $driver:ident) => {{
                let mut transaction = $begin.await?;
                if let Some(lock) = lock {
                    $driver::query(lock).execute(&mut *transaction).await?;
                }
                let stream = $driver::query(read).fetch(&mut *transaction);
                let answer = Answer::read(stream, $driver::read_row).await?;
                let Some(Writing { write, check }) = write(answer) else {
                    transaction.rollback().await?;
                    return Ok(Answer::default());
                };
                $driver::query(write).execute(&mut *transaction).await?;
                let stream = $driver::query(check).fetch(&mut *transaction);
                let answer = Answer::read(stream, $driver::read_row).await?;
                transaction.commit().await?;
                Ok(answer)
            }};
        }
        match self {
            Self::Sqlite(pool) => execute!(sqlite::begin_write(pool), sqlite),
            Self::Postgres(pool, begin) => {
                execute!(pool.begin_with(AssertSqlSafe(begin.clone())), postgres)
            }
            Self::MySql(pool) => execute!(pool.begin(), mysql),
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
            // Without TLS, any server can offer a key of its own to encrypt the password with. So the driver is
            // built without RSA.
            sqlx::Error::Configuration(error) if error.to_string().starts_with("RSA") => {
                Self::PasswordUnprotected
            }
            sqlx::Error::Configuration(_) => Self::Settings,
            sqlx::Error::Tls(error) => Self::Tls(causes_text(&**error)),
            sqlx::Error::Io(error) if is_tls_failure(error) => Self::Tls(causes_text(error)),
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::UnreadableFile(error.to_string())
            }
            sqlx::Error::Io(error) => {
                ConnectFailure::of(error).map_or(Self::ConnectionLost, Self::Unconnected)
            }
            sqlx::Error::PoolTimedOut => Self::NoneFree,
            sqlx::Error::Protocol(why) => {
                login_method(why).map_or(Self::OtherServer(None), Self::LoginMethod)
            }
            _ => Self::ConnectionLost,
        }
    }
}

/// The login method that the driver does not support, from its message; `None` for other messages.
fn login_method(message: &str) -> Option<String> {
    let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
    let word = |text: &str| text.split([' ', '\n', '(']).next().unwrap_or_default().to_owned();
    if let Some(plugin) = after("unknown authentication plugin: ") {
        return Some(word(plugin));
    }
    if let Some(number) = after("unknown authentication method: ") {
        return Some(match word(number).as_str() {
            "7" | "8" => "GSSAPI (Kerberos)".to_owned(),
            "9" => "SSPI".to_owned(),
            number => format!("number {number}"),
        });
    }
    if let Some(mechanisms) = after("SASL authentication mechanisms: ") {
        let name = word(mechanisms);
        return Some(if name.is_empty() { "SHA-256 of openGauss".to_owned() } else { name });
    }
    let is_clear = message.contains("cleartext_plugin");
    is_clear.then(|| "mysql_clear_password".to_owned())
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
