//! `tonghui books statement`: the statement of a day, as JSON or as a page.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use config::Settings;
use contract::{ChannelId, Fault};
use sink::{
    bus::BusKey,
    store::{Access, Database},
};

use super::super::{Context, Exit, out};
use crate::{
    clock::{self, parse_day},
    keys::{self, file_fault, write_new},
    statement::{Request, Statement, draw, make},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    /// The day, which must be over: 2026-11-23, yesterday, in the gateway's time zone.
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    day: String,
    /// The statement of the day before, which the new one is to follow.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Write a page for people instead of JSON; it can be verified too.
    #[arg(long)]
    html: bool,
    /// Write to a new file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        super::ensure_known(settings, store, Some(&args.channel)).await?;
        let statement = Box::pin(make_statement(settings, store, args)).await?;
        let text = if args.html { draw(&statement)? } else { statement.to_json()? };
        match &args.out {
            Some(file) => write(file, &(text + "\n"))?,
            None => out::print(text)?,
        }
        for [_, en] in statement.doubts() {
            out::note(en);
        }
        Ok(if statement.balanced == Some(false) { Exit::Failed } else { Exit::Done })
    })
}

async fn make_statement(
    settings: &Settings,
    store: &Database,
    args: &Args,
) -> anyhow::Result<Statement> {
    let (key, now) = (key(settings)?, clock::now());
    let previous = args.previous.as_deref().map(|file| Statement::read(file, &key)).transpose()?;
    let configured = settings.channels.iter().find(|channel| channel.id == args.channel);
    let request = Request {
        channel: args.channel.clone(),
        name: configured.map(|channel| channel.name.clone()),
        day: parse_day(&args.day, settings.zone, now)?,
        zone: settings.zone,
        previous: previous.as_ref(),
        now,
    };
    Ok(make(request, store, &key).await?)
}

/// The bus key, with which statements are proved.
pub(super) fn key(settings: &Settings) -> Result<BusKey, Fault> {
    keys::bus(settings)?.ok_or_else(|| {
        Fault::stopped("there is no bus key, with which a statement is proved").remedy(
            "run `tonghui key rotate`, which adds one to the key file; or name a file under [keys] that `tonghui key \
             bus FILE` has written",
        )
    })
}

fn write(file: &Path, text: &str) -> Result<(), Fault> {
    write_new(file, text, false).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AlreadyExists => {
                "a statement is never written over: move the file away, or name another one"
            }
            _ => "check that this user may create the file",
        };
        file_fault("cannot write the statement", file, error).remedy(remedy)
    })
}
