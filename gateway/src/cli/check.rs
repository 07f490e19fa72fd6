//! `tonghui check`: checks the whole configuration and every example without using the network, and
//! prints all problems at once.

mod online;

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use config::{ChannelSettings, Example, Problem, Problems};
use contract::{ChannelId, Period, causes_text};
use serde_json::Value;
use sink::store::Access;

use super::{Context, Exit, out};
use crate::{
    assemble,
    channel::LiveChannel,
    clock,
    listener::acceptor,
    offline::keep_only,
    what_if::{self, ChangeReport, Sample},
};

/// Maximum size of a file with the expected demands, in KiB.
const MAX_EXPECTED_KIB: u64 = 32 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show what this configuration would change in the demands of the last PERIOD, like `30d`. Maps
    /// the stored records again and writes nothing.
    #[arg(long, value_name = "PERIOD", conflicts_with = "online")]
    against: Option<String>,
    /// Then connect to the sources: look at rights, keys and clocks, and map one page of each. Changes nothing,
    /// neither in a source nor in the store.
    #[arg(long)]
    online: bool,
    /// The only channel to check and to look at, with `--online`.
    #[arg(requires = "online")]
    channel: Option<ChannelId>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    if let Some(period) = &args.against {
        return compare_with_store(context, period);
    }
    match problems(context, args.channel.as_ref())? {
        Ok(_) if args.online => online::run(context, args.channel.as_ref()),
        Ok(n_channels) => {
            let text = |_: &_| format!("no problems; channels: {n_channels}");
            out::show(context.format, &serde_json::json!([]), text)
        }
        Err(problems) => {
            out::show(context.format, &problems, ToString::to_string)?;
            Ok(Exit::Configuration)
        }
    }
}

/// Prints what this configuration would change in the demands of the last `period`.
fn compare_with_store(context: &Context, period: &str) -> anyhow::Result<Exit> {
    let period: Period = serde_json::from_value(Value::from(period))?;
    let since = clock::now() - TimeDelta::from_std(period.0)?;
    context.with_store(Access::ReadOnly, async |settings, store| {
        if let Some(problems) = settings.all_problems() {
            return Err(problems.into());
        }
        let report = what_if::compare(settings, store, since).await?;
        let shown = out::show(context.format, &report, draw)?;
        let n = report.unopened;
        // A drill of a copy with the wrong keys must not look like one that went well.
        ensure!(
            n == 0,
            "no key at hand opens the records of {n} demands: if the store is a copy, use the key file that was saved \
             with it",
        );
        Ok(shown)
    })
}

/// The changes as text: a row for each sample, grouped by field.
fn draw(report: &ChangeReport) -> String {
    let ChangeReport { demands, changed, rejected, without_record, unopened, fields } = report;
    let mut rows = Vec::new();
    for (field, change) in fields {
        for (index, sample) in change.samples.iter().enumerate() {
            let is_first = index == 0;
            let (name, count) = if is_first {
                (field.clone(), change.demands.to_string())
            } else {
                (String::new(), String::new())
            };
            let Sample { demand, before, after } = sample;
            rows.push(vec![name, count, demand.clone(), before.clone(), after.clone()]);
        }
    }
    let head = ["field", "demands", "example", "now", "would be"];
    format!(
        "{changed} of {demands} demands would change, {rejected} would be skipped or rejected; \
         {without_record} have no record any more, and no key opens that of {unopened}: not compared\n{}",
        out::table(&head, rows, 5)
    )
}

/// Checks the configuration of all channels or of `only` one, and runs the examples; returns the number of channels,
/// or all problems.
fn problems(
    context: &Context,
    only: Option<&ChannelId>,
) -> anyhow::Result<Result<usize, Problems>> {
    let keys = normalizer::Keys::generate(normalizer::Suite::default())?;
    Ok(assemble::settings(&context.config).and_then(|mut settings| {
        if let Some(only) = only {
            keep_only(&mut settings, only)?;
        }
        // Also the problems of tables that no channel uses.
        let codes = only.is_none().then(|| assemble::codes(&settings).err()).flatten();
        let channels = assemble::usable_channels(&mut settings, &keys)?;
        let failures = settings.channels.iter().zip(&channels).flat_map(|(channel, live)| {
            let examples = channel.examples.iter().enumerate();
            examples.filter_map(|(index, each)| run_example(live, channel, index, each))
        });
        let tls = settings.doors().filter_map(|(section, door)| {
            let fault = acceptor(section, door.tls.as_ref()?).err()?;
            Some(Problem::of_file("gateway.toml", fault.to_string()))
        });
        let broken = settings.broken.values().flat_map(Problems::as_slice).cloned();
        let found = failures.chain(broken).chain(tls).chain(codes.into_iter().flatten());
        Problems::from_found(found).map_or(Ok(channels.len()), Err)
    }))
}

/// Runs the example with this index; returns its problem, if it has one.
fn run_example(
    live: &LiveChannel,
    channel: &ChannelSettings,
    index: usize,
    files: &Example,
) -> Option<Problem> {
    let index = index.to_string();
    let problem_at = |key: &str, what: String| channel.problem(&["example", &index, key], what);
    let actual = live
        .page_outcomes(&files.page, false)
        .and_then(|outcomes| Ok(serde_json::to_value(outcomes)?));
    let actual = match actual {
        Ok(actual) => actual,
        Err(error) => return Some(problem_at("page", causes_text(error.as_ref()))),
    };
    let expected = match read_expected(files) {
        Ok(expected) => expected,
        Err(error) => return Some(problem_at("expected", causes_text(error.as_ref()))),
    };
    let path = difference("$", &expected, &actual)?;
    Some(problem_at(
        "expected",
        format!(
            "the result differs from the expected one at {path}; see \
             `tonghui explain {} {} --format json`",
            channel.id,
            files.page.display()
        ),
    ))
}

fn read_expected(files: &Example) -> anyhow::Result<Value> {
    let place = || files.expected.display().to_string();
    let bytes = config::file_bytes(&files.expected, MAX_EXPECTED_KIB);
    let bytes = bytes.map_err(anyhow::Error::msg).with_context(place)?;
    serde_json::from_slice(&bytes).with_context(place)
}

/// The path of the first difference. It does not contain the values, which may be personal.
fn difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter()
                .find_map(|key| difference(&format!("{path}.{key}"), &expected[key], &actual[key]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| difference(&format!("{path}[{index}]"), a, b)),
        _ => (expected != actual).then(|| path.to_owned()),
    }
}
