//! `tonghui init DIR` writes a commented configuration folder with the shipped code tables and no
//! channel. `tonghui channel new NAME --like KIND` adds a channel with commented files that pass `check`,
//! to be edited line by line; with `--from`, they are guessed from a request or a file of the source.

mod from;

use std::{borrow::Cow, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use contract::{ChannelId, DemandId, RecordKey};
use rust_embed::RustEmbed;

use super::{Context, Exit, out};
use crate::{keys::write_new, shipped};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write the files of a new channel.
    New {
        /// Name of the channel: 1 to 64 of a-z, 0-9, _ and -.
        name: ChannelId,
        /// The kind of source that is most like the new one.
        #[arg(long, value_enum, required_unless_present = "from", conflicts_with = "from")]
        like: Option<Like>,
        /// What is there of the source: a curl command, as one text or in a file, or a file with records (JSON, XML,
        /// CSV, a workbook). The request is sent once, unless --answer is given. A command line is visible to
        /// others on this machine: put one with a secret into a file.
        #[arg(long, value_name = "CURL|FILE", allow_hyphen_values = true)]
        from: Option<String>,
        /// A saved answer to the curl command, instead of sending it.
        #[arg(long, value_name = "FILE", requires = "from")]
        answer: Option<PathBuf>,
        /// Where the records are, like $.data.rows[*], if several lists could be that of the records.
        #[arg(long, value_name = "PATH", requires = "from")]
        records: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Like {
    /// An HTTP API that answers in JSON.
    HttpJson,
    /// An HTTP API that answers in XML.
    HttpXml,
    /// A SOAP service.
    Soap,
    /// A table of a front-end database.
    Table,
    /// Files in a folder or on an SFTP server.
    Files,
    /// A source that pushes records to the gateway.
    Webhook,
    /// A program of your own; an example in Python is included.
    Process,
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The folder; it is created if it does not exist.
    dir: PathBuf,
}

pub(super) fn init(args: &Init) -> anyhow::Result<Exit> {
    let folder = args.dir.display();
    ensure!(!args.dir.join("gateway.toml").exists(), "{folder} already has a gateway.toml");
    shipped::write(&args.dir, &[]).with_context(|| folder.to_string())?;
    out::print(format!(
        "wrote {folder}\n\
         tonghui channel new NAME --like http-json --config {folder}   adds a channel\n\
         tonghui check --config {folder}                               lists all problems",
    ))?;
    Ok(Exit::Done)
}

/// Placeholder for the name of the channel, in the templates.
const NAME: &str = "NEW_CHANNEL";
/// Placeholder for a generated secret.
const TOKEN: &str = "NEW_TOKEN";
/// Placeholder for the id of the example's only demand.
const ID: &str = "NEW_ID";
/// Key of that demand.
const KEY: &str = "A-1";
/// Files that contain a secret, so only their owner may read them.
const SECRET_FILES: [&str; 2] = ["token", "url"];

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let Command::New { name, like, from, answer, records } = command;
    if let Some(from) = from {
        let (answer, records) = (answer.as_deref(), records.as_deref());
        return from::run(context, name, &from::Source { from, answer, records });
    }
    let like = like.context("either --like or --from is needed")?;
    let folder = context.config.join("channels").join(name.as_str());
    ensure!(!folder.exists(), "{} already exists: choose another name", folder.display());
    let mut token = [0; 16];
    getrandom::fill(&mut token)?;
    let files = like.files();
    for (file, text) in &files {
        let text = text.replace(NAME, name.as_str()).replace(TOKEN, &hex::encode(token));
        let text = text.replace(ID, &DemandId::of(name, &RecordKey::new(KEY)).to_string());
        let path = folder.join(file);
        write_new(&path, &text, SECRET_FILES.contains(&file.as_str()))
            .with_context(|| path.display().to_string())?;
    }
    let folder = folder.display();
    let is_page = |file: &&str| file.starts_with("fixtures/") && !file.contains("expected");
    let page = files.iter().map(|(file, _)| file.as_str()).find(is_page).unwrap_or_default();
    out::print(format!(
        "wrote {folder}\n\
         change channel.toml and the page under fixtures, then:\n\
         tonghui explain {name} {folder}/{page}   shows what becomes of it\n\
         tonghui check                                     lists all problems",
    ))?;
    Ok(Exit::Done)
}

/// The templates: a folder for each kind of source.
#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// The example plugin of `process`. It is not among the templates, because tests run it in its folder.
const PLUGIN: [(&str, &str); 2] = [
    ("plugin.py", include_str!("../../../connectors/process/python/example_plugin.py")),
    ("tonghui_plugin.py", include_str!("../../../connectors/process/python/tonghui_plugin.py")),
];

impl Like {
    /// The files of a new channel: the name of each in the channel's folder, and its text.
    fn files(self) -> Vec<(String, String)> {
        let kind = self.to_possible_value().map(|kind| kind.get_name().to_owned());
        let kind = kind.unwrap_or_default();
        let file = |path: Cow<'static, str>| {
            let name = path.strip_prefix(&kind)?.strip_prefix('/')?;
            let text = String::from_utf8(Templates::get(&path)?.data.into_owned()).ok()?;
            Some((name.to_owned(), text))
        };
        let mut files: Vec<_> = Templates::iter().filter_map(file).collect();
        if matches!(self, Self::Process) {
            files.extend(PLUGIN.map(|(name, text)| (name.to_owned(), text.to_owned())));
        }
        files
    }
}
