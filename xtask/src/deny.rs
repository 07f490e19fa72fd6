//! `cargo xtask deny`: advisories, bans, licences and sources of every dependency.
//!
//! Not part of `cargo xtask test`: advisories come from the internet and change overnight. Bans and
//! licences are checked there too, offline, by the same deny.toml (tests/system/architecture.rs).

use anyhow::Result;

use crate::{
    run::{cargo, must, quiet},
    setup::Missing,
};

/// Runs cargo-deny.
///
/// # Errors
/// [`Missing`] where it is not installed.
pub(crate) fn deny() -> Result<()> {
    if quiet(cargo(&["deny", "--version"])).is_err() {
        return Err(Missing("cargo install --locked cargo-deny".to_owned()).into());
    }
    must(cargo(&["deny", "--workspace", "check"]))
}
