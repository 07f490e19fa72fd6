//! Where the database may be: a URL that names one host or several, as libpq reads it
//! (`postgres://user@one:5432,two:5433/name`). The driver knows one host only.

use std::str::FromStr;

use contract::Fault;
use sqlx::postgres::PgConnectOptions;

/// Parameters that may follow `?`. The driver ignores an unknown one and logs its value.
const PARAMETERS: &[&str] =
    &["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name", "options"];

/// The hosts of a URL, in its order.
#[derive(Clone)]
pub(super) struct Hosts {
    pub(super) hosts: Vec<Host>,
    /// Database and hosts, without user and password.
    pub(super) place: String,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) options: PgConnectOptions,
}

impl Hosts {
    /// Reads a URL. No message quotes it: it may hold a password.
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
        let database = if database.is_empty() { "of the user's name" } else { database };
        let place = format!("postgres database {database} at {}", names.join(", "));
        Ok(Self { hosts, place })
    }
}

/// The parameters for the driver. `target_session_attrs` is not one of them: a connection that writes
/// always goes to the host that accepts writes.
fn driver_query(query: &str) -> Result<String, Fault> {
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "target_session_attrs" if matches!(value, "read-write" | "primary") => {}
            "target_session_attrs" => {
                return Err(malformed("target_session_attrs may only be read-write"));
            }
            _ if PARAMETERS.contains(&key) => kept.push(pair),
            _ => {
                let known = PARAMETERS.join(", ");
                return Err(malformed(&format!("`{key}` is not a parameter; known are {known}")));
            }
        }
    }
    Ok(kept.join("&"))
}

fn malformed(why: &str) -> Fault {
    Fault::stopped("the URL of the PostgreSQL store cannot be read")
        .because(why)
        .remedy("write postgres://USER:PASSWORD@HOST:PORT/DATABASE, several HOST:PORT with commas")
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
