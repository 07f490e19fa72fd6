//! `tonghui position`: shows and moves the position of a channel, so that nobody has to edit the database.

use contract::{ChannelId, Cursor};
use serde::Serialize;
use serde_json::{Value, json};
use sink::store::Access;

use super::{Context, Exit, audit, out};
use crate::{clock::format_time, offline::configured, registry::ConnectorKind};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder name of the channel.
    channel: ChannelId,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the position (default).
    Show,
    /// Move the position to the start: the next pass reads everything that the source has. What is stored
    /// already is not stored again. Also accepts another `key` or `revision` of the channel.
    Reset,
    /// Move the position to this place, written as `show` prints it.
    Set {
        /// The position, as JSON.
        json: String,
    },
}

/// The position of a channel.
#[derive(Debug, Serialize)]
struct Shown {
    channel: ChannelId,
    /// How often it has moved.
    step: u64,
    last_read_at: Option<String>,
    /// `null` before the first read.
    position: Value,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let access = match args.command {
        None | Some(Command::Show) => Access::ReadOnly,
        Some(Command::Reset | Command::Set { .. }) => Access::ReadWrite,
    };
    context.with_store(access, async |settings, store| {
        let id = &args.channel;
        let kind = ConnectorKind::by_name(&configured(settings, id)?.connector);
        let to = match &args.command {
            None | Some(Command::Show) => {
                let progress = store.progress(id).await?;
                let cursor = progress.cursor.map(|cursor| serde_json::from_str(cursor.as_str()));
                let shown = Shown {
                    channel: id.clone(),
                    step: progress.step,
                    last_read_at: progress.last_read_at.map(|at| format_time(at, settings.zone)),
                    position: cursor.transpose()?.unwrap_or_default(),
                };
                return out::show(context.format, &shown, |shown| shown.position.to_string());
            }
            Some(Command::Reset) => None,
            Some(Command::Set { json }) => Some(Cursor::from_text(json.as_str())),
        };
        anyhow::ensure!(
            to.is_none() || kind.as_ref().is_none_or(|kind| !kind.is_pushed),
            "channel {id} is a push channel: it has no position in its source, so it can only be reset"
        );
        if let (Some(cursor), Some(kind)) = (&to, &kind) {
            (kind.check_cursor)(cursor).map_err(|fault| {
                anyhow::anyhow!(
                    "this is not a position of a `{}` channel: {fault}; `tonghui position {id}` prints one",
                    kind.name
                )
            })?;
        }
        let detail = json!({ "to": to.as_ref().map(Cursor::as_str) }).to_string();
        let entry = audit::entry("position", id.as_str(), detail);
        store.set_position(id, to.as_ref(), &entry).await?;
        out::note(format!("moved; read the channel now with `tonghui sync {id}`"));
        audit::copy(settings, store).await?;
        Ok(Exit::Done)
    })
}
