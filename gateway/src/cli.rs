//! The command line. Each command is a file of its own; here are their names and arguments.

mod audit;
mod books;
mod channel;
mod check;
mod codes;
#[cfg(feature = "demo")]
mod demo;
mod erase;
mod explain;
mod index;
mod key;
mod out;
mod plugin;
mod preview;
mod quarantine;
mod run;
mod schema;
mod service;
mod status;
mod sync;
mod text;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use contract::{ChannelId, DemandId, RecordKey};

pub use out::Exit;

/// Brings every channel of a city into one demand database, and proves it with balanced books.
#[derive(Debug, Parser)]
#[command(name = "tonghui", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Folder of gateway.toml and channels/ [default: /etc/tonghui if it is there, else ./config].
    #[arg(long, global = true, env = "TONGHUI_CONFIG", value_name = "DIR")]
    config: Option<PathBuf>,

    /// How results are printed.
    #[arg(long, global = true, default_value = "text")]
    format: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences.
    Text,
    /// One JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pull a simulated city into one SQLite file: nothing to install, nothing to configure.
    #[cfg(feature = "demo")]
    Demo(demo::Args),
    /// Write the files of a configuration, commented.
    Init(channel::Init),
    /// Run all channels until stopped.
    Run(run::Args),
    /// Read channels once, now, and exit: by the running service, or without one.
    Sync(sync::Args),
    /// Pause a channel until it is resumed.
    Pause(service::Args),
    /// Resume a paused channel.
    Resume(service::Args),
    /// Accept the records of a channel as they are now, where it stopped because they lack what nearly
    /// all had before.
    Accept(service::Args),
    /// Make the running service read its configuration again.
    Reload,
    /// Check the whole configuration and run every example, offline.
    Check(check::Args),
    /// Make a channel.
    #[command(subcommand)]
    Channel(channel::Command),
    /// Plugins: programs that read a source.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Where each channel stands.
    Status(status::Args),
    /// How far the indexes, which follow from history, are behind it.
    Index(index::Args),
    /// The ledger: what was read, and what became of it.
    Books(books::Args),
    /// Records that were rejected.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Ask a source once and show what would become of its records; changes nothing anywhere.
    Preview(preview::Args),
    /// What becomes of the records of a file, step by step, without network.
    Explain(explain::Args),
    /// Which charset a file is in, and what in it was broken and can be put back.
    Text(text::Args),
    /// The id of a demand, by which it is followed through logs and tables.
    Id {
        /// Folder name of the channel.
        channel: ChannelId,
        /// The source's own key, exactly as it writes it.
        key: String,
    },
    /// The keys that seal personal values.
    #[command(subcommand)]
    Key(key::Command),
    /// What the labels of the sources mean: shipped tables, yours, and what is missing.
    #[command(subcommand)]
    Codes(codes::Command),
    /// Erase a person's values from everything that is kept.
    Erase(erase::Args),
    /// Who looked at personal values, erased them, or changed keys.
    Audit(audit::Args),
    /// Print a JSON Schema.
    Schema(schema::Args),
}

/// What commands share.
pub struct Context {
    config: PathBuf,
    format: Format,
}

/// Runs a command; prints what went wrong, and gives the exit code of experience: 0 done, 1 failed
/// or books not balanced, 2 usage or configuration, 3 something is in quarantine (where asked for),
/// 4 some channels failed, 75 try again later.
pub fn main(cli: Cli) -> ExitCode {
    let context = Context { config: config_folder(cli.config), format: cli.format };
    let ended = match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&context, &args),
        Command::Init(args) => channel::init(&args),
        Command::Run(args) => run::run(&context, &args),
        Command::Sync(args) => sync::run(&context, &args),
        Command::Pause(args) => service::pause(&context, &args),
        Command::Resume(args) => service::resume(&context, &args),
        Command::Accept(args) => service::accept(&context, &args),
        Command::Reload => service::reload(&context),
        Command::Check(args) => check::run(&context, &args),
        Command::Channel(command) => channel::run(&context, &command),
        Command::Plugin(command) => plugin::run(&context, &command),
        Command::Status(args) => status::run(&context, &args),
        Command::Index(args) => index::run(&context, &args),
        Command::Books(args) => books::run(&context, &args),
        Command::Quarantine(command) => quarantine::run(&context, &command),
        Command::Preview(args) => preview::run(&context, &args),
        Command::Explain(args) => explain::run(&context, &args),
        Command::Text(args) => text::run(&context, &args),
        Command::Id { channel, key } => {
            let id = DemandId::of(&channel, &RecordKey::new(key));
            out::print(id.to_string()).map(|()| Exit::Done).map_err(Into::into)
        }
        Command::Key(command) => key::run(&context, &command),
        Command::Codes(command) => codes::run(&context, &command),
        Command::Erase(args) => erase::run(&context, &args),
        Command::Audit(args) => audit::run(&context, &args),
        Command::Schema(args) => schema::run(&args),
    };
    out::finish(ended)
}

fn config_folder(named: Option<PathBuf>) -> PathBuf {
    let system = PathBuf::from("/etc/tonghui");
    match named {
        Some(folder) => folder,
        None if system.is_dir() => system,
        None => PathBuf::from("config"),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
