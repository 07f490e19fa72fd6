//! `tonghui sign solve`: finds out how a vendor signs requests, and prints the settings for a channel. Uses neither the
//! network nor the configuration.

mod draw;

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use connector_wire::auth::{
    Request,
    solve::{self, NOT_SEARCHED, Sample, Solution},
};
use contract::Secret;
use serde::Serialize;

use super::{Context, Exit, out};

/// Maximum size of a body, in KiB.
const MAX_BODY_KIB: u64 = 1024;
/// The variable that the settings name if the secret is not in one.
const VARIABLE: &str = "SIGN_SECRET";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Find the settings with which a channel signs as the vendor does, from one signed request that the source
    /// accepts. Give everything that may be signed; a time and a random text are recognised by their names, and the
    /// signature itself may be among the values.
    Solve(Box<Solve>),
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n", draw::not_searched()))]
pub(super) struct Solve {
    /// The environment variable that holds the secret.
    #[arg(long, value_name = "VAR", required_unless_present = "secret")]
    secret_env: Option<String>,
    /// The secret. Other users may see it in the list of processes: prefer --secret-env.
    #[arg(long, value_name = "VALUE", value_parser = secret, allow_hyphen_values = true)]
    #[arg(conflicts_with = "secret_env")]
    secret: Option<Secret>,
    /// The signature, as it is before it is percent-encoded.
    #[arg(long, value_name = "SIGNATURE")]
    expect: String,
    /// A public value that may be signed, such as the key of the application. It is printed.
    #[arg(long = "key", value_name = "APPKEY")]
    keys: Vec<String>,
    /// A parameter of the query, not encoded. The fields of a form and the members of a JSON body are in --body.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A header.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The method, if it may be signed.
    #[arg(long, value_name = "GET|POST")]
    method: Option<String>,
    /// The path of the address without the query, if it may be signed.
    #[arg(long, value_name = "/PATH")]
    path: Option<String>,
    /// A file with the body, byte for byte.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The time of the request, if its name does not say so: seconds or milliseconds since 1970, or a date with a time.
    #[arg(long, value_name = "TIME")]
    timestamp: Option<String>,
    /// The random text of the request, if its name does not say so.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    nonce: Option<String>,
    /// The text to sign as the vendor's document shows it, with the values of this request; {secret} stands for the
    /// secret.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    solution: Solution,
    /// The recipes as text for a channel file.
    toml: Vec<String>,
    /// What a channel file cannot say.
    not_searched: &'static [&'static str],
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let Command::Solve(args) = command;
    let solution = solve::solve(&sample(args)?)?;
    let toml: Vec<String> = solution.recipes.iter().map(draw::to_toml).collect();
    let shown = Shown { solution, toml, not_searched: &NOT_SEARCHED };
    out::show(context.format, &shown, draw::draw)?;
    Ok(if shown.toml.is_empty() { Exit::Failed } else { Exit::Done })
}

/// Errors quote no value: it may be the secret in the wrong place.
fn sample(args: &Solve) -> anyhow::Result<Sample> {
    let secret = match (&args.secret, &args.secret_env) {
        (Some(secret), _) => Some(secret.clone()),
        (None, variable) => {
            variable.as_ref().and_then(|name| std::env::var(name).ok()).map(Secret::new)
        }
    };
    let secret = secret.context(
        "the environment variable that --secret-env names is not set, or is not UTF-8: export it, and give its name",
    )?;
    let pairs = |option: &str, texts: &[String], between: &[char]| {
        let pair = |text: &String| {
            let (name, value) = text.split_once(between).with_context(|| {
                format!(
                    "one of the values of {option} has no name; `--help` shows how it is written"
                )
            })?;
            Ok((name.trim().to_owned(), value.to_owned()))
        };
        texts.iter().map(pair).collect::<anyhow::Result<Vec<_>>>()
    };
    let mut headers = pairs("--header", &args.headers, &[':', '='])?;
    headers.iter_mut().for_each(|(_, value)| *value = value.trim().to_owned());
    let request = Request {
        method: args.method.clone().unwrap_or_default(),
        path: args.path.clone().unwrap_or_default(),
        query: pairs("--param", &args.params, &['='])?,
        headers,
        body: args.body.as_deref().map(read_body).transpose()?.unwrap_or_default(),
    };
    Ok(Sample {
        request,
        signature: args.expect.trim().to_owned(),
        secret,
        variable: args.secret_env.clone().unwrap_or_else(|| VARIABLE.to_owned()),
        keys: args.keys.clone(),
        timestamp: args.timestamp.clone(),
        nonce: args.nonce.clone(),
        text: args.text.clone(),
    })
}

fn read_body(file: &Path) -> anyhow::Result<Vec<u8>> {
    config::file_bytes(file, MAX_BODY_KIB)
        .map_err(|why| anyhow::anyhow!("the body {}: {why}", file.display()))
}

fn secret(value: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(value))
}
