//! What a server's complaint means for the channel, and what to do about it.

use contract::Fault;
use russh_sftp::{client::error::Error, protocol::StatusCode};

/// The fault for a request about `what`.
pub(super) fn of_request(what: &str, error: &Error) -> Fault {
    let Error::Status(status) = error else {
        return match error {
            Error::Timeout => Fault::transient("the server does not answer in time"),
            _ => Fault::transient("the connection to the server broke"),
        };
    };
    match status.status_code {
        StatusCode::NoSuchFile => Fault::stopped(format!("{what} is not there"))
            .remedy("check the path in `url`, and make the folders `archive` and `error`"),
        StatusCode::PermissionDenied => Fault::stopped(format!("{what} may not be used"))
            .remedy("give the account the right to read and to rename there"),
        StatusCode::OpUnsupported => Fault::stopped("the server cannot do what is needed")
            .remedy("reading, listing and renaming must be allowed"),
        code => Fault::transient(format!("the server refused with code {}", code as u32)),
    }
}

/// The fault for a connection that does not come about.
pub(super) fn of_connection(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => {
            Fault::stopped("the server knows none of the algorithms that are safe today")
                .remedy("have the server's SSH brought up to date")
        }
        russh::Error::IO(_)
        | russh::Error::Disconnect
        | russh::Error::HUP
        | russh::Error::ConnectionTimeout
        | russh::Error::InactivityTimeout
        | russh::Error::KeepaliveTimeout => Fault::transient("the server cannot be reached"),
        _ => Fault::transient("the server does not speak SSH as expected"),
    }
}
