//! Settings that cannot contradict each other, made once from what the author wrote.

use std::{collections::BTreeMap, time::Duration};

use chrono_tz::Tz;
use contract::{Fault, TimeRange};
use normalizer_text::Charset;

use crate::{
    config::{Changes, Config, Flag, Malformed, Part, Pending, Scalar},
    time::TimeForm,
    value::Value,
};

/// What is read, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) main: Target,
    pub(crate) parts: Vec<PartPlan>,
    pub(crate) reread: Option<RereadPlan>,
    pub(crate) text: TextPlan,
    /// Rows of one query at most.
    pub(crate) page: usize,
}

/// One table that is walked.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) table: String,
    pub(crate) key: String,
    /// What to select; everything when `None`.
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) changes: Option<ChangesPlan>,
    pub(crate) flags: Vec<FlagPlan>,
}

/// A column that grows.
#[derive(Debug)]
pub(crate) struct ChangesPlan {
    pub(crate) column: String,
    pub(crate) form: TimeForm,
    pub(crate) overlap: Duration,
    /// All that is to be read, where somebody asked for a stretch of time.
    pub(crate) range: Option<TimeRange>,
}

/// A column that says whether a row was fetched.
#[derive(Debug)]
pub(crate) struct FlagPlan {
    pub(crate) column: String,
    pub(crate) pending: PendingPlan,
    pub(crate) done: Value,
}

/// The values of a pending row.
#[derive(Debug)]
pub(crate) enum PendingPlan {
    Is(Value),
    /// From the first up to, but without, the second.
    Range(Value, Value),
}

/// Another table whose rows belong to records.
#[derive(Debug)]
pub(crate) struct PartPlan {
    pub(crate) name: String,
    pub(crate) target: Target,
    /// Column of the main table.
    pub(crate) parent: String,
    /// Column of this table.
    pub(crate) column: String,
}

/// The second walk over old rows.
#[derive(Debug)]
pub(crate) struct RereadPlan {
    pub(crate) back: Duration,
    pub(crate) every: Duration,
}

/// How bytes become text.
#[derive(Debug)]
pub(crate) struct TextPlan {
    pub(crate) charset: Charset,
    pub(crate) malformed: Malformed,
    pub(crate) widths: BTreeMap<String, usize>,
}

impl Plan {
    /// Checks and resolves everything but the address.
    pub(crate) fn new(config: Config, zone: Tz) -> Result<Self, Fault> {
        let Config {
            url: _,
            table,
            key,
            columns,
            charset,
            page,
            timeout: _,
            malformed,
            widths,
            changes,
            flag,
            reread,
            part,
        } = config;
        if changes.is_none() && flag.is_empty() {
            return Err(Fault::stopped("neither `changes` nor `flag` says which rows are new")
                .at(format!("table {table}"))
                .remedy("add [table.changes], [[table.flag]] or both"));
        }
        if reread.is_some() && changes.is_none() {
            return Err(Fault::stopped("`reread` needs to know when a row was changed")
                .at(format!("table {table}"))
                .remedy("add [table.changes]"));
        }
        if !(1..=10_000).contains(&page) {
            return Err(Fault::stopped("`page` is not between 1 and 10000"));
        }
        let mut main = target(table, key, changes, flag, zone)?;
        let parts =
            part.into_iter().map(|part| part_plan(part, zone)).collect::<Result<Vec<_>, _>>()?;
        for (index, part) in parts.iter().enumerate() {
            if parts[..index].iter().any(|other| other.name == part.name) {
                return Err(Fault::stopped(format!("two parts are named `{}`", part.name)));
            }
        }
        main.columns = columns.map(|columns| select(columns, &main, &parts)).transpose()?;
        let reread = reread.map(|reread| RereadPlan {
            back: Duration::from_secs(u64::from(reread.days) * 86_400),
            every: reread.every.0,
        });
        let widths = widths
            .into_iter()
            .map(|(column, width)| (column, usize::try_from(width).unwrap_or(usize::MAX)))
            .collect();
        let text = TextPlan { charset, malformed, widths };
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        Ok(Self { main, parts, reread, text, page })
    }
}

/// What the author listed and what the walks cannot do without.
fn select(
    mut columns: Vec<String>,
    main: &Target,
    parts: &[PartPlan],
) -> Result<Vec<String>, Fault> {
    let changes = main.changes.iter().map(|changes| &changes.column);
    let needed =
        std::iter::once(&main.key).chain(changes).chain(parts.iter().map(|part| &part.parent));
    for column in needed {
        if !columns.iter().any(|listed| listed.eq_ignore_ascii_case(column)) {
            columns.push(column.clone());
        }
    }
    columns.iter().try_for_each(|column| identifier(column))?;
    Ok(columns)
}

fn part_plan(part: Part, zone: Tz) -> Result<PartPlan, Fault> {
    let Part { name, table, key, parent, column, changes, flag } = part;
    identifier(&parent)?;
    identifier(&column)?;
    let target = target(table, key, changes, flag, zone)?;
    Ok(PartPlan { name, target, parent, column })
}

fn target(
    table: String,
    key: String,
    changes: Option<Changes>,
    flags: Vec<Flag>,
    zone: Tz,
) -> Result<Target, Fault> {
    table.split('.').try_for_each(identifier)?;
    identifier(&key)?;
    let changes = changes.map(|changes| changes_plan(changes, zone)).transpose()?;
    let flags = flags.into_iter().map(flag_plan).collect::<Result<_, _>>()?;
    Ok(Target { table, key, columns: None, changes, flags })
}

fn changes_plan(changes: Changes, zone: Tz) -> Result<ChangesPlan, Fault> {
    let Changes { column, format, overlap } = changes;
    identifier(&column)?;
    let form = TimeForm::new(format, zone).map_err(|what| {
        Fault::stopped(what)
            .at(format!("column {column}"))
            .remedy("use a flag for this table, or a column that grows with time")
    })?;
    Ok(ChangesPlan { column, form, overlap: overlap.0, range: None })
}

fn flag_plan(flag: Flag) -> Result<FlagPlan, Fault> {
    let Flag { column, pending, done } = flag;
    identifier(&column)?;
    let still_pending = match (&pending, &done) {
        (Pending::Is(value), done) => value == done,
        (Pending::Range(range), Scalar::Number(done)) => (range.from..range.below).contains(done),
        (Pending::Range(_), _) => false,
    };
    if still_pending {
        return Err(Fault::stopped(
            "`done` is one of the pending values: no row would ever be done",
        )
        .at(format!("flag {column}")));
    }
    let pending = match pending {
        Pending::Is(value) => PendingPlan::Is(scalar(value)),
        Pending::Range(range) => {
            PendingPlan::Range(Value::Int(range.from), Value::Int(range.below))
        }
    };
    Ok(FlagPlan { column, pending, done: scalar(done) })
}

fn scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Bool(is) => Value::Bool(is),
        Scalar::Number(number) => Value::Int(number),
        Scalar::Text(text) => Value::Text(text),
    }
}

/// Names go into SQL text in quotes, so they may hold anything but quotes.
fn identifier(name: &str) -> Result<(), Fault> {
    let quotes = |c: char| matches!(c, '"' | '`' | '\'' | '[' | ']' | '\\') || c.is_control();
    if name.trim().is_empty() || name.contains(quotes) {
        return Err(Fault::stopped(format!("{name:?} cannot be the name of a table or column"))
            .remedy("write the bare name, without quotes or brackets"));
    }
    Ok(())
}
