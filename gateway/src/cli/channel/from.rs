//! `tonghui channel new NAME --from WHAT`: where to begin with a source that nobody has described. From a curl command or
//! from a file it finds where the records are and what their fields mean, and writes a channel with a comment on each
//! guess.

mod answer;
mod ask;
mod columns;
mod curl;
mod draft;
mod fields;
mod guess;
mod key;
mod names;
mod paging;
mod percent;
mod propose;
mod records;
mod report;
mod request;
mod values;
mod words;
mod write;

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use contract::ChannelId;
use normalizer::CodeTables;

use self::{answer::Answer, curl::Curl, request::Request};
use super::{Context, Exit, out};
use crate::shipped;

/// Maximum size of an answer or a file.
const MAX_BYTES: u64 = 32 << 20;
/// Maximum size of a command.
const MAX_COMMAND: usize = 1 << 20;

/// What a new channel is made from.
pub(super) struct Source<'a> {
    /// A curl command, or a file with one, or a file with records.
    pub(super) from: &'a str,
    /// The saved answer to the command.
    pub(super) answer: Option<&'a Path>,
    /// Where the records are.
    pub(super) records: Option<&'a str>,
}

/// What `--from` names.
enum What {
    Command(Curl),
    File { name: String, bytes: Vec<u8> },
}

/// Writes a channel, and says what was guessed.
pub(super) fn run(context: &Context, name: &ChannelId, source: &Source<'_>) -> Result<Exit> {
    let folder = context.config.join("channels").join(name.as_str());
    ensure!(!folder.exists(), "{} already exists: choose another name", folder.display());
    ensure!(
        context.config.join("gateway.toml").exists(),
        "there is no {}/gateway.toml: run `tonghui init {}` first",
        context.config.display(),
        context.config.display()
    );
    let report = match what(source.from)? {
        What::Command(command) => {
            let mut request = Request::new(command, name)?;
            let answer = match source.answer {
                Some(path) => {
                    let place = || path.display().to_string();
                    Answer::read(&read(path)?, None, "").with_context(place)?
                }
                None => ask::ask(context, &folder, name, &request)?,
            };
            let asked = std::mem::take(&mut request.ignored);
            let found = propose::http(&mut request, &answer, source.records, &tables()?)?;
            write::http(context, &folder, name, &request, &answer, &found)?.ignoring(asked)
        }
        What::File { name: file, bytes } => {
            ensure!(
                source.answer.is_none(),
                "--answer belongs to a curl command, and {file} is none"
            );
            let extension = file.rsplit_once('.').map_or("txt", |(_, extension)| extension);
            let is_workbook = ["xlsx", "xls"].iter().any(|one| extension.eq_ignore_ascii_case(one));
            let answer = match is_workbook {
                true => ask::open(context, &folder, name, &file, &bytes)?,
                false => Answer::read(&bytes, None, &file).with_context(|| file.clone())?,
            };
            let found = propose::files(&file, &answer, source.records, &tables()?)?;
            write::files(context, &folder, name, &file, &answer, &bytes, &found)?
        }
    };
    out::show(context.format, &report, report::Report::draw)
}

/// What `--from` names: a command, or the content of a file.
fn what(from: &str) -> Result<What> {
    if curl::is_command(from) {
        ensure!(from.len() <= MAX_COMMAND, "the command is larger than 1 MiB");
        return Ok(What::Command(curl::parse(from)?));
    }
    let path = PathBuf::from(from);
    let bytes = read(&path)?;
    let command = normalizer_text::decode_file(&bytes).filter(|text| curl::is_command(text));
    if let Some(command) = command.filter(|command| command.len() <= MAX_COMMAND) {
        return Ok(What::Command(
            curl::parse(&command).with_context(|| path.display().to_string())?,
        ));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(What::File { name, bytes })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    // The text may be a command that was not quoted as one, with secrets: it is not repeated.
    let place = || match path.to_str() {
        Some(text) if text.len() > 200 || text.contains(char::is_whitespace) => {
            "--from is neither a command that begins with `curl` nor a file".to_owned()
        }
        _ => path.display().to_string(),
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(place)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(place)?;
    let is_small = u64::try_from(bytes.len()).is_ok_and(|n| n <= MAX_BYTES);
    ensure!(is_small, "{}: it is larger than 32 MiB: give a part of it", path.display());
    Ok(bytes)
}

/// The shipped code tables.
fn tables() -> Result<CodeTables> {
    let files: Vec<_> = shipped::codes().collect();
    let tables = CodeTables::shipped(files.iter().map(|(name, text)| (&**name, &**text)));
    tables.map_err(|_| anyhow::anyhow!("the shipped code tables cannot be read"))
}

#[cfg(test)]
mod tests;
