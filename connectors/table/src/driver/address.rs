//! Parses the URL of a database, and says what is wrong with one.

use std::str::FromStr as _;

use connector_wire::local::is_this_machine;
use contract::Fault;
use sqlx::{
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};

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
    /// Parses a URL. No fault repeats it: it contains a password. `insecure` allows what
    /// [`check_transport`](Self::check_transport) refuses.
    pub(crate) fn parse(url: &str, insecure: bool) -> Result<Self, Fault> {
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
        let address = parsed.map_err(|_| malformed())?;
        if !insecure {
            address.check_transport()?;
        }
        Ok(address)
    }

    /// Refuses a connection to another machine, unless it is encrypted and the server is verified: any other
    /// server can ask for the password.
    fn check_transport(&self) -> Result<(), Fault> {
        let (host, socket, is_verified, parameters) = match self {
            Self::Sqlite(_) => return Ok(()),
            Self::Postgres(options) => (
                options.get_host(),
                options.get_socket(),
                matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull),
                "sslmode=verify-full to `url`, with sslrootcert",
            ),
            Self::MySql(options) => (
                options.get_host(),
                options.get_socket(),
                matches!(
                    options.get_ssl_mode(),
                    MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity
                ),
                "ssl-mode=VERIFY_IDENTITY to `url`, with ssl-ca",
            ),
        };
        // The driver takes a path for the folder of a socket.
        let is_local = socket.is_some() || host.starts_with('/') || is_this_machine(host);
        if is_verified || is_local {
            return Ok(());
        }
        Err(Fault::stopped("the database is on another machine, and `url` does not say to verify its server")
            .at(self.place())
            .remedy(format!(
                "add {parameters} if an authority of your own has issued its certificate; or set \
                 `insecure = true`: everybody on the network path can then read and change what is sent, and may \
                 get the password"
            )))
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
