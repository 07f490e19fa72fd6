//! `tonghui channel new NAME --like KIND`: a folder with commented files that pass `check`, to be
//! changed line by line.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use anyhow::{Context as _, ensure};
use contract::{ChannelId, DemandId, RecordKey};

use super::{
    Context,
    out::{self, Exit},
};

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

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
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
    for (file, text) in args.like.files() {
        let text = text.replace(NAME, args.name.as_str()).replace(TOKEN, &hex::encode(token));
        let text = text.replace(ID, &DemandId::of(&args.name, &RecordKey::new(KEY)).to_string());
        write(&folder.join(file), &text, SECRET.contains(file))?;
    }
    let folder = folder.display();
    out::print(format!(
        "wrote {folder}\n\
         change channel.toml and the page under fixtures, then:\n\
         tonghui explain {name} {folder}/fixtures/{page}   what becomes of it\n\
         tonghui check                                     what is wrong with it",
        name = args.name,
        page = args.like.page(),
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

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../templates/", $file))
    };
}

impl Like {
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::HttpJson => &[
                ("channel.toml", template!("http-json/channel.toml")),
                ("fixtures/page.json", template!("http-json/fixtures/page.json")),
                ("fixtures/page.expected.json", template!("http-json/fixtures/page.expected.json")),
            ],
            Self::HttpXml => &[
                ("channel.toml", template!("http-xml/channel.toml")),
                ("fixtures/page.xml", template!("http-xml/fixtures/page.xml")),
                ("fixtures/page.expected.json", template!("http-xml/fixtures/page.expected.json")),
            ],
            Self::Soap => &[
                ("channel.toml", template!("soap/channel.toml")),
                ("request.xml", template!("soap/request.xml")),
                ("fixtures/page.xml", template!("soap/fixtures/page.xml")),
                ("fixtures/page.expected.json", template!("soap/fixtures/page.expected.json")),
            ],
            Self::Files => &[
                ("channel.toml", template!("files/channel.toml")),
                ("url", "/srv/drop/NEW_CHANNEL\n"),
                ("fixtures/page.csv", template!("files/fixtures/page.csv")),
                ("fixtures/page.expected.json", template!("files/fixtures/page.expected.json")),
            ],
            Self::Table => &[
                ("channel.toml", template!("table/channel.toml")),
                ("url", "sqlite:orders.db\n"),
                ("fixtures/page.json", template!("table/fixtures/page.json")),
                ("fixtures/page.expected.json", template!("table/fixtures/page.expected.json")),
            ],
            Self::Webhook => &[
                ("channel.toml", template!("webhook/channel.toml")),
                ("token", "NEW_TOKEN\n"),
                ("fixtures/page.json", template!("webhook/fixtures/page.json")),
                ("fixtures/page.expected.json", template!("webhook/fixtures/page.expected.json")),
            ],
            Self::Process => &[
                ("channel.toml", template!("process/channel.toml")),
                ("fixtures/page.jsonl", template!("process/fixtures/page.jsonl")),
                ("fixtures/page.expected.json", template!("process/fixtures/page.expected.json")),
                ("orders.jsonl", template!("process/orders.jsonl")),
                ("plugin.py", PLUGIN),
                ("tonghui_plugin.py", HELPER),
            ],
        }
    }

    fn page(self) -> &'static str {
        match self {
            Self::HttpJson | Self::Table | Self::Webhook => "page.json",
            Self::HttpXml | Self::Soap => "page.xml",
            Self::Files => "page.csv",
            Self::Process => "page.jsonl",
        }
    }
}

const PLUGIN: &str = include_str!("../../../connectors/process/python/example_plugin.py");
const HELPER: &str = include_str!("../../../connectors/process/python/tonghui_plugin.py");
