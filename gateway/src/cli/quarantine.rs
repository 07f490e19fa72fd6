//! `tonghui quarantine`: rejected records, with their reasons and bytes, and what is decided about them by hand.

use config::Settings;
use contract::{ChannelId, DemandId, Timestamp};
use normalizer::{Place, Sealer, open_raw};
use serde::Serialize;
use sink::store::{Access, Quarantined, RejectReason};

use super::{Change, Context, Exit, again, audit, out};
use crate::{assemble, keys, plain::escape_line};

/// Maximum number of bytes that are printed in hexadecimal; a record may have 16 MiB.
const MAX_HEX_BYTES: usize = 4096;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List rejected records, the newest first.
    List {
        /// List only this channel.
        channel: Option<ChannelId>,
        /// Maximum number of rows to print.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// Instead, show how many there are for each reason, and one of them.
        #[arg(long, conflicts_with = "limit")]
        by_reason: bool,
        /// Exit with code 3 if there are any.
        #[arg(long)]
        strict: bool,
    },
    /// Show one record: reason and place.
    Show {
        /// Its id, as `list` prints it.
        id: DemandId,
        /// Open its bytes with the key file and show them. They contain personal values, so this is
        /// recorded in the audit log.
        #[arg(long)]
        reveal: bool,
    },
    /// Map rejected records again whose bytes were kept, after the mapping was changed. Those that are accepted now are
    /// stored, and leave quarantine. What a connector could not read must be read again from the source.
    Retry(again::Retry),
    /// Mark a record as resolved: nobody must correct it any more. A record whose newer state is valid is resolved by
    /// itself; a message that does not prove its sender is extra in the books until this.
    Resolve {
        /// Its id, as `list` prints it.
        id: DemandId,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Release a demand whose stored revision is wrong, such as a time in the year 9999: forget it, so that the next
    /// state counts as newer. Such states are rejected now; earlier versions stored them.
    Release {
        /// The id of the demand, as `tonghui id CHANNEL KEY` prints it.
        id: DemandId,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
}

impl Command {
    /// What the command is about to change; `None` for the others that change something: they say why.
    pub(super) fn change(&self) -> Option<Change> {
        if let Self::Retry(args) = self { args.change() } else { None }
    }
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let (channel, limit, strict) = match command {
        Command::List { channel, by_reason: true, strict, .. } => {
            return list_by_reason(context, channel.as_ref(), *strict);
        }
        Command::List { channel, limit, strict, .. } => (channel.as_ref(), *limit, *strict),
        Command::Retry(args) => return again::retry(context, args),
        Command::Show { id, reveal } => return show(context, id, *reveal),
        Command::Resolve { id, reason } => return resolve(context, id, reason),
        Command::Release { id, reason } => return release(context, id, reason),
    };
    context.with_store(Access::ReadOnly, async |_, store| {
        let rows = store.quarantine_list(channel, limit).await?;
        out::show(context.format, &rows, |rows| {
            let headings = ["id", "channel", "reason", "place", "detail", "seen"];
            out::table(&headings, rows.iter().map(cells), 5)
        })?;
        Ok(if strict && !rows.is_empty() { Exit::Quarantined } else { Exit::Done })
    })
}

fn list_by_reason(
    context: &Context,
    channel: Option<&ChannelId>,
    strict: bool,
) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |_, store| {
        let rows = store.quarantine_reasons(channel).await?;
        out::show(context.format, &rows, |rows| {
            let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_rfc3339());
            let cells = |row: &RejectReason| {
                let RejectReason { channel, reason, records, .. } = row;
                let (first, last) = (time(row.first_seen_at), time(row.last_seen_at));
                let records = records.to_string();
                let sample = row.sample.to_string();
                vec![channel.to_string(), reason.clone(), first, last, sample, records]
            };
            let headings = ["channel", "reason", "first", "last", "one of them", "records"];
            out::table(&headings, rows.iter().map(cells), 5)
        })?;
        Ok(if strict && !rows.is_empty() { Exit::Quarantined } else { Exit::Done })
    })
}

fn cells(row: &Quarantined) -> Vec<String> {
    vec![
        row.id.to_string(),
        row.channel.to_string(),
        row.reason.clone(),
        row.place.clone(),
        row.detail.clone(),
        row.times_seen.to_string(),
    ]
}

