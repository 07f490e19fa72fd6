//! Finds out what becomes of the records of a channel. The channel is built as `run` builds it, but with
//! temporary keys, and without a store or a bus.
//!
//! `check` compares the demands of a page with the expected ones; `explain` and `preview` print them.
//! Ciphertexts and tokens are left out: both differ with every key.

use std::{fs, path::Path};

use anyhow::Context;
use config::{ChannelSettings, Problem, Problems, Settings};
use contract::{
    Batch, Channel, ChannelId, Cursor, DecidedBy, Entry, Event, Intake, MappingNo, PassEnd,
    Position, ReadNo, TextReport, Timestamp, pack,
};
use normalizer::{FieldTrace, Keys, Suite};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{assemble, channel::LiveChannel};

/// Maximum size of a page, in bytes.
const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// The time at which a page counts as read: the first day of 2100 in UTC. It is later than every time in a
/// page, and always the same.
const READ_AT: Timestamp = match Timestamp::from_timestamp(4_102_444_800, 0) {
    Some(at) => at,
    None => Timestamp::UNIX_EPOCH,
};

/// One entry of a page and what became of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `accepted`, `skipped` or `rejected`.
    pub verdict: &'static str,
    /// The demand, or the reject with its reason; `null` for a skip.
    pub result: Value,
    /// What became of each column of the source; only for text output.
    #[serde(skip)]
    pub trace: Vec<FieldTrace>,
    /// How its bytes were decoded; `None` if the source sent text. Only for text output.
    #[serde(skip)]
    pub decoding: Option<String>,
}

/// Builds the channel with this id, with temporary keys.
///
/// # Errors
/// There is no channel with this id, or its settings have problems.
pub fn channel(settings: &Settings, channel: &ChannelId) -> anyhow::Result<LiveChannel> {
    let mut settings = settings.clone();
    keep_only(&mut settings, channel)?;
    let built = assemble::channels(&settings, &Keys::generate(Suite::default())?)?.pop();
    built.with_context(|| format!("there is no channel `{channel}`"))
}

/// The settings of the channel with this id.
///
/// # Errors
/// There is no channel with this id, or the problems of its file.
pub fn configured<'a>(
    settings: &'a Settings,
    id: &ChannelId,
) -> Result<&'a ChannelSettings, Problems> {
    settings.channels.iter().find(|known| known.id == *id).ok_or_else(|| {
        settings.broken.get(id).cloned().unwrap_or_else(|| unknown_channel(settings, id))
    })
}

/// Leaves only the channel with this id in the settings.
///
/// # Errors
/// There is no channel with this id, or the problems of its file.
pub fn keep_only(settings: &mut Settings, id: &ChannelId) -> Result<(), Problems> {
    configured(settings, id)?;
    settings.channels.retain(|channel| channel.id == *id);
    settings.broken.clear();
    Ok(())
}

/// The problem with a channel that the configuration does not have.
pub fn unknown_channel(settings: &Settings, id: &ChannelId) -> Problems {
    let known: Vec<_> = settings.channel_ids().iter().map(ToString::to_string).collect();
    let problem = Problem::of_file(format!("channels/{id}"), "there is no such channel");
    problem.advise(format!("the channels are {}", known.join(", "))).into()
}

impl LiveChannel {
    /// The outcomes of the records of a page in a file. With `reveal`, personal values in the traces are
    /// not masked.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 32 MiB, or is not a page of this kind of source.
    pub fn page_outcomes(&self, page: &Path, reveal: bool) -> anyhow::Result<Vec<Outcome>> {
        let place = || page.display().to_string();
        let size = fs::metadata(page).with_context(place)?.len();
        anyhow::ensure!(
            size <= MAX_PAGE_BYTES,
            "{}: the file is larger than 32 MiB",
            page.display()
        );
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(page).with_context(place)?;
        let entries = self.sample(&name, &bytes).with_context(place)?;
        self.outcomes(entries, reveal)
    }

    /// The entries of a page with this file name.
    ///
    /// # Errors
    /// It is not a page of this kind of source.
    pub fn sample(&self, name: &str, page: &[u8]) -> anyhow::Result<Vec<Entry>> {
        Ok(self.connector(self.context())?.sample(name, page)?)
    }

    /// The outcomes of entries that were read.
    ///
    /// # Errors
    /// A demand cannot be written as JSON.
    pub fn outcomes(&self, entries: Vec<Entry>, reveal: bool) -> anyhow::Result<Vec<Outcome>> {
        entries.into_iter().map(|entry| self.outcome(entry, reveal)).collect()
    }

    fn outcome(&self, entry: Entry, reveal: bool) -> anyhow::Result<Outcome> {
        let channel = Channel {
            id: self.id().clone(),
            mapping: MappingNo(1),
            normalizer: self.normalizer.clone(),
        };
        let (trace, decoding) = match &entry {
            Entry::Record(record) => (self.mapping.trace(record, reveal), decoding(&record.text)),
            Entry::Unreadable { place, bytes, .. } => {
                let decoding = format!("unreadable, {} bytes at {}", bytes.len(), place.at);
                (Vec::new(), Some(decoding))
            }
        };
        let batch = Batch {
            entries: vec![entry],
            upto: Cursor::from_text("null"),
            end: Some(PassEnd::default()),
            trouble: Vec::new(),
        };
        let outbox = pack(&channel, Position::default(), ReadNo(1), batch, READ_AT);
        let messages = outbox.messages().iter().map(|message| (0, message.clone()));
        let intake = Intake::new(messages);
        let event = intake.deliveries().iter().flat_map(|delivery| &delivery.events).next();
        let (verdict, mut result) = match event {
            None => ("skipped", Value::Null),
            Some(Event::Demand(demand)) => ("accepted", serde_json::to_value(demand)?),
            Some(Event::Reject(reject)) => (
                "rejected",
                json!({
                    "id": reject.id, "source_key": reject.source_key, "place": reject.place,
                    "reason": reject.reason,
                }),
            ),
            Some(Event::Unreadable { reason, .. }) => ("rejected", json!({ "reason": reason })),
        };
        remove_fields(&mut result, &UNSTABLE_FIELDS);
        Ok(Outcome { verdict, result, trace, decoding })
    }
}

/// How a text was decoded, such as `GB18030, which the channel declares`.
fn decoding(text: &TextReport) -> Option<String> {
    let why = match text.decided_by {
        DecidedBy::Nothing => return None,
        DecidedBy::Forced => "which the channel forces",
        DecidedBy::Bom => "by its byte order mark",
        DecidedBy::Utf8 => "recognized by its bytes",
        DecidedBy::XmlProlog => "by the declaration of its XML",
        DecidedBy::HttpHeader => "by its HTTP header",
        DecidedBy::Declared => "which the channel declares",
        DecidedBy::Detected => "guessed from its bytes",
    };
    let conflict = if text.conflict { "; another rule found a different charset" } else { "" };
    Some(format!("{}, {why}{conflict}", text.charset))
}

/// Fields that depend on keys, reads or clocks. Without them, expected files stay readable and stable.
const UNSTABLE_FIELDS: [&str; 7] =
    ["raw", "unmasked", "sealed", "origin", "version", "digest", "token"];

/// Removes fields with these names, at any depth.
pub(crate) fn remove_fields(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|field| remove_fields(field, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_fields(item, names)),
        _ => {}
    }
}
