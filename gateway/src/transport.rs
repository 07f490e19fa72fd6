//! Checks that nobody on the way can read what is sent to the store and to the broker.
//! Sources are checked by their connectors.

use config::{BusSettings, Problem, Problems, Settings, StoreSettings};
use connector_wire::local::is_this_machine;

/// Passes on settings with which every connection to another machine is encrypted and verified.
///
/// # Errors
/// The store or the broker is on another machine, its connection is not protected, and the settings do not say
/// that it is insecure.
pub(crate) fn checked(settings: Settings) -> Result<Settings, Problems> {
    let store = match &settings.store {
        StoreSettings::Postgres(url) if !settings.has_insecure_store => {
            is_store_open(url.expose()).then(|| {
                problem(
                    "the store is on another machine, and `postgres` in [store] does not say to verify its server",
                    "add sslmode=verify-full to the URL, with sslrootcert if an authority of your own has issued \
                     the certificate",
                )
            })
        }
        StoreSettings::Postgres(_) | StoreSettings::Sqlite(_) => None,
    };
    let is_bus_open = |bus: &&BusSettings| !bus.insecure && is_broker_open(bus.amqp.expose());
    let bus = settings.bus.as_ref().filter(is_bus_open).map(|_| {
        problem(
            "the broker is on another machine, and `amqp` in [bus] is not encrypted",
            "write amqps://",
        )
    });
    Problems::from_found(store.into_iter().chain(bus)).map_or(Ok(settings), Err)
}

fn problem(what: &str, remedy: &str) -> Problem {
    Problem::of_file("gateway.toml", what).advise(format!(
        "{remedy}; or set `insecure = true` there: everybody on the network path can then read and change what is \
         sent, and may get the password"
    ))
}

/// Whether a PostgreSQL URL names another machine without verifying its server. Another text is not judged: what
/// opens it says what is wrong with it.
fn is_store_open(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    // The driver does not see what follows `#`.
    let rest = rest.split('#').next().unwrap_or_default();
    let parameters = rest.split_once('?').map_or("", |(_, query)| query).split('&');
    let parameters: Vec<_> = parameters.filter_map(|pair| pair.split_once('=')).collect();
    // Of a parameter that comes twice, the driver uses the last one.
    let value = |keys: [&str; 2]| {
        parameters.iter().rfind(|(name, _)| keys.contains(name)).map(|(_, value)| *value)
    };
    if value(["sslmode", "ssl-mode"])
        .is_some_and(|mode| matches!(mode, "verify-full" | "verify-ca"))
    {
        return false;
    }
    match value(["host", "hostaddr"]) {
        Some(host) => !is_local(host),
        None => hosts(rest).any(|host| !is_local(host)),
    }
}

/// Whether one of these URLs of brokers names another machine and is not encrypted.
fn is_broker_open(urls: &str) -> bool {
    urls.split_whitespace().filter_map(|url| url.split_once("://")).any(|(scheme, rest)| {
        !scheme.eq_ignore_ascii_case("amqps") && hosts(rest).any(|host| !is_local(host))
    })
}

/// The hosts of a URL, without their ports; `rest` is what follows its scheme.
fn hosts(rest: &str) -> impl Iterator<Item = &str> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').map(|host| match host.split_once(']') {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    })
}

/// Whether a host is this machine, or a socket on it. The driver uses a socket if no host is named.
fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.starts_with('/')
        || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
        || is_this_machine(host)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{assemble, shipped};

    #[test]
    fn what_leads_to_another_machine_unprotected_is_refused_unless_the_settings_allow_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        shipped::write(folder.path(), &["hotline"]).unwrap();
        write("store.url", "postgres://u:hunter2@db/x");
        write("bus.url", "amqp://u:hunter2@mq/v");
        for (store, bus) in [(true, true), (true, false), (false, true), (false, false)] {
            let text = format!(
                "zone = \"Asia/Shanghai\"\n[keys]\nfile = \"keys.json\"\n\
                 [store]\npostgres = {{ file = \"store.url\" }}\ninsecure = {store}\n\
                 [bus]\namqp = {{ file = \"bus.url\" }}\ninsecure = {bus}\n"
            );
            write("gateway.toml", &text);
            let found = assemble::settings(folder.path());
            let report = found.map_or_else(|problems| problems.to_string(), |_| String::new());
            assert_eq!(report.contains("the store is on another machine"), !store, "{report}");
            assert_eq!(report.contains("the broker is on another machine"), !bus, "{report}");
            assert_eq!(report.is_empty(), store && bus, "{report}");
            assert!(!report.contains("hunter2"), "{report}");
        }
    }

    #[test]
    fn a_store_on_another_machine_is_verified() {
        for url in [
            "postgres://u:p@db/x",
            "postgres://u:p@db:5432/x?sslmode=require",
            "postgres://u:p@127.0.0.1,db2:5433/x",
            "postgres://u:p@127.0.0.1/x?host=db",
            "postgres://u:p@[2001:db8::1]:5432/x?sslmode=prefer",
            "postgres://u:p@db/x?sslmode=verify-full&sslmode=disable",
            "postgresql://127.0.0.1@db",
            "postgres://u:p@db/x?sslmode=verify-full&ssl-mode=disable",
            "postgres://u:p@127.0.0.1/x?hostaddr=10.0.0.5",
            "postgres://u:p@db/x#?sslmode=verify-full",
        ] {
            assert!(is_store_open(url), "{url}");
        }
        for url in [
            "postgres://u:p@db1,db2/x?sslmode=verify-full",
            "postgres://u:p@db/x?application_name=a&sslmode=verify-ca",
            "postgres://u:p@127.0.0.1:5432/x",
            "postgres://u:p@localhost,[::1]:5433/x",
            "postgres:///x?host=/run/postgresql",
            "postgres://u@%2Frun%2Fpostgresql/x",
            "postgres:///x",
            "sqlite:not-given",
        ] {
            assert!(!is_store_open(url), "{url}");
        }
    }

    #[test]
    fn a_broker_on_another_machine_is_encrypted() {
        for urls in ["amqp://u:p@mq/%2f", "amqps://u:p@mq1 amqp://u:p@mq2:5672/v", "AMQP://mq"] {
            assert!(is_broker_open(urls), "{urls}");
        }
        for urls in [
            "amqps://u:p@mq1/%2f  amqps://u:p@mq2",
            "amqp://u:p@127.0.0.1:5672/%2f amqp://u:p@[::1]:5672",
            "amqp://u:p@localhost/%2f",
            "sqlite:not-given",
        ] {
            assert!(!is_broker_open(urls), "{urls}");
        }
    }
}
