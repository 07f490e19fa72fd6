//! What a failure of the broker means for us: wait, or call somebody.

use std::{future::Future, io, time::Duration};

use contract::Fault;
use lapin::{Error, ErrorKind, protocol::AMQPError};
use tokio::time::timeout;

/// The longest wait for an answer of the broker, one that carries no message.
const REPLY_WITHIN: Duration = Duration::from_secs(30);

/// A node of the broker.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Host and port, for people.
    pub(super) name: String,
    /// Whether we make what is missing there.
    pub(super) declare: bool,
}

/// Asks the broker for something; `what` is said if it does not do it.
///
/// # Errors
/// It refuses, does not answer in time or is gone.
pub(super) async fn ask<T>(
    place: &Place,
    what: &str,
    question: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match timeout(REPLY_WITHIN, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault(place, what, error)),
        Err(_) => Err(silent(place, what, REPLY_WITHIN)),
    }
}

/// The broker did not answer in time.
pub(super) fn silent(place: &Place, what: &str, limit: Duration) -> Fault {
    let seconds = limit.as_secs();
    Fault::transient(format!("{what}: the broker does not answer for {seconds} s")).at(at(place))
}

/// Classifies an error.
pub(super) fn fault(place: &Place, what: &str, error: Error) -> Fault {
    let remedy = match error.kind() {
        // Deleted under our hands: the next try makes it again.
        ErrorKind::ProtocolError(error) if error.get_id() == 404 && place.declare => None,
        ErrorKind::ProtocolError(error) => of_protocol(error),
        ErrorKind::IOError(error) => of_io(error),
        ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => {
            Some("whoever listens there does not speak AMQP 0-9-1: check port and amqp or amqps")
        }
        ErrorKind::AuthProviderError(_) | ErrorKind::SerialisationError(_) => {
            Some("report this defect")
        }
        // The connection is gone or on its way out: the next one is another try.
        _ => None,
    };
    let fault = match remedy {
        Some(remedy) => Fault::stopped(what).remedy(remedy),
        None => Fault::transient(what),
    };
    fault.at(at(place)).because(error)
}

/// Names the broker.
pub(super) fn at(place: &Place) -> String {
    format!("broker {}", place.name)
}

/// The broker said no: what to do where waiting does not help. Codes of AMQP 0-9-1, 1.2.1.
fn of_protocol(error: &AMQPError) -> Option<&'static str> {
    match error.get_id() {
        403 => Some(
            "check user and password, and that the user may configure, write and read in this virtual host",
        ),
        404 => Some("it was deleted while in use, or never made: declare it, or set declare"),
        // 402 is INVALID_PATH, of a virtual host that old brokers do not know.
        402 | 530 => Some("make the virtual host and give the user its permissions"),
        406 => Some(
            "it exists with other arguments: give back the settings it was made with, or delete it once it is empty",
        ),
        // 311, 312, 313, 320, 405, 501 to 506, 541: shut down, overloaded, locked, confused.
        _ => None,
    }
}

fn of_io(error: &io::Error) -> Option<&'static str> {
    // How rustls reports a peer that it does not trust or does not understand.
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput).then_some(
        "check the TLS name in the URL, the certificate of the broker and the CA that is trusted here",
    )
}
