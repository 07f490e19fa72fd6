//! Hosts that channels may connect to, and the hosts that an address names.
//!
//! Addresses are parsed by the library that the connectors and their drivers use, so that no text means one host here
//! and another one there.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use url::{Host, Url};

use crate::format::TextProblem;

/// A host, or all names below one, with one port or all of them.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(
    extend("format" = "host"),
    description = "a host, with or without a port: city.gov.cn, *.city.gov.cn, 10.1.2.3:5432"
)]
pub(crate) struct AllowedHost(#[schemars(with = "String")] Pattern);

#[derive(Debug, Clone)]
struct Pattern {
    host: Host<String>,
    /// Whether the names below the host are meant, and not the host itself.
    is_wildcard: bool,
    /// `None` for all ports.
    port: Option<u16>,
}

/// What an address leads to.
#[derive(Debug, PartialEq)]
pub(super) struct Destination {
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl AllowedHost {
    pub(super) fn admits(&self, to: &Destination) -> bool {
        let Self(Pattern { host, is_wildcard, port }) = self;
        let is_host = match (host, &to.host) {
            (Host::Domain(parent), Host::Domain(name)) if *is_wildcard => name
                .strip_suffix(parent.as_str())
                .is_some_and(|first| first.len() > 1 && first.ends_with('.')),
            (listed, host) => listed == host,
        };
        is_host && port.is_none_or(|port| port == to.port)
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (is_wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (host, port) = match rest.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (parsed(host), port.parse().ok().map(Some))
            }
            _ => (parsed(rest), Some(None)),
        };
        let is_possible = |host: &Host<String>| match host {
            Host::Domain(name) => !name.contains('*'),
            Host::Ipv4(_) | Host::Ipv6(_) => !is_wildcard,
        };
        match (host.filter(is_possible), port) {
            (Some(host), Some(port)) => Ok(Self(Pattern { host, is_wildcard, port })),
            _ => Err(format!(
                "`{text}` is not a host: write it like city.gov.cn, *.city.gov.cn or 10.1.2.3, or with a port, like \
                 10.1.2.3:5432"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for AllowedHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Checks an entry of `hosts`.
pub(crate) fn host_problem(text: &str) -> Option<TextProblem> {
    let message = text.parse::<AllowedHost>().err()?;
    Some(TextProblem { message, ..TextProblem::default() })
}

/// The host of a URL for HTTP or SFTP; `None` if that cannot be told.
pub(super) fn of_address(address: &str) -> Option<Vec<Destination>> {
    let url = Url::parse(address).ok()?;
    let default = if url.scheme() == "sftp" { 22 } else { 0 };
    let port = url.port_or_known_default().unwrap_or(default);
    // A password with a `/` would end before its `@`, and be taken for the host.
    let is_cut = url.scheme() == "sftp" && url.username().is_empty();
    let host = parsed(url.host_str()?).filter(|_| !is_cut)?;
    Some(vec![Destination { host, port }])
}

/// All hosts of the URL of a database: its parameters may name another one. A socket is on this machine. `None` if
/// they cannot be told.
pub(super) fn of_database(address: &str) -> Option<Vec<Destination>> {
    let url = Url::parse(address).ok()?;
    // As for an address.
    if url.username().is_empty() && url.password().is_none() && address.contains('@') {
        return None;
    }
    let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let in_authority = url.host_str().unwrap_or_default().split(',');
    let in_parameters = parameters
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "host" | "hostaddr" | "socket"))
        .map(|(_, value)| value.as_str());
    let mut hosts: Vec<&str> = in_authority.chain(in_parameters).collect();
    hosts.retain(|host| !host.is_empty());
    if hosts.is_empty() {
        hosts.push("localhost");
    }
    let default = if url.scheme().starts_with('m') { 3306 } else { 5432 };
    let port = match parameters.iter().rfind(|(name, _)| name == "port") {
        Some((_, port)) => port.parse().ok()?,
        None => url.port().unwrap_or(default),
    };
    let is_socket = |host: &str| {
        host.starts_with('/')
            || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
    };
    let named = hosts.into_iter().map(|host| if is_socket(host) { "localhost" } else { host });
    named.map(|host| Some(Destination { host: parsed(host)?, port })).collect()
}

/// A host in the one form in which hosts are compared.
fn parsed(host: &str) -> Option<Host<String>> {
    if let Ok(address) = host.parse() {
        return Some(Host::Ipv6(address));
    }
    match Host::parse(host).ok()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            (!name.is_empty()).then(|| Host::Domain(name.to_owned()))
        }
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_listed_by_its_name_a_name_above_it_or_its_address_and_perhaps_with_its_port() {
        for (listed, address, is_allowed) in [
            ("city.gov.cn", "https://city.gov.cn/list", true),
            ("city.gov.cn", "https://CITY.gov.cn.:8443/list", true),
            ("city.gov.cn", "https://a.city.gov.cn/", false),
            ("city.gov.cn", "https://city.gov.cn@evil.example/", false),
            ("city.gov.cn", "https://evil.example\\@city.gov.cn/", false),
            ("city.gov.cn", "https://evil.example#@city.gov.cn/", false),
            ("city.gov.cn", "https://city%2Egov.cn/", true),
            ("*.city.gov.cn", "https://a.b.city.gov.cn/", true),
            ("*.City.gov.cn", "https://a.city.gov.cn/", true),
            ("*.city.gov.cn", "https://city.gov.cn/", false),
            ("*.city.gov.cn", "https://evilcity.gov.cn/", false),
            ("*.city.gov.cn", "https://.city.gov.cn/", false),
            ("*.city.gov.cn", "https://a.city.gov.cn.evil.example/", false),
            ("北京.example", "https://北京.example/", true),
            ("10.1.2.3", "http://10.1.2.3:8080/", true),
            ("10.1.2.3", "http://0xa.1.515/", true),
            ("10.1.2.3", "http://10.1.2.30/", false),
            ("10.1.2.3", "http://[::ffff:10.1.2.3]/", false),
            ("10.1.2.3:443", "https://10.1.2.3/", true),
            ("10.1.2.3:443", "http://10.1.2.3/", false),
            ("10.1.2.3:443", "https://10.1.2.3:444/", false),
            ("::1", "http://[0:0::1]:80/", true),
            ("[::1]:80", "http://[::1]/", true),
            ("[::1]:80", "http://[::1]:81/", false),
            ("drop.city.gov.cn:22", "sftp://u:p@drop.city.gov.cn/out/a@b", true),
            ("drop.city.gov.cn:22", "sftp://u:p@drop.city.gov.cn:2222/out", false),
            ("u", "sftp://u:1/p@evil.example/out", false),
            ("proxy.example", "proxy.example:3128", false),
            ("proxy.example", "http://proxy.example:3128", true),
        ] {
            let listed: AllowedHost = listed.parse().unwrap();
            let found = of_address(address);
            let is_admitted = found.is_some_and(|found| found.iter().all(|to| listed.admits(to)));
            assert_eq!(is_admitted, is_allowed, "{address}");
        }
    }

    #[test]
    fn every_host_that_the_url_of_a_database_names_is_compared() {
        for (url, expected) in [
            ("postgres://u:p@db/x", Some(vec!["db:5432"])),
            ("mysql://u:p@10.1.2.3:3307/x", Some(vec!["10.1.2.3:3307"])),
            ("mariadb://u:p@db/x", Some(vec!["db:3306"])),
            ("postgres://u:p@db1,db2:5433/x", Some(vec!["db1:5433", "db2:5433"])),
            ("postgres://u:p@db/x?host=evil", Some(vec!["db:5432", "evil:5432"])),
            ("postgres://u:p@db/x?hostaddr=::1&port=1", Some(vec!["db:1", "[::1]:1"])),
            ("postgres://u:p@d%62/x", Some(vec!["db:5432"])),
            ("postgres:///x", Some(vec!["localhost:5432"])),
            ("postgres:///x?host=/run/postgresql", Some(vec!["localhost:5432"])),
            ("postgres://u@%2Frun%2Fpostgresql/x", Some(vec!["localhost:5432"])),
            ("mysql://u:p@db/x?socket=/run/mysqld.sock", Some(vec!["db:3306", "localhost:3306"])),
            ("postgres://u:1/p@evil/x", None),
            ("postgres://u:p@db/x?port=many", None),
            ("hunter2", None),
        ] {
            let shown = |to: &Destination| format!("{}:{}", to.host, to.port);
            let found = of_database(url).map(|found| found.iter().map(shown).collect::<Vec<_>>());
            let expected =
                expected.map(|hosts| hosts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused_in_the_list() {
        for text in [
            "",
            ".",
            "*",
            "*.",
            "*.*.example",
            "a.*.example",
            "*.10.1.2.3",
            "https://city.gov.cn",
            "city.gov.cn/list",
            "city.gov.cn:",
            "city.gov.cn:many",
            "city.gov.cn:99999",
            "u@city.gov.cn",
            "[::1",
            "10.1.2.300",
            "10.1.2.0/24",
        ] {
            assert!(host_problem(text).is_some_and(|found| found.message.contains(text)), "{text}");
        }
    }
}
