//! What is said about a server that cannot be used: no connection, no TLS, or another protocol.
//!
//! "Cannot connect" is said only if no connection came about. Everything that reaches a server says the same
//! about the same failure; [`ServerSettings`] names the settings that its remedies are about.

use std::io::{self, ErrorKind};

use crate::Fault;

/// The names of the settings that say where a server is, and whom to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// The setting with its address, such as "`url`".
    pub address: &'static str,
    /// The setting with the authorities that sign its certificate, such as "`ca`".
    pub ca: &'static str,
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nobody listens on the port.
    Refused,
    /// There is no way to the host from here.
    Unreachable,
    /// The host does not answer.
    Silent,
    /// The name has no address.
    UnknownHost,
    /// This system forbids the connection.
    Forbidden,
}

impl ConnectFailure {
    /// The failure that an error means; `None` if a connection came about.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::ConnectionRefused => Some(Self::Refused),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Some(Self::Unreachable)
            }
            ErrorKind::TimedOut => Some(Self::Silent),
            ErrorKind::PermissionDenied => Some(Self::Forbidden),
            // The standard library has no kind for a failed name lookup.
            _ if error.to_string().starts_with("failed to lookup address information") => {
                Some(Self::UnknownHost)
            }
            _ => None,
        }
    }

    /// Whether an open connection can end with the same error.
    pub fn can_end_connections(self) -> bool {
        matches!(self, Self::Unreachable | Self::Silent)
    }

    /// The failure in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Refused => "nobody listens on this port",
            Self::Unreachable => "the host cannot be reached from this network",
            Self::Silent => "the host does not answer",
            Self::UnknownHost => "the host name cannot be resolved",
            Self::Forbidden => "this system does not permit the connection",
        }
    }

    /// The fault, with what to do. Waiting can help: servers start, and networks come back.
    pub fn fault(self, ServerSettings { address, .. }: ServerSettings) -> Fault {
        let remedy = match self {
            Self::Refused => {
                format!("check the host and port in {address}, and that the server runs there")
            }
            Self::Unreachable => {
                format!("check the host in {address}, and the routes and firewalls in between")
            }
            Self::Silent => {
                format!("check the host and port in {address}, and the firewall in between")
            }
            Self::UnknownHost => {
                format!("check the host name in {address}, and the name server of this machine")
            }
            Self::Forbidden => {
                "check the firewall of this machine, and the rights of this account".to_owned()
            }
        };
        Fault::transient("cannot connect").because(self.text()).remedy(remedy)
    }
}

/// The fault for a failure of TLS; `cause` is the text of the TLS library. Waiting does not help.
pub fn tls_fault(cause: &str, settings: ServerSettings) -> Fault {
    let ServerSettings { address, ca } = settings;
    let has = |marks: &[&str]| marks.iter().any(|mark| cause.contains(mark));
    // An alert is what the server says, so its certificate is ours.
    let alert = cause.split_once("fatal alert: ").map(|(_, alert)| alert);
    let alert_has = |marks: &[&str]| alert.is_some_and(|it| marks.iter().any(|m| it.contains(m)));
    let (what, remedy) = if alert_has(&["CertificateRequired"]) {
        (
            "the server demands a certificate from its clients",
            format!(
                "ask its administrator for a certificate and a key, and name them beside {address}"
            ),
        )
    } else if alert_has(&["CertificateExpired", "CertificateRevoked"]) {
        (
            "the server says that the certificate of this client has expired or was revoked",
            "have it renewed, and check the clocks of both machines".to_owned(),
        )
    } else if alert_has(&["UnknownCA", "Certificate", "AccessDenied"]) {
        (
            "the server does not accept the certificate of this client",
            format!(
                "name one beside {address} that is meant for clients, and signed by an authority that the server trusts"
            ),
        )
    } else if has(&["KeyMismatch", "InconsistentKeys"]) {
        (
            "the certificate of this client does not belong to its key",
            format!("name a certificate and a key that were made together beside {address}"),
        )
    } else if has(&["UnknownIssuer", "CaUsedAsEndEntity"]) {
        (
            "the certificate of the server is signed by itself, or by an authority that is not trusted here",
            format!("set {ca} to the PEM file of the authority that signed it"),
        )
    } else if has(&["not valid for name", "NotValidForName"]) {
        (
            "the certificate of the server is for another host name",
            format!("in {address}, use the host name that the certificate has"),
        )
    } else if has(&["expired", "Expired"]) {
        (
            "the certificate of the server has expired",
            "have it renewed, and check the clock of this machine".to_owned(),
        )
    } else if has(&["not valid yet", "NotValidYet"]) {
        (
            "the certificate of the server is not valid yet",
            "check the clock of this machine and of the server".to_owned(),
        )
    } else if has(&["invalid peer certificate", "certificate"]) {
        ("the certificate of the server is not accepted", "have it renewed".to_owned())
    } else if has(&["InvalidContentType", "corrupt message", "UnexpectedMessage"]) {
        (
            "the server does not use TLS on this port",
            format!(
                "check the port in {address}, and whether it should name a protocol without TLS"
            ),
        )
    } else if has(&["does not support TLS"]) {
        (
            "the server offers no encryption, which the settings demand",
            format!(
                "have TLS switched on at the server; or, if the network is trusted, demand none in {address} and set \
                 `insecure = true` beside it"
            ),
        )
    } else if has(&["HandshakeFailure", "ProtocolVersion", "peer is incompatible"]) {
        (
            "the server offers no version or algorithm of TLS that is considered safe",
            "ask its administrator for TLS 1.2 or 1.3".to_owned(),
        )
    } else {
        (
            "no encrypted connection can be made",
            format!("check the settings for TLS in {address}, and {ca}"),
        )
    };
    Fault::stopped(what).because(cause.to_owned()).remedy(remedy)
}

