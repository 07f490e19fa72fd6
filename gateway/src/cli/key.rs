//! `tonghui key`: keys for a store that several processes share. An embedded store makes its own.

use std::path::PathBuf;

use super::out::{self, Exit};
use crate::keys;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make keys and write them to a new file, which only its owner can read.
    New {
        /// The file; give it to every process that reads sources for this store, and keep a copy:
        /// without it nobody can open what was sealed.
        file: PathBuf,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<Exit> {
    let Command::New { file } = command;
    let keys = keys::make(file)?;
    out::note(format!("key {} is in {}", keys.id(), file.display()));
    Ok(Exit::Done)
}
