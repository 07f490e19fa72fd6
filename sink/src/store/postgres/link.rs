//! Connections to the database: finds the host that accepts writes, also after a failover.
//!
//! If the server is lost, the connections are dropped, and the next call looks for a host again. This module
//! does not retry: its callers do.
//!
//! Whoever only reads uses the host that accepts writes too, if the URL names several: another one may be behind, and
//! books that are read there balance without what is missing.

use std::{
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{Fault, FaultKind};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, timeout};

use super::fault::{CONNECT, fault};
use crate::store::Access;

/// The time limit for connecting to a host and checking it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for getting a connection from the pool, free or new.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// How often it is checked that the host in use still accepts writes, if the URL names several: a primary that was
/// replaced may go on to answer.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// One connection writes: if the future of a transaction is dropped, the transaction is rolled back before this
/// handle writes again.
const MAX_WRITERS: u32 = 1;
const MAX_READERS: u32 = 4;

/// The oldest supported major version of the server.
const MIN_VERSION: i32 = 13;

/// Time limits that the server enforces: sqlx does not cancel the statement of a dropped future.
const SERVER_LIMITS: [(&str, &str); 2] =
    [("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "60s")];

/// Settings that make the writer look up rows by index. Without them, it would scan small tables, and keep
/// that query plan when they have become large.
const INDEX_ONLY: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// The hosts of the database, and the connections to the host in use, if there are any.
pub(super) struct Link {
    hosts: Hosts,
    pub(super) access: Access,
    in_use: Mutex<Option<InUse>>,
}

/// The host in use.
struct InUse {
    host: Host,
    pools: Pools,
    checked_at: Instant,
}

/// Connections to one host.
#[derive(Clone)]
pub(super) struct Pools {
    pub(super) writer: PgPool,
    pub(super) readers: PgPool,
}

impl Link {
    pub(super) fn new(hosts: Hosts, access: Access) -> Self {
        Self { hosts, access, in_use: Mutex::new(None) }
    }

    /// A link to the same hosts, which is not connected yet.
    pub(super) fn with_new_connections(&self) -> Self {
        Self::new(self.hosts.clone(), self.access)
    }

    pub(super) fn place(&self) -> &str {
        &self.hosts.place
    }

    /// Connections to the host in use, or to the first usable one.
    pub(super) async fn pools(&self) -> Result<Pools, Fault> {
        let in_use =
            self.lock().as_mut().map(|in_use| (in_use.pools.clone(), in_use.host_to_check()));
        if let Some((pools, to_check)) = in_use {
            let is_replaced = match to_check {
                Some(host) if self.has_several_hosts() => self.is_replaced(&host, &pools).await,
                _ => false,
            };
            if !is_replaced {
                return Ok(pools);
            }
            self.drop_pools();
        }
        let (host, connection) = self.find_host().await?;
        close(connection).await;
        let pools = self.connect(&host);
        let checked_at = Instant::now();
        *self.lock() = Some(InUse { host, pools: pools.clone(), checked_at });
        Ok(pools)
    }

    /// A new connection to the first usable host.
    pub(super) async fn find_host(&self) -> Result<(Host, PgConnection), Fault> {
        let mut faults = Vec::new();
        for host in &self.hosts.hosts {
            match self.probe(host).await {
                Ok(connection) => return Ok((host.clone(), connection)),
                Err(fault) => faults.push(fault),
            }
        }
        Err(no_usable_host(faults, self.place()))
    }

    /// Drops the connections to the host in use.
    pub(super) fn drop_pools(&self) {
        *self.lock() = None;
    }

    pub(super) async fn close(&self) {
        let in_use = self.lock().take();
        if let Some(InUse { pools, .. }) = in_use {
            pools.writer.close().await;
            pools.readers.close().await;
        }
    }

    fn connect(&self, host: &Host) -> Pools {
        let pool = |size: u32, options: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(size)
                .max_lifetime(None) // prepared statements live with a connection
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_lazy_with(options)
        };
        let options = self.options(host);
        let writer = options.clone().options(INDEX_ONLY);
        Pools { writer: pool(MAX_WRITERS, writer), readers: pool(MAX_READERS, options) }
    }

    fn options(&self, host: &Host) -> PgConnectOptions {
        let options = host.options.clone().options(SERVER_LIMITS);
        match self.access {
            Access::ReadWrite => options,
            Access::ReadOnly => options.options([("default_transaction_read_only", "on")]),
        }
    }

    /// Makes the next call check the host in use again.
    #[cfg(test)]
    pub(super) fn let_time_pass(&self) {
        if let Some(in_use) = &mut *self.lock() {
            in_use.checked_at -= CHECK_INTERVAL;
        }
    }

    /// Whether the URL names more than one host. One that is read-only can be named alone, to read it on purpose.
    fn has_several_hosts(&self) -> bool {
        self.hosts.hosts.len() > 1
    }

    /// Whether the host in use answers and does not accept writes any more. If it does not answer, the work that follows
    /// has the fault.
    async fn is_replaced(&self, host: &Host, pools: &Pools) -> bool {
        let is_read_only = match self.access {
            Access::ReadWrite => {
                let query = sqlx::query_scalar(IS_READ_ONLY).fetch_one(&pools.readers);
                timeout(CONNECT_TIMEOUT, query).await.ok().and_then(Result::ok)
            }
            // These connections are read-only whatever the host is.
            Access::ReadOnly => {
                let query = async {
                    let mut connection = host.options.connect().await?;
                    let answer = sqlx::query_scalar(IS_READ_ONLY).fetch_one(&mut connection).await;
                    close(connection).await;
                    answer
                };
                timeout(CONNECT_TIMEOUT, query).await.ok().and_then(Result::ok)
            }
        };
        is_read_only == Some(true)
    }

    /// Connects to a host, and checks that the store can use it.
    async fn probe(&self, host: &Host) -> Result<PgConnection, Fault> {
        let place = match self.hosts.hosts.as_slice() {
            [_] => self.place(),
            _ => host.name.as_str(),
        };
        // Not those of a connection that only reads: the host has to say whether it accepts writes.
        let options = host.options.clone().options(SERVER_LIMITS);
        let work = async {
            let mut connection = options.connect().await?;
            let facts: (i32, String, bool) = sqlx::query_as(
                "SELECT current_setting('server_version_num')::int,
                        current_setting('server_encoding'),
                        current_setting('transaction_read_only')::bool",
            )
            .fetch_one(&mut connection)
            .await?;
            Ok((connection, facts))
        };
        let answer = timeout(CONNECT_TIMEOUT, work).await;
        let (connection, (version, encoding, is_read_only)) = answer
            .map_err(|_| {
                Fault::transient(format!(
                    "the server did not answer within {} s",
                    CONNECT_TIMEOUT.as_secs()
                ))
                .at(place)
                .remedy("check the host and port in the store URL, and the firewall in between")
            })?
            .map_err(|error| fault(place, CONNECT, &error))?;
        if version / 10_000 < MIN_VERSION {
            return Err(Fault::stopped(format!("PostgreSQL {} is too old", version / 10_000))
                .at(place)
                .remedy(format!("use PostgreSQL {MIN_VERSION} or newer")));
        }
        if encoding != "UTF8" {
            return Err(Fault::stopped(format!("the database is encoded in {encoding}, not UTF8"))
                .at(place)
                .remedy(
                    "create one with ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0: an \
                     encoding cannot be changed",
                ));
        }
        if is_read_only && (self.access == Access::ReadWrite || self.has_several_hosts()) {
            close(connection).await;
            return Err(Fault::transient(
                "the server does not accept writes: it is a standby, or read-only",
            )
            .at(place)
            .remedy(match self.access {
                Access::ReadWrite => "add the host that accepts writes to the store URL",
                Access::ReadOnly => {
                    "add the host that accepts writes to the store URL; to read a standby, which may be behind, name \
                     it alone"
                }
            }));
        }
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Option<InUse>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const IS_READ_ONLY: &str = "SELECT current_setting('transaction_read_only')::bool";

impl InUse {
    /// The host, if it is time to check it again.
    fn host_to_check(&mut self) -> Option<Host> {
        let is_due = self.checked_at.elapsed() >= CHECK_INTERVAL;
        is_due.then(|| {
            self.checked_at = Instant::now();
            self.host.clone()
        })
    }
}

/// Closes a connection, without waiting long for a server that does not answer.
pub(super) async fn close(connection: PgConnection) {
    let _ = timeout(CONNECT_TIMEOUT, connection.close()).await;
}

/// The fault if no host can be used: transient if one of them may become usable.
fn no_usable_host(mut faults: Vec<Fault>, place: &str) -> Fault {
    if faults.len() == 1
        && let Some(only) = faults.pop()
    {
        return only;
    }
    let is_transient = faults.iter().any(Fault::is_transient);
    let each: Vec<_> = faults.iter().map(Fault::to_string).collect();
    let kind = if is_transient { FaultKind::Transient } else { FaultKind::Stopped };
    Fault::new(kind, "no host of the store can be used").at(place).because(each.join(" | "))
}

/// The parameters that may follow `?` in the URL. Others are refused, because the driver ignores them and logs
/// their values.
const PARAMETERS: &[&str] =
    &["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name", "options"];

/// The hosts of a URL, in the order of the URL: one or several, in the format of libpq
/// (`postgres://user@one:5432,two:5433/name`). The driver itself supports one host only.
#[derive(Clone)]
pub(super) struct Hosts {
    pub(super) hosts: Vec<Host>,
    /// Database and hosts, without user and password, for messages.
    pub(super) place: String,
}

/// One host.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) options: PgConnectOptions,
}

impl Hosts {
    /// Parses a URL. No message quotes it, because it may contain a password.
    pub(super) fn parse(url: &str) -> Result<Self, Fault> {
        let (scheme, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))
            .ok_or_else(|| malformed("it does not begin with postgres://"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = path.split_once('/').unwrap_or((path, ""));
        let (user, names) = match authority.rsplit_once('@') {
            Some((user, names)) => (format!("{user}@"), names),
            None => (String::new(), authority),
        };
        let query = driver_query(query)?;
        let hosts = names
            .split(',')
            .map(|name| {
                let one = format!("{scheme}://{user}{name}/{database}?{query}");
                let options = PgConnectOptions::from_str(&one)
                    .map_err(|error| malformed(&error.to_string()))?
                    .application_name("tonghui");
                let name = if name.is_empty() { "the local socket" } else { name };
                Ok(Host { name: name.replace("%2F", "/"), options })
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        let names: Vec<_> = hosts.iter().map(|host| host.name.as_str()).collect();
        let database = if database.is_empty() { "named like the user" } else { database };
        let place = format!("postgres database {database} at {}", names.join(", "));
        Ok(Self { hosts, place })
    }
}

/// The parameters for the driver. `target_session_attrs` is left out: connections that write always use a host
/// that accepts writes.
fn driver_query(query: &str) -> Result<String, Fault> {
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "target_session_attrs" if matches!(value, "read-write" | "primary") => {}
            "target_session_attrs" => {
                return Err(malformed("target_session_attrs must be read-write or primary"));
            }
            _ if PARAMETERS.contains(&key) => kept.push(pair),
            _ => {
                let known = PARAMETERS.join(", ");
                return Err(malformed(&format!("`{key}` is not a parameter; use one of {known}")));
            }
        }
    }
    Ok(kept.join("&"))
}

fn malformed(why: &str) -> Fault {
    Fault::stopped("the URL of the PostgreSQL store cannot be read").because(why).remedy(
        "write postgres://USER:PASSWORD@HOST:PORT/DATABASE; separate several HOST:PORT with commas",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Vec<(String, u16)> {
        let hosts = Hosts::parse(url).unwrap().hosts.into_iter();
        hosts.map(|host| (host.options.get_host().to_owned(), host.options.get_port())).collect()
    }

    #[test]
    fn every_host_gets_its_port() {
        let url = "postgres://u:p%40ss@one:5432,two:5433/db?target_session_attrs=read-write";
        assert_eq!(hosts(url), [("one".to_owned(), 5432), ("two".to_owned(), 5433)]);
        assert_eq!(hosts("postgresql://[::1]:6000/db"), [("[::1]".to_owned(), 6000)]);
    }

    #[test]
    fn a_place_shows_hosts_and_no_password() {
        let hosts = Hosts::parse("postgres://u:secret@one:1,two/db?sslmode=require").unwrap();
        assert_eq!(hosts.place, "postgres database db at one:1, two");
        let options = &hosts.hosts[1].options;
        assert_eq!((options.get_username(), options.get_database()), ("u", Some("db")));
    }

    #[test]
    fn a_socket_is_a_host_too() {
        for url in ["postgres:///db?host=/run/pg", "postgres://u@%2Frun%2Fpg/db"] {
            let hosts = Hosts::parse(url).unwrap();
            let socket = hosts.hosts[0].options.get_socket().map(|path| path.display().to_string());
            assert_eq!(socket.as_deref(), Some("/run/pg"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_the_url() {
        for (url, why) in [
            ("mysql://u:secret@h/db", "postgres://"),
            ("postgres://u:secret@h:port/db", "invalid port"),
            ("postgres://u:secret@h/db?target_session_attrs=standby", "read-write"),
            ("postgres://u:secret@h/db?sslmod=require", "`sslmod` is not a parameter"),
        ] {
            let fault = Hosts::parse(url).err().unwrap().to_string();
            assert!(fault.contains(why) && !fault.contains("secret"), "{fault}");
        }
    }
}
