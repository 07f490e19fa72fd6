//! Checks the settings of a channel; all other code relies on the checked ones.

use std::time::Duration;

use chrono_tz::Tz;
use contract::{Fault, TimeRange};

use crate::{
    config::{Changes, Config, Flag, Part, Pending, Scalar, TableConfig},
    time::ColumnFormat,
};

/// What is read, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) main: TablePlan,
    pub(crate) parts: Vec<PartPlan>,
    /// Maximum number of rows in one query.
    pub(crate) page: usize,
}

/// A table, and how its rows are found.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) name: String,
    pub(crate) key: String,
    /// The columns to select; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
    /// `None` if only flags find new rows.
    pub(crate) changes: Option<ChangesPlan>,
    pub(crate) flags: Vec<Flag>,
}

/// The column of `changes`, whose value grows with every change of a row.
#[derive(Debug)]
pub(crate) struct ChangesPlan {
    pub(crate) column: String,
    pub(crate) format: ColumnFormat,
    pub(crate) overlap: Duration,
    /// The time range to read, in a backfill.
    pub(crate) range: Option<TimeRange>,
}

/// Another table whose rows belong to records.
#[derive(Debug)]
pub(crate) struct PartPlan {
    pub(crate) name: String,
    pub(crate) table: TablePlan,
    /// The column of the main table that equals `column`.
    pub(crate) parent: String,
    /// The column of this table that equals `parent`.
    pub(crate) column: String,
}

impl Plan {
    /// Checks all settings except the address.
    pub(crate) fn new(config: Config, zone: Tz) -> Result<Self, Fault> {
        let TableConfig { table, changes, flag, .. } = &config.main;
        if changes.is_none() && flag.is_empty() {
            return Err(Fault::stopped("neither `changes` nor `flag` says which rows are new")
                .at(format!("table {table}"))
                .remedy("add [table.changes], [[table.flag]] or both"));
        }
        if config.reread.is_some() && changes.is_none() {
            return Err(Fault::stopped("`reread` needs a column that says when a row was changed")
                .at(format!("table {table}"))
                .remedy("add [table.changes]"));
        }
        if !(1..=10_000).contains(&config.page) {
            return Err(Fault::stopped("`page` is not between 1 and 10000"));
        }
        let mut main = TablePlan::new(config.main.clone(), zone)?;
        let parts = config.part.iter().map(|part| PartPlan::new(part.clone(), zone));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        for (index, part) in parts.iter().enumerate() {
            if parts[..index].iter().any(|other| other.name == part.name) {
                return Err(Fault::stopped(format!("two parts have the name `{}`", part.name)));
            }
        }
        let columns = config.columns.clone();
        main.columns = columns.map(|columns| add_required(columns, &main, &parts)).transpose()?;
        let page = usize::try_from(config.page).unwrap_or(usize::MAX);
        Ok(Self { config, main, parts, page })
    }
}

/// Adds the key, the column of `changes` and the `parent` columns to the configured columns.
fn add_required(
    mut columns: Vec<String>,
    main: &TablePlan,
    parts: &[PartPlan],
) -> Result<Vec<String>, Fault> {
    let changes = main.changes.iter().map(|changes| &changes.column);
    let required =
        [&main.key].into_iter().chain(changes).chain(parts.iter().map(|part| &part.parent));
    for column in required {
        if !columns.iter().any(|listed| listed.eq_ignore_ascii_case(column)) {
            columns.push(column.clone());
        }
    }
    columns.iter().try_for_each(|column| check_name(column))?;
    Ok(columns)
}

impl PartPlan {
    fn new(part: Part, zone: Tz) -> Result<Self, Fault> {
        let Part { name, table, parent, column } = part;
        check_name(&parent)?;
        check_name(&column)?;
        Ok(Self { name, table: TablePlan::new(table, zone)?, parent, column })
    }
}

impl TablePlan {
    fn new(config: TableConfig, zone: Tz) -> Result<Self, Fault> {
        let TableConfig { table: name, key, changes, flag: flags } = config;
        name.split('.').try_for_each(check_name)?;
        check_name(&key)?;
        let changes = changes.map(|changes| ChangesPlan::new(changes, zone)).transpose()?;
        flags.iter().try_for_each(check_flag)?;
        Ok(Self { name, key, columns: None, changes, flags })
    }
}

impl ChangesPlan {
    fn new(changes: Changes, zone: Tz) -> Result<Self, Fault> {
        let Changes { column, format, overlap } = changes;
        check_name(&column)?;
        let format = ColumnFormat::new(format.as_deref(), zone).map_err(|what| {
            Fault::stopped(what)
                .at(format!("column {column}"))
                .remedy("use a flag for this table, or a column that grows with time")
        })?;
        Ok(Self { column, format, overlap: overlap.0, range: None })
    }
}

fn check_flag(flag: &Flag) -> Result<(), Fault> {
    let Flag { column, pending, done } = flag;
    check_name(column)?;
    let is_pending = match (pending, done) {
        (Pending::Value(value), done) => value == done,
        (Pending::Range(range), Scalar::Number(done)) => (range.from..range.below).contains(done),
        (Pending::Range(_), _) => false,
    };
    if is_pending {
        let what = "`done` is one of the pending values, so no row would ever be done";
        return Err(Fault::stopped(what).at(format!("flag {column}")));
    }
    Ok(())
}

/// Refuses a name that contains quotes, because SQL text quotes names.
fn check_name(name: &str) -> Result<(), Fault> {
    let is_quote = |c: char| matches!(c, '"' | '`' | '\'' | '[' | ']' | '\\') || c.is_control();
    if name.trim().is_empty() || name.contains(is_quote) {
        return Err(Fault::stopped(format!("{name:?} cannot be the name of a table or column"))
            .remedy("write the name without quotes or brackets"));
    }
    Ok(())
}
