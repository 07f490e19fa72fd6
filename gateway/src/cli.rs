//! The command line: the names and arguments of all commands. Each command has a file of its own.

mod again;
mod ask;
mod audit;
mod backup;
mod books;
mod channel;
mod check;
mod codes;
#[cfg(feature = "demo")]
mod demo;
mod erase;
mod explain;
mod flight;
mod key;
mod out;
mod plugin;
mod position;
mod preview;
mod quarantine;
mod reconcile;
mod run;
mod service;
mod sign;
mod status;
mod sync;
mod text;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use config::{Settings, StoreSettings};
use contract::{ChannelId, DemandId, RecordKey};
use rustix::fs::Mode;
use schemars::generate::SchemaSettings;
use sink::store::{Access, Database};

use crate::{assemble, asyncapi, registry::section_schemas};
pub use out::Exit;

/// Brings every channel of a city into one demand database, and proves it with balanced books.
#[derive(Debug, Parser)]
#[command(name = "tonghui", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Folder of gateway.toml and channels/ [default: /etc/tonghui if it exists, else ./config].
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
    /// Pull a simulated city into one SQLite file; needs no installation and no configuration.
    #[cfg(feature = "demo")]
    Demo(demo::Args),
    /// Write a commented configuration.
    Init(channel::Init),
    /// Run all channels until stopped.
    Run(run::Args),
    /// Read channels once and exit. If a service is running, it does the reading.
    Sync(sync::Args),
    #[command(flatten)]
    Service(service::Command),
    /// Check the whole configuration and run every example, without using the network.
    Check(check::Args),
    /// Create channels.
    #[command(subcommand)]
    Channel(channel::Command),
    /// Test plugins: programs that read a source.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Show the state of each channel.
    Status(status::Args),
    /// Show how far the indexes are behind history.
    Index(status::IndexArgs),
    /// Show the books: how many records were read, and what became of them.
    Books(books::Args),
    /// Show or move the position of a channel.
    Position(position::Args),
    /// Ask the source again for all its records, and compare them with the store: by id, and by the digest that
    /// was stored with each demand. It does not find what somebody changed in the database by hand.
    Reconcile(reconcile::Args),
    /// Show messages that were published and are not stored, and what to do about those that do not come.
    #[command(subcommand)]
    Flight(flight::Command),
    /// Map the records of stored demands again that an earlier mapping made, and store what has changed.
    Replay(again::Replay),
    /// Show rejected records, map them again, or decide about them by hand.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Read a source once and show what would become of its records; changes nothing.
    Preview(preview::Args),
    /// Show what becomes of the records of a file, step by step, without using the network.
    Explain(explain::Args),
    /// Detect the charset of a file, and find and repair broken text in it.
    Text(text::Args),
    /// Find out how a source signs requests.
    #[command(subcommand)]
    Sign(sign::Command),
    /// Print the id of a demand, as logs and tables show it.
    Id {
        /// Folder name of the channel.
        channel: ChannelId,
        /// The source's own key, exactly as it writes it.
        #[arg(allow_hyphen_values = true)]
        key: String,
    },
    /// Manage the keys that seal personal values.
    #[command(subcommand)]
    Key(key::Command),
    /// Show and import code tables: the meaning of the sources' labels.
    #[command(subcommand)]
    Codes(codes::Command),
    /// Copy the embedded store into one file, also while a service runs, and look through the copy.
    Backup(backup::Backup),
    /// Put a copy in the place of the embedded store; the store that was there is kept under another name.
    Restore(backup::Restore),
    /// Erase a person's values from the store.
    Erase(erase::Args),
    /// Show who viewed or erased personal values, or changed keys, positions, codes or the running service.
    Audit(audit::Args),
    /// Print a JSON Schema, or the description of the change feed.
    Schema {
        /// The schema to print.
        name: SchemaName,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaName {
    /// gateway.toml
    Gateway,
    /// channels/NAME/channel.toml
    Channel,
    /// `DemandV1`, the unified demand on the wire
    Demand,
    /// The change feed, as an AsyncAPI document
    Asyncapi,
}

impl Cli {
    /// The log lines that are written unless `TONGHUI_LOG` selects others. `demo` shows its progress itself, and its
    /// sources misbehave on purpose: each warning would be about one of them.
    pub fn log_filter(&self) -> &'static str {
        #[cfg(feature = "demo")]
        if matches!(self.command, Command::Demo(_)) {
            // The store warns when its file cannot be copied alone, which is shown.
            return "error,sink::store=warn";
        }
        "info"
    }
}

/// The global options, which all commands share.
pub struct Context {
    config: PathBuf,
    format: Format,
}

/// Runs a command and prints its error. Exit codes: 0 done, 1 failed or books not balanced, 2 usage or
/// configuration, 3 something is in quarantine (with `--strict`), 4 some channels failed, 75 try again
/// later.
pub fn main(cli: Cli) -> ExitCode {
    let context = Context { config: config_folder(cli.config), format: cli.format };
    protect(&cli.command);
    out::finish(run_recorded(&context, cli.command))
}

/// Runs a command. What it is about to change is recorded before, and that it failed, after it: the audit log must not
/// say that something was done which was not. If the first entry cannot be written, the command does nothing.
fn run_recorded(context: &Context, command: Command) -> anyhow::Result<Exit> {
    let Some(change) = change(&command) else { return run(context, command) };
    record(context, &change, "")?;
    run(context, command).inspect_err(|_| {
        if let Err(error) = record(context, &change, "failed: nothing was done, or not all of it") {
            tracing::warn!("that this failed is not in the audit log: {error:#}");
        }
    })
}

