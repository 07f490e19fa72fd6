//! `tonghui init DIR`: the folder that an admin edits, commented, with the shipped code tables and no
//! channel yet. `tonghui channel new NAME --like KIND`: a folder in it with commented files that pass
//! `check`, to be changed line by line.

use std::{
    borrow::Cow,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use contract::{ChannelId, DemandId, RecordKey};
use rust_embed::RustEmbed;

use super::{
    Context,
    out::{self, Exit},
};
use crate::shipped;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write the files of a new channel.
    New(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of its folder: 1 to 64 of a-z, 0-9, _ and -.
    name: ChannelId,
    /// The kind of source it is most like.
    #[arg(long, value_enum)]
    like: Like,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Like {
    /// An interface over HTTP that answers in JSON.
    HttpJson,
    /// One that answers in XML.
    HttpXml,
    /// A SOAP service.
    Soap,
    /// A front-end database table.
    Table,
    /// Files in a folder or on an SFTP server.
    Files,
    /// A source that sends records to us.
    Webhook,
    /// A program of your own; a runnable one in Python is written too.
    Process,
}

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The folder; it is made where it is not there.
    dir: PathBuf,
}

pub(super) fn init(args: &Init) -> anyhow::Result<Exit> {
    let folder = args.dir.display();
    ensure!(!args.dir.join("gateway.toml").exists(), "{folder} holds a gateway.toml already");
    shipped::write(&args.dir, &[]).with_context(|| folder.to_string())?;
    out::print(format!(
        "wrote {folder}\n\
         tonghui channel new NAME --like http-json --config {folder}   makes a channel\n\
         tonghui check --config {folder}                               what is wrong with it",
    ))?;
    Ok(Exit::Done)
}

/// Stands in the templates for the name of the channel.
const NAME: &str = "NEW_CHANNEL";
/// Stands in them for a secret that is made up here.
const TOKEN: &str = "NEW_TOKEN";
/// Stands in them for the id of the example's one demand, which has this key.
const ID: &str = "NEW_ID";
const KEY: &str = "A-1";
/// Files that hold a secret.
const SECRET: [&str; 2] = ["token", "url"];

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let Command::New(args) = command;
    let folder = context.config.join("channels").join(args.name.as_str());
    ensure!(!folder.exists(), "{} is there already", folder.display());
    let mut token = [0; 16];
    getrandom::fill(&mut token)?;
    let files = args.like.files();
    for (file, text) in &files {
        let text = text.replace(NAME, args.name.as_str()).replace(TOKEN, &hex::encode(token));
        let text = text.replace(ID, &DemandId::of(&args.name, &RecordKey::new(KEY)).to_string());
        write(&folder.join(file), &text, SECRET.contains(&file.as_str()))?;
    }
    let folder = folder.display();
    let is_page = |file: &&str| file.starts_with("fixtures/") && !file.contains("expected");
    let page = files.iter().map(|(file, _)| file.as_str()).find(is_page).unwrap_or_default();
    out::print(format!(
        "wrote {folder}\n\
         change channel.toml and the page under fixtures, then:\n\
         tonghui explain {name} {folder}/{page}   what becomes of it\n\
         tonghui check                                     what is wrong with it",
        name = args.name,
    ))?;
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str, is_secret: bool) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path).with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}

/// A folder for each kind.
#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// The plugin that `process` begins with: it is run by the tests where it lies.
const PLUGIN: [(&str, &str); 2] = [
    ("plugin.py", include_str!("../../../connectors/process/python/example_plugin.py")),
    ("tonghui_plugin.py", include_str!("../../../connectors/process/python/tonghui_plugin.py")),
];

impl Like {
    /// The files of a new channel, by their names in its folder.
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
