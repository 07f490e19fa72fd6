//! Tells this machine from others, to which nothing may be sent unprotected.

/// Whether a host is this machine. To any other one, a connection must be encrypted and the other side
/// verified, unless the settings say `insecure = true`.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_and_their_name_are_this_machine() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "0.0.0.0", "10.0.0.5", "127.0.0.1.a.example", "localhost.a.example", "::"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
