//! `tonghui check`: the whole configuration and every example, offline, all problems at once.

use std::fs;

use anyhow::Context as _;
use config::{ChannelSettings, Example, Problem, Problems, Settings};
use serde_json::Value;

use super::{
    Context, Format,
    out::{self, Exit},
};
use crate::{assemble, example};

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    match problems(context)? {
        Ok(channels) => {
            match context.format {
                Format::Json => out::print("[]")?,
                Format::Text => out::print(format!("no problems; channels: {channels}"))?,
            }
            Ok(Exit::Done)
        }
        Err(problems) => {
            out::show(context.format, &problems, ToString::to_string)?;
            Ok(Exit::Configuration)
        }
    }
}

/// The number of channels, or everything that is wrong with them.
fn problems(context: &Context) -> anyhow::Result<Result<usize, Problems>> {
    let keys = normalizer::Keys::generate()?;
    Ok(assemble::settings(&context.config).and_then(|settings| {
        assemble::channels(&settings, &keys)?;
        run_examples(&settings)
    }))
}

fn run_examples(settings: &Settings) -> Result<usize, Problems> {
    let found: Vec<Problem> = settings
        .channels
        .iter()
        .flat_map(|channel| {
            let examples = channel.examples.iter().enumerate();
            examples.filter_map(|(index, each)| run_example(settings, channel, index, each))
        })
        .collect();
    Problems::new(found).map_or(Ok(settings.channels.len()), Err)
}

/// What is wrong with an example, if anything.
fn run_example(
    settings: &Settings,
    channel: &ChannelSettings,
    index: usize,
    files: &Example,
) -> Option<Problem> {
    let index = index.to_string();
    let at = |key: &str, what: String| channel.problem(&["example", &index, key], what);
    let found = example::outcomes(settings, channel, &files.page)
        .and_then(|outcomes| Ok(serde_json::to_value(outcomes)?));
    let found = match found {
        Ok(found) => found,
        Err(error) => return Some(at("page", format!("{error:#}"))),
    };
    let expected = match read(files) {
        Ok(expected) => expected,
        Err(error) => return Some(at("expected", format!("{error:#}"))),
    };
    let path = difference("$", &expected, &found)?;
    Some(at(
        "expected",
        format!(
            "the example gives something else at {path}: \
             look at `tonghui explain {} {} --format json`",
            channel.id,
            files.page.display()
        ),
    ))
}

fn read(files: &Example) -> anyhow::Result<Value> {
    let place = || files.expected.display().to_string();
    let text = fs::read_to_string(&files.expected).with_context(place)?;
    serde_json::from_str(&text).with_context(place)
}

/// The path of the first difference; values are not quoted, they may be personal.
fn difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let path = format!("{path}.{key}");
                difference(
                    &path,
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                )
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| difference(&format!("{path}[{index}]"), a, b)),
        _ => (expected != found).then(|| path.to_owned()),
    }
}
