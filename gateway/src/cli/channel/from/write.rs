//! Writes the files of a channel, and tries them out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use contract::{ChannelId, causes_text};

use super::{
    answer::Answer,
    draft::Proposal,
    report::Report,
    request::{Body, Request},
};
use crate::{
    assemble,
    cli::{Context, out, preview::save},
    keys::write_new,
    offline,
};

/// Where files are looked for until somebody says where they are.
pub(super) const DROP: &str = "/srv/drop/NAME";
/// Maximum size of an answer that becomes a fixture.
const MAX_FIXTURE: usize = 1 << 20;

/// A new folder, which is removed unless it is kept.
pub(super) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// Creates the folder, which must not exist.
    ///
    /// # Errors
    /// It exists, or cannot be created.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let place = || path.display().to_string();
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(place)?;
        }
        fs::create_dir(path).with_context(place)?;
        Ok(Self { path: path.to_owned(), is_kept: false })
    }

    /// Writes a file into it; only its owner can read a private one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, file: &str, text: &str, is_private: bool) -> Result<()> {
        let path = self.path.join(file);
        write_new(&path, text, is_private).with_context(|| path.display().to_string())
    }

    /// Writes the secrets and the body of a request.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn write_request(&self, request: &Request) -> Result<()> {
        for (file, secret) in &request.secrets {
            self.write(file, secret, true)?;
        }
        match &request.body {
            Body::Text(text, _) => self.write("request.body", text, false),
            _ => Ok(()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is found by `check`.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Writes a channel that sends a request.
///
/// # Errors
/// A file cannot be written, or the configuration does not let the channel do what it should.
pub(super) fn http(
    context: &Context,
    folder: &Path,
    name: &ChannelId,
    request: &Request,
    answer: &Answer,
    found: &Proposal,
) -> Result<Report> {
    let files = Folder::create(folder)?;
    let text = found.http(name, request, answer);
    files.write("channel.toml", &text, false)?;
    files.write_request(request)?;
    // A table would not be one any more without its values.
    let page = Some(answer.text.as_str()).filter(|_| !answer.is_table());
    finish(context, files, name, &text, ("page", answer.text.as_bytes(), page), found)
}

/// Writes a channel that reads files.
///
/// # Errors
/// As for [`http`].
pub(super) fn files(
    context: &Context,
    folder: &Path,
    name: &ChannelId,
    file: &str,
    answer: &Answer,
    bytes: &[u8],
    found: &Proposal,
) -> Result<Report> {
    let files = Folder::create(folder)?;
    let extension = file.rsplit_once('.').map_or("txt", |(_, extension)| extension);
    let text = found.files(name, extension, answer);
    files.write("channel.toml", &text, false)?;
    files.write("url", &format!("{}\n", DROP.replace("NAME", name.as_str())), true)?;
    // Rows of a table become a list, which `save` writes itself.
    let page = if answer.is_table() { "" } else { answer.text.as_str() };
    finish(context, files, name, &text, (file, bytes, Some(page)), found)
}

/// Builds the channel, and makes an example of the page, if it can be kept without personal values.
fn finish(
    context: &Context,
    mut files: Folder,
    name: &ChannelId,
    text: &str,
    (file, bytes, page): (&str, &[u8], Option<&str>),
    found: &Proposal,
) -> Result<Report> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    let channel = offline::channel(&settings, name)?;
    let example = || {
        let page = page.context("it is a table")?;
        anyhow::ensure!(bytes.len() <= MAX_FIXTURE, "it is larger than 1 MiB");
        anyhow::ensure!(found.key.value.is_some(), "its records have no key yet");
        let entries = channel.sample(file, bytes)?;
        let fixtures = files.path.join("fixtures");
        save::save(
            &channel,
            &fixtures,
            Some(page.to_owned()).filter(|page| !page.is_empty()),
            &entries,
        )?;
        let is_xml = page.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        let page = if is_xml { "page.xml" } else { "page.json" };
        let example = format!(
            "\n[[example]]          # `tonghui check` maps this page and compares the result\npage = \
             \"fixtures/{page}\"\nexpected = \"fixtures/page.expected.json\"\n"
        );
        let path = files.path.join("channel.toml");
        fs::write(&path, format!("{text}{example}")).with_context(|| path.display().to_string())
    };
    let has_example = match example() {
        Ok(()) => true,
        Err(error) => {
            let _ = fs::remove_dir_all(files.path.join("fixtures"));
            let why = causes_text(error.as_ref());
            out::note(format!("the answer is not kept as an example: {why}"));
            false
        }
    };
    files.is_kept = true;
    Ok(Report::new(name, &files.path, found, has_example))
}
