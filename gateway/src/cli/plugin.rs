//! `tonghui plugin test -- COMMAND`: checks whether a plugin keeps the promises that every source makes.

use std::{any::Any, panic::AssertUnwindSafe, path::PathBuf};

use anyhow::Context as _;
use connector_process::Process;
use connector_testkit::{Readable, read_only};
use contract::{Connector as _, ConnectorContext, Fault};
use futures_util::FutureExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, Exit, Format, out};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check a plugin against the promises that every source makes, and print which ones it keeps.
    Test(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A JSON file with the settings of [process] other than `command`.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// Also tell the plugin that records are in custody. Use this only with a test source.
    #[arg(long)]
    settle: bool,

    /// The plugin: a program and its arguments. It runs in the current folder.
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let Command::Test(args) = command;
    let plugin = Plugin { settings: read_settings(args)? };
    plugin.build()?;
    let mut promises = read_only::promises();
    if args.settle {
        promises.extend(read_only::promises_that_settle());
    }
    // A broken promise panics. Panics are printed below, so the hook must not print them too.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let results = super::runtime()?.block_on(check_promises(context, &plugin, &promises));
    std::panic::set_hook(hook);
    let results = results?;
    let n_kept = results.iter().filter(|result| result.kept).count();
    out::show(context.format, &results, |results| {
        format!("{n_kept} of {} promises are kept", results.len())
    })?;
    Ok(if n_kept == results.len() { Exit::Done } else { Exit::Failed })
}

/// Checks all promises, and prints each result at once.
async fn check_promises(
    context: &Context,
    plugin: &Plugin,
    promises: &[read_only::Promise<Plugin>],
) -> anyhow::Result<Vec<PromiseResult>> {
    let mut results = Vec::new();
    for promise in promises {
        let outcome = AssertUnwindSafe((promise.check)(plugin)).catch_unwind().await;
        let why = outcome.err().map(|panic| message(&*panic));
        if context.format == Format::Text {
            let name = promise.name.replace('_', " ");
            out::print(match &why {
                None => format!("kept    {name}"),
                Some(why) => format!("BROKEN  {name}\n        {}", why.replace('\n', "\n        ")),
            })?;
        }
        results.push(PromiseResult { promise: promise.name, kept: why.is_none(), why });
    }
    Ok(results)
}

/// Whether one promise is kept.
#[derive(Serialize)]
struct PromiseResult {
    promise: &'static str,
    kept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The plugin to test.
struct Plugin {
    settings: connector_process::Config,
}

impl Plugin {
    fn build(&self) -> Result<Process, Fault> {
        let channel = "plugin".parse().map_err(|error| Fault::stopped("no name").because(error))?;
        let context = ConnectorContext::new(channel, chrono_tz::Asia::Shanghai);
        Process::build(self.settings.clone(), context)
    }
}

impl Readable for Plugin {
    type Connector = Process;

    fn new_connector(&self) -> Process {
        self.build().unwrap_or_else(|fault| panic!("{fault}"))
    }
}

/// The settings from the file, with the command from the arguments.
fn read_settings(args: &Args) -> anyhow::Result<connector_process::Config> {
    let mut settings: Value = match &args.settings {
        None => json!({}),
        Some(file) => {
            let text = std::fs::read(file).with_context(|| file.display().to_string())?;
            serde_json::from_slice(&text).with_context(|| file.display().to_string())?
        }
    };
    let Some(table) = settings.as_object_mut() else {
        anyhow::bail!("the settings file must contain a JSON object");
    };
    table.insert("command".to_owned(), json!(args.command));
    serde_json::from_value(settings).context("the settings are wrong")
}

/// The message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
