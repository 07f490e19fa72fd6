//! `tonghui init DIR`: the folder that an admin edits, commented, with the shipped code tables and no
//! channel yet.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use super::out::{self, Exit};
use crate::shipped;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is made where it is not there.
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let folder = args.dir.display();
    ensure!(!args.dir.join("gateway.toml").exists(), "{folder} holds a gateway.toml already");
    shipped::write(&args.dir, &[]).with_context(|| folder.to_string())?;
    out::print(format!(
        "wrote {folder}\n\
         tonghui channel new NAME --like http-json --config {folder}   makes a channel\n\
         tonghui check --config {folder}                               what is wrong with it",
    ))?;
    Ok(Exit::Done)
}
