//! Turns failures of the broker into faults, which say whether a retry may help or somebody must act.

use std::{future::Future, time::Duration};

use contract::{
    ConnectFailure, Fault, FaultKind, ServerSettings, causes_text, is_tls_failure, tls_fault,
};
use lapin::{Error, ErrorKind, protocol::AMQPError};
use tokio::time::timeout;

/// The longest wait for a reply of the broker to a request.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// A node of the broker.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Host and port.
    pub(super) name: String,
    /// Whether the gateway declares missing queues and exchanges there, as `topology` in the settings says.
    pub(super) declare: bool,
}

impl Node {
    /// The node as the place of a fault.
    pub(super) fn place(&self) -> String {
        format!("broker {}", self.name)
    }
}

/// Sends a request to the broker and waits for the reply; `what` is the text of the fault if it fails.
///
/// # Errors
/// The broker refuses, does not answer in time, or is gone.
pub(super) async fn ask<T>(
    node: &Node,
    what: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match timeout(REPLY_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault_of(node, what, error)),
        Err(_) => Err(no_answer(node, what, REPLY_TIMEOUT)),
    }
}

/// The text of the fault if a connection cannot be opened.
pub(super) const CANNOT_CONNECT: &str = "cannot connect";

/// The fault if the broker did not answer in time.
pub(super) fn no_answer(node: &Node, what: &str, limit: Duration) -> Fault {
    let (what, remedy) = match what {
        CANNOT_CONNECT => (
            "a server accepts the connection",
            "check the host and port in the broker URL, and the firewall in between",
        ),
        what => (what, "if this lasts, look into the log of the broker"),
    };
    let why = format!("the broker did not answer within {} s", limit.as_secs());
    Fault::transient(what).at(node.place()).because(why).remedy(remedy)
}

/// The names of the settings, for remedies.
const SETTINGS: ServerSettings =
    ServerSettings { address: "the broker URL", ca: "`ca` under [bus] in gateway.toml" };

/// The fault if another kind of server answers at the port.
pub(super) fn other_server(who: Option<&str>) -> Fault {
    let who = who.unwrap_or("a server that does not speak AMQP 0-9-1");
    Fault::stopped(format!("this is the port of {who}"))
        .remedy("check the port in the broker URL, and whether it is amqp (5672) or amqps (5671)")
}

/// Turns an error into a fault. `what` says what failed.
pub(super) fn fault_of(node: &Node, what: &str, error: Error) -> Fault {
    let fault = match error.kind() {
        ErrorKind::ProtocolError(error) => protocol_failure(node, what, error),
        ErrorKind::IOError(error)
            if let Some(failure) = ConnectFailure::of(error)
                && (what == CANNOT_CONNECT || !failure.can_end_connections()) =>
        {
            failure.fault(SETTINGS)
        }
        ErrorKind::IOError(error) if is_tls_failure(error) => {
            tls_fault(&causes_text(error), SETTINGS)
        }
        ErrorKind::IOError(error) if what == CANNOT_CONNECT => Fault::transient(
            "the server closed the connection before the login",
        )
        .because(causes_text(error))
        .remedy("if this lasts, check the port in the broker URL, and whether it is amqp or amqps"),
        ErrorKind::IOError(error) => Fault::transient(what).because(causes_text(error)),
        ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => other_server(None),
        ErrorKind::AuthProviderError(_) | ErrorKind::SerialisationError(_) => {
            Fault::stopped(what).because(causes_text(&error)).remedy("report this defect")
        }
        // The connection is lost or is closing: the next one may succeed.
        _ => Fault::transient(what).because(causes_text(&error)),
    };
    fault.at(node.place())
}

/// What an error reply of the broker means, by its code (AMQP 0-9-1, 1.2.1). It is `Stopped` if there is a
/// remedy.
fn protocol_failure(node: &Node, what: &str, error: &AMQPError) -> Fault {
    let says = |text: &str| error.get_message().as_str().contains(text);
    let remedy = match error.get_id() {
        403 if what == CANNOT_CONNECT => Some("check user and password in the broker URL"),
        403 => Some("give the user configure, write and read permissions in this virtual host"),
        // A queue or exchange was deleted: the next attempt creates it again.
        404 if node.declare => None,
        404 => Some("declare it, or set topology = \"declare\" under [bus] in gateway.toml"),
        // 402 is INVALID_PATH, the reply of old brokers for an unknown virtual host.
        402 | 530 => Some("create the virtual host, and give the user permissions in it"),
        406 if says("message size") => Some(
            "raise max_message_size in the configuration of the broker: a demand may have 16 MiB",
        ),
        // The broker has waited too long for an ack: it delivers again on the next connection.
        406 if says("delivery ack") || says("delivery tag") => None,
        406 => Some(
            "the queue or exchange exists with other arguments: restore the settings with which it was created, or delete it once it is empty",
        ),
        // Such as 320 (the broker shuts down), 405 (a queue is locked) or 541 (an internal error).
        _ => None,
    };
    let what = match what {
        CANNOT_CONNECT if remedy.is_some() => "the broker refused the login",
        _ => what,
    };
    let kind = if remedy.is_some() { FaultKind::Stopped } else { FaultKind::Transient };
    let fault = Fault::new(kind, what).because(error.get_message().to_string());
    remedy.into_iter().fold(fault, Fault::remedy)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn cannot_connect_is_not_said_of_a_connection_that_was_open() {
        let node = Node { name: "here:5672".to_owned(), declare: true };
        let said = |what, kind: io::ErrorKind| {
            fault_of(&node, what, io::Error::from(kind).into()).to_string()
        };
        for kind in [io::ErrorKind::TimedOut, io::ErrorKind::HostUnreachable] {
            assert!(said(CANNOT_CONNECT, kind).contains("cannot connect"));
            let open = said("cannot publish", kind);
            assert!(open.starts_with("broker here:5672: cannot publish: "), "{open}");
        }
        assert!(said(CANNOT_CONNECT, io::ErrorKind::ConnectionRefused).contains("nobody listens"));
    }

    #[test]
    fn what_a_failed_precondition_means_depends_on_what_was_asked() {
        let node = Node { name: "here:5672".to_owned(), declare: true };
        for (text, remedy) in [
            ("inequivalent arg 'x-overflow' for queue 'q'", Some("with other arguments")),
            ("message size 17 is larger than configured max size 16", Some("max_message_size")),
            ("delivery acknowledgement on channel 1 timed out", None),
            ("unknown delivery tag 7", None),
        ] {
            let text = format!("PRECONDITION_FAILED - {text}");
            let error = AMQPError::from_id(406, text.as_str().into()).unwrap();
            let fault = protocol_failure(&node, "cannot publish", &error);
            assert_eq!(fault.is_stopped(), remedy.is_some(), "{fault}");
            assert!(fault.to_string().contains(remedy.unwrap_or(&text)), "{fault}");
        }
    }

    #[test]
    fn a_broker_that_is_silent_on_an_open_connection_is_not_looked_for_elsewhere() {
        let node = Node { name: "here:5672".to_owned(), declare: true };
        let (limit, remedy) = (Duration::from_secs(30), "check the host and port");
        assert!(no_answer(&node, CANNOT_CONNECT, limit).to_string().contains(remedy));
        let open = no_answer(&node, "the messages were not acked", limit).to_string();
        assert!(open.contains("within 30 s") && !open.contains(remedy), "{open}");
    }
}
