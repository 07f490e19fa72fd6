//! `tonghui index`: how far the indexes are behind history, and making them again.

use sink::store::Access;

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    indexer::{Lag, lag},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Go through all history again and add what an index lacks; what it has stays. The running
    /// service does it, or the next one.
    Rebuild,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let access = match args.command {
            None => Access::ReadOnly,
            Some(Command::Rebuild) => Access::ReadWrite,
        };
        let store = assemble::open_store(&settings, access).await?;
        if args.command.is_some() {
            store.rebuild_indexes().await?;
        }
        out::show(context.format, &lag(&store).await?, |lags| draw(lags))?;
        Ok(Exit::Done)
    })
}

fn draw(lags: &[Lag]) -> String {
    let row = |lag: &Lag| {
        let seconds = lag.seconds_behind.to_string();
        vec![lag.index.name().to_owned(), lag.rows_behind.to_string(), seconds]
    };
    let rows: Vec<_> = lags.iter().map(row).collect();
    out::table(&["index", "rows behind", "seconds behind"], &rows, 1)
}