/// Whether an error of the network comes from TLS: rustls reports its own errors with these kinds.
pub fn is_tls_failure(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput)
        && error.get_ref().is_some()
}

/// Who answers with these bytes; `None` if they are not known.
pub fn server_of(first_bytes: &[u8]) -> Option<&'static str> {
    Some(match first_bytes {
        [b'S', b'S', b'H', b'-', ..] => "an SSH server",
        [b'H', b'T', b'T', b'P', b'/', ..] => "a web server",
        [b'A', b'M', b'Q', b'P', ..] => "an AMQP broker such as RabbitMQ",
        [b'2', b'2', b'0', b' ' | b'-', ..] => "an FTP or mail server",
        [0x15 | 0x16, 3, ..] => "a server with TLS",
        // The greeting, or the refusal, of MySQL: a length of three bytes, the number 0, then its kind.
        [_, _, 0, 0, 9 | 10 | 0xff, ..] => "a MySQL or MariaDB server",
        // The answer to a request for TLS; an error if it does not know that request.
        [b'S' | b'N'] | [b'E', 0, 0, ..] => "a PostgreSQL server",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: ServerSettings = ServerSettings { address: "`url`", ca: "`ca`" };

    #[test]
    fn cannot_connect_is_said_only_if_no_connection_came_about() {
        for (kind, text) in [
            (ErrorKind::ConnectionRefused, Some("nobody listens on this port")),
            (ErrorKind::HostUnreachable, Some("cannot be reached from this network")),
            (ErrorKind::NetworkUnreachable, Some("routes and firewalls")),
            (ErrorKind::TimedOut, Some("the host does not answer")),
            (ErrorKind::PermissionDenied, Some("this system does not permit")),
            (ErrorKind::ConnectionReset, None),
            (ErrorKind::UnexpectedEof, None),
            (ErrorKind::NotFound, None),
        ] {
            let fault = ConnectFailure::of(&kind.into()).map(|failure| failure.fault(URL));
            assert!(fault.as_ref().is_none_or(Fault::is_transient));
            let said = fault.map(|fault| fault.to_string());
            match text {
                Some(text) => assert!(said.is_some_and(|said| said.contains(text)), "{kind:?}"),
                None => assert_eq!(said, None, "{kind:?}"),
            }
        }
        let lookup = "failed to lookup address information: Temporary failure in name resolution";
        let failure = ConnectFailure::of(&io::Error::other(lookup));
        assert_eq!(failure, Some(ConnectFailure::UnknownHost));
    }

    #[test]
    fn each_failure_of_tls_has_its_own_sentence_and_waiting_helps_none() {
        for (cause, what) in [
            ("invalid peer certificate: UnknownIssuer", "signed by itself, or by an authority"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "signed by itself"),
            (
                r#"invalid peer certificate: certificate not valid for name "b""#,
                "another host name",
            ),
            ("invalid peer certificate: certificate expired: verification time 2", "has expired"),
            ("invalid peer certificate: Expired", "has expired"),
            ("invalid peer certificate: certificate not valid yet: time 1", "not valid yet"),
            ("invalid peer certificate: BadSignature", "is not accepted"),
            (
                "received corrupt message of type InvalidContentType",
                "does not use TLS on this port",
            ),
            ("server does not support TLS", "offers no encryption"),
            ("received fatal alert: HandshakeFailure", "no version or algorithm"),
            ("received fatal alert: CertificateRequired", "demands a certificate"),
            ("received fatal alert: CertificateExpired", "of this client has expired"),
            ("received fatal alert: UnknownCA", "does not accept the certificate of this client"),
            ("received fatal alert: BadCertificate", "does not accept the certificate of this"),
            ("keys may not be consistent: KeyMismatch", "does not belong to its key"),
            ("received fatal alert: InternalError", "no encrypted connection"),
        ] {
            let fault = tls_fault(cause, URL);
            assert!(fault.is_stopped() && fault.to_string().contains(what), "{fault}");
        }
    }

    #[test]
    fn a_server_is_recognised_by_its_first_bytes() {
        for (bytes, who) in [
            (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], Some("an SSH server")),
            (b"HTTP/1.1 400 Bad Request\r\n", Some("a web server")),
            (b"AMQP\0\0\x09\x01", Some("an AMQP broker such as RabbitMQ")),
            (b"220-FileZilla Server", Some("an FTP or mail server")),
            (b"\x15\x03\x03\0\x02\x02\x46", Some("a server with TLS")),
            (b"\x6a\0\0\0\x0a11.4.2-MariaDB\0", Some("a MySQL or MariaDB server")),
            (b"\x45\0\0\0\xff\x6a\x04Host", Some("a MySQL or MariaDB server")),
            (b"N", Some("a PostgreSQL server")),
            (b"", None),
            (b"\0\0\0\0", None),
        ] {
            assert_eq!(server_of(bytes), who, "{bytes:?}");
        }
    }
}
