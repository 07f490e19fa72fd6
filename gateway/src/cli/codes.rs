//! `tonghui codes`: the labels of the sources, and what they mean.

mod import;
mod missing;

use std::path::PathBuf;

use super::{
    Context,
    out::{self, Exit},
};
use crate::{assemble, table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Labels of kept demands that no table has, with the nearest that one has.
    Missing {
        /// Write a worksheet to fill in, for `codes import`.
        #[arg(long, value_name = "FILE")]
        xlsx: Option<PathBuf>,
    },
    /// Take the filled rows of such a worksheet into the tables of the configuration folder.
    Import {
        /// The worksheet.
        file: PathBuf,
    },
    /// Where the configuration folder says something else than the shipped tables.
    Diff,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Missing { xlsx } => missing::run(context, xlsx.as_deref()),
        Command::Import { file } => import::run(context, file),
        Command::Diff => diff(context),
    }
}

fn diff(context: &Context) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let codes = assemble::codes(&settings)?;
    out::show(context.format, &codes.differences(), |differences| {
        let rows: Vec<_> = differences
            .iter()
            .map(|each| {
                let shipped = each.shipped.clone().unwrap_or_else(|| "—".to_owned());
                vec![each.table.clone(), each.raw.clone(), shipped, each.here.clone()]
            })
            .collect();
        table::draw(&["table", "label", "shipped", "here"], &rows, 4)
    })?;
    Ok(Exit::Done)
}
