//! What a server's complaint means for the channel, and what to do about it.

use contract::{Fault, no_connection};
use russh_sftp::{client::error::Error, protocol::StatusCode};

/// The fault for a request that was refused or not answered.
pub(super) fn of_request(error: &Error) -> Fault {
    let Error::Status(status) = error else {
        return match error {
            Error::Timeout => Fault::transient("the server does not answer in time"),
            _ => Fault::transient("the connection broke off"),
        };
    };
    match status.status_code {
        StatusCode::NoSuchFile => Fault::stopped("it is not there")
            .remedy("check the path in `url`, and make the folders `archive` and `error`"),
        StatusCode::PermissionDenied => Fault::stopped("the account may not use it")
            .remedy("give it the right to read and to rename there"),
        StatusCode::OpUnsupported => Fault::stopped("the server does not allow what is needed")
            .remedy("have reading, listing and renaming allowed"),
        code => Fault::transient(format!("the server refused with code {}", code as u32)),
    }
}

/// The fault for a connection that does not come about, or breaks before it is of use.
pub(super) fn of_connection(error: &russh::Error) -> Fault {
    match error {
        russh::Error::NoCommonAlgo { .. } => {
            Fault::stopped("the server knows none of the algorithms that are safe today")
                .remedy("have the server's SSH brought up to date")
        }
        russh::Error::IO(error) if let Some(why) = no_connection(error) => {
            Fault::transient("cannot connect")
                .because(why)
                .remedy("check host and port in `url`, and that the server runs there")
        }
        russh::Error::ConnectionTimeout
        | russh::Error::InactivityTimeout
        | russh::Error::KeepaliveTimeout => Fault::transient("the server does not answer in time"),
        russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP => {
            Fault::transient("the server closed the connection")
        }
        _ => Fault::transient("the server does not speak SSH as expected")
            .remedy("check host and port in `url`"),
    }
}
