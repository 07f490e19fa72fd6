//! Parses the URL of a database, and says what is wrong with one.

use std::str::FromStr as _;

use contract::Fault;
use sqlx::{mysql::MySqlConnectOptions, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use super::Address;

/// How to write a URL.
const FORMAT: &str = "write sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE or mysql://…";

/// Schemes of databases that speak the protocol of another one, and the scheme to write instead.
const SAME_PROTOCOL: [(&str, &str); 5] = [
    ("opengauss", "postgres"),
    ("gaussdb", "postgres"),
    ("kingbase8", "postgres"),
    ("tidb", "mysql"),
    ("oceanbase", "mysql"),
];

impl Address {
    /// Parses a URL. No fault repeats it: it contains a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Fault> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let is_server = match scheme {
            "sqlite" => false,
            "postgres" | "postgresql" | "mysql" | "mariadb" => true,
            _ => return Err(unsupported(scheme, rest)),
        };
        // A character like `#` ends the address too early; the rest of the password would be dropped.
        let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next();
        let is_cut =
            authority.is_none_or(|authority| !authority.contains('@')) && rest.contains('@');
        if is_server && is_cut {
            return Err(malformed());
        }
        let parsed = match scheme {
            "sqlite" => SqliteConnectOptions::from_str(url).map(Box::new).map(Self::Sqlite),
            "mysql" | "mariadb" => {
                MySqlConnectOptions::from_str(url).map(Box::new).map(Self::MySql)
            }
            _ => PgConnectOptions::from_str(url).map(Box::new).map(Self::Postgres),
        };
        parsed.map_err(|_| malformed())
    }
}

/// The fault for the URL of a database that cannot be read.
fn unsupported(scheme: &str, rest: &str) -> Fault {
    let is_name = scheme.chars().all(|c| c.is_ascii_alphanumeric()) && !scheme.is_empty();
    if scheme == "jdbc" {
        return Fault::stopped("`url` is an address for JDBC")
            .remedy(format!("leave out `jdbc:`, and put the account before the host: {FORMAT}"));
    }
    if !is_name || !rest.starts_with("//") {
        return Fault::stopped("`url` does not begin with the name of a database").remedy(FORMAT);
    }
    if let Some((_, other)) = SAME_PROTOCOL.iter().find(|(name, _)| *name == scheme) {
        return Fault::stopped(format!("`url` begins with `{scheme}`, which is not supported"))
            .remedy(format!("write {other}:// instead: such a database speaks its protocol"));
    }
    Fault::stopped(format!("`url` names a database that is not supported: {scheme}")).remedy(
        "read PostgreSQL, MySQL, MariaDB or SQLite: ask the owner to copy the table into one of them, \
         or to drop it as files, or use a plugin (`connector = \"process\"`)",
    )
}

/// The fault for a URL that begins right.
fn malformed() -> Fault {
    Fault::stopped("`url` cannot be parsed: the host or port is wrong, or the password has special characters")
        .remedy(format!(
            "{FORMAT}; in user and password, write %40 for @, %3A for :, %2F for /, %23 for #, %3F for ? and \
             %25 for %"
        ))
}