/// A record in quarantine, with its bytes if they were opened.
#[derive(Serialize)]
struct OpenedRow {
    #[serde(flatten)]
    row: Quarantined,
    /// All bytes as text, if they were opened and are UTF-8.
    text: Option<String>,
    /// The first bytes in hexadecimal, if they were opened.
    hex: Option<String>,
}

fn resolve(context: &Context, id: &DemandId, reason: &str) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadWrite, async |settings, store| {
        let entry = audit::entry("resolve", &id.to_string(), reason.to_owned());
        let is_done = store.resolve_quarantined(id, &entry).await?;
        anyhow::ensure!(is_done, "no unresolved record with id {id} is in quarantine");
        out::note(format!("{id} is resolved"));
        audit::copy(settings, store).await?;
        Ok(Exit::Done)
    })
}

fn release(context: &Context, id: &DemandId, reason: &str) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadWrite, async |settings, store| {
        let entry = audit::entry("release", &id.to_string(), reason.to_owned());
        let is_done = store.release_revision(id, &entry).await?;
        anyhow::ensure!(is_done, "no demand with id {id} has a revision");
        out::note(format!(
            "{id} takes the next state; let the source send it again, or read it again with `tonghui position` or \
             `tonghui sync --from`"
        ));
        audit::copy(settings, store).await?;
        Ok(Exit::Done)
    })
}

fn show(context: &Context, id: &DemandId, reveal: bool) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let row = super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let row = store.quarantine_show(id).await?;
        row.ok_or_else(|| anyhow::anyhow!("no record with id {id} is in quarantine"))
    })?;
    // Nothing is shown of a record that is not there, so nothing is recorded of it.
    if reveal {
        audit::record_reveal(&settings, "quarantine", &id.to_string())?;
    }
    let bytes = if reveal { open(&settings, &row)? } else { None };
    let text = bytes.clone().and_then(|bytes| String::from_utf8(bytes).ok());
    let hex = bytes.map(|bytes| hex::encode(&bytes[..bytes.len().min(MAX_HEX_BYTES)]));
    out::show(context.format, &OpenedRow { row, text, hex }, draw)
}

/// The decrypted bytes of a record; `None` if they were not kept.
fn open(settings: &Settings, row: &Quarantined) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(raw) = &row.raw else { return Ok(None) };
    let sealer = Sealer::new(&keys::read(settings)?);
    Ok(Some(open_raw(&sealer, Place { channel: &row.channel, id: &row.id }, raw)?))
}

fn draw(opened: &OpenedRow) -> String {
    let row = &opened.row;
    // They come from the source, which must not write lines of this text.
    let key = escape_line(row.source_key.as_deref().unwrap_or("unknown"));
    let (detail, place) = (escape_line(&row.detail), escape_line(&row.place));
    let bytes = match (&opened.text, &opened.hex) {
        (Some(text), _) => text.as_str(),
        (None, Some(hex)) => hex.as_str(),
        (None, None) if row.raw.is_some() => "its bytes are sealed; open them with --reveal",
        (None, None) => "its bytes were not kept",
    };
    let resolved = row.resolved_at.map_or_else(String::new, |at| format!("\nresolved  {at}"));
    format!(
        "id        {}\nchannel   {}\nkey       {key}\nreason    {}: {detail}\nplace     {place}\n\
         seen      {} times{resolved}\n\n{bytes}",
        row.id, row.channel, row.reason, row.times_seen
    )
}

#[cfg(test)]
mod tests {
    use contract::{MappingNo, ReadNo, RecordKey, Revision, Version};

    use super::*;

    #[test]
    fn a_source_writes_no_line_of_what_is_shown() {
        let hostile = "x\nresolved  yes\n\u{1b}[2m";
        let channel: ChannelId = "files".parse().unwrap();
        let row = Quarantined {
            id: DemandId::of(&channel, &RecordKey::new("a")),
            channel,
            source_key: Some(hostile.to_owned()),
            version: Version {
                revision: Revision::NONE,
                read_no: ReadNo(1),
                mapping: MappingNo(1),
            },
            reason: "missing_key".to_owned(),
            detail: hostile.to_owned(),
            place: hostile.to_owned(),
            message: String::new(),
            raw: None,
            event: None,
            first_seen_at: None,
            last_seen_at: None,
            times_seen: 1,
            resolved_at: None,
        };
        let drawn = draw(&OpenedRow { row, text: None, hex: None });
        assert_eq!(drawn.lines().count(), 8, "{drawn}");
        assert!(!drawn.contains('\u{1b}'), "{drawn}");
    }
}
