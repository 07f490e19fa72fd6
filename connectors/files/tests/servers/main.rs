//! Runs the conformance suite and more over SFTP, with the server of OpenSSH.
//!
//! `cargo xtask test` starts the server and describes it in `TONGHUI_TEST_SFTP` and two more
//! variables. Without a server these tests fail: a test that skips itself proves nothing. Every
//! test has its own folder.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../drop/mod.rs"]
mod drop;

mod faults;
mod login;
mod proxy;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use drop::Folder;
use serde_json::json;

static NEXT_FOLDER: AtomicU32 = AtomicU32::new(0);

/// A new folder on the server.
fn sftp() -> Folder {
    let server = server("TONGHUI_TEST_SFTP");
    let name = format!("t{}-{}", std::process::id(), NEXT_FOLDER.fetch_add(1, Ordering::Relaxed));
    let (address, path) = split(&server);
    let path = PathBuf::from(path).join(name);
    let url = format!("{address}{}", path.display());
    Folder::at(path, &url, None).with(json!({
        "sftp": {
            "host_key": self::server("TONGHUI_TEST_SFTP_HOST_KEY"),
            "key": key(),
        },
        "timeout": "20s",
    }))
}

/// The private key that the server accepts.
fn key() -> String {
    std::fs::read_to_string(server("TONGHUI_TEST_SFTP_KEY")).unwrap()
}

/// Splits an address into `sftp://user@host:port` and the path.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").unwrap() + 3;
    url.split_at(host + url[host..].find('/').unwrap())
}

/// The value of a variable that describes the server.
fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("this test needs a server, which {variable} names: run `cargo xtask with cargo test -p connector-files`")
    })
}

mod sftp_keeps_the_promises {
    use super::sftp;

    connector_testkit::suite!(sftp());
}
