//! `tonghui books verify`: whether a statement of a day was altered, and whether everything still is as it says.

use std::path::PathBuf;

use serde::Serialize;
use sink::store::Access;

use super::{
    super::{Context, Exit, out},
    statement::key,
};
use crate::{
    plain,
    statement::{Chain, Difference, Found, Named, Names, Statement, TheirKeys, verify},
};

/// Maximum number of records of each kind that are printed as text.
const MAX_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The statement: the JSON, or the page.
    statement: PathBuf,
    /// The statement of the day before: the chain is checked too.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// A CSV file by the source, with its keys of that day in the first column: every key is named that one side has
    /// and the other lacks.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        let key = key(settings)?;
        let statement = Statement::read(&args.statement, &key)?;
        let previous = args.previous.as_deref().map(|file| Statement::read(file, &key));
        let previous = previous.transpose()?;
        let theirs = args.ids.as_deref().map(TheirKeys::read).transpose()?;
        let is_pruned = settings.history.is_some();
        let work = verify(&statement, previous.as_ref(), theirs, store, is_pruned);
        let found = Box::pin(work).await?;
        let report = Report { holds: found.holds(), found };
        out::show(context.format, &report, draw)?;
        Ok(if report.holds { Exit::Done } else { Exit::Failed })
    })
}

/// What the command prints.
#[derive(Serialize)]
struct Report {
    /// Whether everything is as the statement says.
    holds: bool,
    #[serde(flatten)]
    found: Found,
}

fn draw(report: &Report) -> String {
    let Found { channel, day, .. } = &report.found;
    let result = match report.holds {
        true => "everything that was compared is as it says",
        false => "IT DOES NOT HOLD",
    };
    let mut lines = vec![format!("the statement of {day} of {channel} was not altered; {result}")];
    lines.push(
        match report.found.chain {
            Chain::Follows => "it follows the statement of the day before",
            Chain::Unchained => "it is not chained to the statement of the day before, and says so",
            Chain::NotGiven => {
                "it follows the statement of the day before, which was not given: the chain was not checked \
                 (--previous FILE)"
            }
            Chain::Broken => {
                "CHAIN BROKEN: it does not follow the given statement: one of them was replaced, is of another day or zone, \
                 or this one follows no other"
            }
        }
        .to_owned(),
    );
    if report.found.is_folded {
        lines.push(
            "the books of that day are totals of days in UTC by now: only that no count is greater was compared"
                .to_owned(),
        );
    }
    for Difference { name, statement, store } in &report.found.counts {
        lines.push(format!("{name}: {statement} in the statement, {store} in the store"));
    }
    add_sets(&report.found, &mut lines);
    lines.join("\n")
}

/// The demands and keys that differ.
fn add_sets(found: &Found, lines: &mut Vec<String>) {
    add("missing in the store for that day", &found.missing, lines);
    add("not in the statement", &found.extra, lines);
    add("with another content", &found.changed, lines);
    let n = found.without_history;
    if n > 0 {
        lines.push(format!(
            "{n} demands were compared by id only: the retention has dropped their history"
        ));
    }
    let Some(list) = &found.theirs else { return };
    lines.push(format!("the list of the source has {} different keys", list.keys));
    if let Some(heading) = &list.heading {
        lines.push(format!("its first line was taken for a heading: {heading}"));
    }
    add("more than once in the list", &list.repeated, lines);
    add("only in the list of the source", &list.only_theirs, lines);
    add("only in the store", &list.only_ours, lines);
}

fn add(what: &str, names: &Names, lines: &mut Vec<String>) {
    if names.count == 0 {
        return;
    }
    lines.push(format!("{} {what}:", names.count));
    for Named { id, key, about } in names.named.iter().take(MAX_SHOWN) {
        let name = key.as_ref().map_or_else(|| id.to_string(), |key| format!("{key} ({id})"));
        let about = about.as_ref().map(|about| format!(": {about}")).unwrap_or_default();
        // A key may not look like a line of its own.
        lines.push(plain::escape_line(&format!("  {name}{about}")).into_owned());
    }
    let shown = names.named.len().min(MAX_SHOWN);
    if names.count > shown as u64 {
        lines.push(format!("  … and more; `--format json` names {}", names.named.len()));
    }
}