fn run(context: &Context, command: Command) -> anyhow::Result<Exit> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(context, &args),
        Command::Init(args) => channel::init(&args),
        Command::Run(args) => run::run(context, &args),
        Command::Sync(args) => sync::run(context, &args),
        Command::Service(command) => service::run(context, &command),
        Command::Check(args) => check::run(context, &args),
        Command::Channel(command) => channel::run(context, &command),
        Command::Plugin(command) => plugin::run(context, &command),
        Command::Status(args) => status::run(context, &args),
        Command::Index(args) => status::index(context, &args),
        Command::Books(args) => books::run(context, &args),
        Command::Position(args) => position::run(context, &args),
        Command::Reconcile(args) => reconcile::run(context, &args),
        Command::Flight(command) => flight::run(context, &command),
        Command::Replay(args) => again::replay(context, &args),
        Command::Quarantine(command) => quarantine::run(context, &command),
        Command::Preview(args) => preview::run(context, &args),
        Command::Explain(args) => explain::run(context, &args),
        Command::Text(args) => text::run(context, &args),
        Command::Sign(command) => sign::run(context, &command),
        Command::Id { channel, key } => {
            let id = DemandId::of(&channel, &RecordKey::new(key));
            out::print(id.to_string()).map(|()| Exit::Done).map_err(Into::into)
        }
        Command::Key(command) => key::run(context, &command),
        Command::Codes(command) => codes::run(context, &command),
        Command::Backup(args) => backup::backup(context, &args),
        Command::Restore(args) => backup::restore(context, &args),
        Command::Erase(args) => erase::run(context, &args),
        Command::Audit(args) => audit::run(context, &args),
        Command::Schema { name } => print_schema(name),
    }
}

/// What a command is about to change, for the audit log.
struct Change {
    action: &'static str,
    /// What it changes, such as a channel or a file.
    subject: String,
}

fn record(context: &Context, change: &Change, detail: &str) -> anyhow::Result<()> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    audit::record(&settings, change.action, &change.subject, detail)
}

/// What a command is about to change; `None` if it changes nothing that others rely on, or records it itself.
fn change(command: &Command) -> Option<Change> {
    match command {
        Command::Service(command) => Some(command.change()),
        Command::Index(args) => args.change(),
        Command::Reconcile(args) => args.change(),
        Command::Flight(command) => command.change(),
        Command::Replay(args) => args.change(),
        Command::Quarantine(command) => command.change(),
        Command::Key(command) => command.change(),
        Command::Codes(command) => command.change(),
        // They say why, or what there was before.
        Command::Position(_) | Command::Backup(_) | Command::Restore(_) | Command::Erase(_) => None,
        #[cfg(feature = "demo")]
        Command::Demo(_) => None,
        Command::Init(_)
        | Command::Run(_)
        | Command::Sync(_)
        | Command::Check(_)
        | Command::Channel(_)
        | Command::Plugin(_)
        | Command::Status(_)
        | Command::Books(_)
        | Command::Preview(_)
        | Command::Explain(_)
        | Command::Text(_)
        | Command::Sign(_)
        | Command::Id { .. }
        | Command::Audit(_)
        | Command::Schema { .. } => None,
    }
}

/// Keeps other users from what this process writes, and plugins from what it knows.
fn protect(command: &Command) {
    // A configuration may be written by one user and read by another. Everything else is private.
    if !matches!(command, Command::Init(_) | Command::Channel(_) | Command::Codes(_)) {
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
    if let Err(error) = connector_process::protect() {
        tracing::warn!("the system does not protect this process from its plugins: {error}");
    }
}

/// The configuration folder: that of `--config`, or else the default.
fn config_folder(option: Option<PathBuf>) -> PathBuf {
    let system = PathBuf::from("/etc/tonghui");
    match option {
        Some(folder) => folder,
        None if system.is_dir() => system,
        None => PathBuf::from("config"),
    }
}

/// Prints a schema, which is generated from the types.
fn print_schema(name: SchemaName) -> anyhow::Result<Exit> {
    let schema = match name {
        SchemaName::Gateway => config::gateway_schema(),
        SchemaName::Channel => config::channel_schema(&section_schemas()),
        SchemaName::Demand => {
            let generator = SchemaSettings::draft2020_12().into_generator();
            generator.into_root_schema_for::<contract::Demand>().into()
        }
        SchemaName::Asyncapi => asyncapi::document(),
    };
    out::print(serde_json::to_string_pretty(&schema)?)?;
    Ok(Exit::Done)
}

impl Context {
    /// Opens the store of the configuration and runs `work` on it, for commands that connect to
    /// nothing else and need no other secrets.
    fn with_store(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&Settings, &Database) -> anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        let settings = assemble::settings_without_secrets(&self.config)?;
        // Only a start makes a new file, because it makes the keys too. These commands need one that exists.
        let is_new = matches!(&settings.store, StoreSettings::Sqlite(file) if !file.exists());
        let access = if is_new { Access::ReadOnly } else { access };
        runtime()?.block_on(async {
            let store = assemble::open_store(&settings, access).await?;
            let done = work(&settings, &store).await;
            store.close().await;
            done
        })
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
