//! Turns failures of the broker into faults, which say whether a retry may help or somebody must act.

use std::{future::Future, io, time::Duration};

use contract::{Fault, FaultKind, causes_text, connect_failure_text};
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
    let seconds = limit.as_secs();
    Fault::transient(what)
        .at(node.place())
        .because(format!("the broker did not answer within {seconds} s"))
        .remedy("check the host and port in the broker URL, and the firewall in between")
}

/// Turns an error into a fault. `what` says what failed.
pub(super) fn fault_of(node: &Node, what: &str, error: Error) -> Fault {
    let (kind, cause, remedy) = match error.kind() {
        ErrorKind::ProtocolError(error) => protocol_failure(node, what, error),
        ErrorKind::IOError(error) => io_failure(error),
        ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => (
            FaultKind::Stopped,
            "the server at this port does not speak AMQP 0-9-1".to_owned(),
            Some("check the port in the broker URL, and whether it is amqp or amqps"),
        ),
        ErrorKind::AuthProviderError(_) | ErrorKind::SerialisationError(_) => {
            (FaultKind::Stopped, causes_text(&error), Some("report this defect"))
        }
        // The connection is lost or is closing: the next one may succeed.
        _ => (FaultKind::Transient, causes_text(&error), None),
    };
    let fault = Fault::new(kind, what).at(node.place()).because(cause);
    remedy.into_iter().fold(fault, Fault::remedy)
}

/// The kind of a fault, its cause, and what to do about it, if somebody can do something.
type Failure = (FaultKind, String, Option<&'static str>);

/// What an error reply of the broker means, by its code (AMQP 0-9-1, 1.2.1). It is `Stopped` if there is a
/// remedy.
fn protocol_failure(node: &Node, what: &str, error: &AMQPError) -> Failure {
    let remedy = match error.get_id() {
        403 if what == CANNOT_CONNECT => Some("check user and password in the broker URL"),
        403 => Some("give the user configure, write and read permissions in this virtual host"),
        // A queue or exchange was deleted: the next attempt creates it again.
        404 if node.declare => None,
        404 => Some("declare it, or set topology = \"declare\" under [bus] in gateway.toml"),
        // 402 is INVALID_PATH, the reply of old brokers for an unknown virtual host.
        402 | 530 => Some("create the virtual host, and give the user permissions in it"),
        406 => Some(
            "the queue or exchange exists with other arguments: restore the settings with which it was created, or delete it once it is empty",
        ),
        // Such as 320 (the broker shuts down), 405 (a queue is locked) or 541 (an internal error).
        _ => None,
    };
    let kind = if remedy.is_some() { FaultKind::Stopped } else { FaultKind::Transient };
    (kind, error.get_message().to_string(), remedy)
}

/// What a failure of the network or of TLS means.
fn io_failure(error: &io::Error) -> Failure {
    let text = causes_text(error);
    if let Some(why) = connect_failure_text(error) {
        let remedy = "check the host and port in the broker URL, and that the broker runs there";
        return (FaultKind::Transient, why.to_owned(), Some(remedy));
    }
    // rustls uses these two kinds for a server that it does not trust or understand.
    if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
        return (FaultKind::Transient, text, None);
    }
    let remedy = if text.contains("UnknownIssuer") {
        "set `ca` under [bus] in gateway.toml to the file of the CA that signed the certificate of the broker"
    } else if text.contains("not valid for name") {
        "in the broker URL, use the host name that its certificate has"
    } else if text.contains("certificate") {
        "renew the certificate of the broker"
    } else {
        "check the port in the broker URL, and whether it is amqp or amqps"
    };
    (FaultKind::Stopped, text, Some(remedy))
}
