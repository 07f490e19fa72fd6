//! The one way this program writes to its user.
//!
//! A closed standard output (`cargo xtask test | head`) must not panic half-way and leave servers
//! behind, which `println!` would do.

use std::{
    fmt,
    io::{self, Write},
};

/// Writes one line.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    echo(format!("{line}\n").as_bytes());
}

/// Writes bytes as they are.
pub(crate) fn echo(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    // Nobody listens: the exit code still tells.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}
