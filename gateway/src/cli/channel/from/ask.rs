//! Gets the answer to a command, or the rows of a workbook, with a channel that exists only meanwhile.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use connector_http::Http;
use contract::{ChannelId, Connector as _, Entry};
use serde_json::Value;

use super::{answer::Answer, draft, request::Request, write::Folder};
use crate::{
    assemble,
    cli::{Context, out},
    offline, registry,
};

/// Sends the request once, as `preview` does: with the same limits, and only where `[allow]` lets it.
pub(super) fn ask(
    context: &Context,
    folder: &Path,
    name: &ChannelId,
    request: &Request,
) -> Result<Answer> {
    ensure!(
        request.has_all_secrets(),
        "the command has several secrets, or one that is computed for each request, and a channel sends one: the request was \
         not sent. Save an answer to it, and give it with --answer FILE"
    );
    let files = Folder::create(folder)?;
    files.write("channel.toml", &draft::to_ask(name, request), false)?;
    files.write_request(request)?;
    let channel = offline::channel(&assemble::settings(&context.config)?, name)?;
    let mut http: Http = registry::connector(&channel.spec.section, channel.context())?;
    http.keep_traces();
    let read = crate::cli::runtime()?.block_on(Box::pin(http.read(None, 1)));
    drop(read.map_err(anyhow::Error::from)
        .context("the request of the command failed; to begin without it, give a saved answer with --answer FILE")?);
    let trace = http.traces().last().context("the source was not asked")?;
    out::note(format!("asked {} once: status {}", trace.url, trace.status.unwrap_or_default()));
    let content_type = trace.answer_headers.get("content-type").map(String::as_str);
    Answer::read(&trace.page, content_type, "").context("the answer")
}

/// Reads the rows of a workbook, as the connector for files does.
pub(super) fn open(
    context: &Context,
    folder: &Path,
    name: &ChannelId,
    file: &str,
    bytes: &[u8],
) -> Result<Answer> {
    let files = Folder::create(folder)?;
    let extension = file.rsplit_once('.').map_or("xlsx", |(_, extension)| extension);
    files.write("channel.toml", &draft::to_open(name, extension), false)?;
    files.write(
        "url",
        &format!("{}\n", super::write::DROP.replace("NAME", name.as_str())),
        true,
    )?;
    let channel = offline::channel(&assemble::settings_without_secrets(&context.config)?, name)?;
    let entries = channel.sample(file, bytes).with_context(|| file.to_owned())?;
    // No row has the key of this channel, so each comes as it was read.
    let rows = entries.iter().filter_map(|entry| match entry {
        Entry::Unreadable { bytes, .. } => serde_json::from_slice(bytes).ok(),
        Entry::Record(record) => Some(record.body.tree().clone()),
    });
    Ok(Answer::workbook(rows.filter(Value::is_object).collect()))
}
