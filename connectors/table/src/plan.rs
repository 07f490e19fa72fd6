//! Checks the settings of a channel; all other code relies on the checked ones.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono_tz::Tz;
use connector_wire::identity::Identity;
use contract::{Fault, TimeRange};

use crate::{
    config::{Becomes, Changes, Column, Columns, Config, Flag, Part, Pending, Scalar, TableConfig},
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
    /// The name, with the schema before it if there is one.
    pub(crate) pieces: Vec<String>,
    pub(crate) key: String,
    /// The columns to select; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
    /// The columns that are read in a way of their own.
    pub(crate) described: BTreeMap<String, Column>,
    /// `None` if only flags find new rows.
    pub(crate) changes: Option<ChangesPlan>,
    pub(crate) flags: Vec<Flag>,
    /// The columns by which the rows of parts are found.
    pub(crate) parents: Vec<String>,
    /// The texts of the mapping (see [`contract::ConnectorContext::mapped`]); `None` if any column may be mapped.
    pub(crate) mapped: Option<Arc<str>>,
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
    /// Whether a change of its rows always moves the record too.
    pub(crate) moves_record: bool,
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
        main.parents = parts.iter().map(|part| part.parent.clone()).collect();
        match &config.columns {
            Columns::Listed(listed) => {
                main.columns = Some(add_required(listed.clone(), &main, &parts)?);
            }
            Columns::Described(described) => main.described = described.clone(),
        }
        check_described(&main, &parts)?;
        let page = usize::try_from(config.page).unwrap_or(usize::MAX);
        Ok(Self { config, main, parts, page })
    }

    /// The settings that decide which rows of a database are read, as a text that stays the same in later
    /// versions.
    pub(crate) fn source(&self) -> String {
        let rows = |table: &TableConfig| {
            let changes = table.changes.as_ref().map(|changes| (&changes.column, &changes.format));
            format!("{:?}", (&table.table, &table.key, changes))
        };
        let parts = self.config.part.iter().map(|part| {
            format!("{} {:?}", rows(&part.table), (&part.name, &part.parent, &part.column))
        });
        std::iter::once(rows(&self.config.main)).chain(parts).collect::<Vec<_>>().join("\n")
    }

    /// The settings that decide which record a row is, likewise.
    pub(crate) fn identity(&self) -> Identity {
        let key = self.main.key.as_str();
        let becomes = self.main.described.get(key).and_then(|column| column.becomes);
        let key = match becomes {
            Some(becomes) => format!("{key} as {becomes:?}"),
            None => key.to_owned(),
        };
        // Databases do not distinguish upper and lower case in most names of columns.
        Identity::new(&key.to_lowercase(), None)
    }
}

/// The columns by which rows are found: the key, the column of `changes` and the `parent` columns.
fn required<'a>(
    main: &'a TablePlan,
    parts: &'a [PartPlan],
) -> impl Iterator<Item = &'a String> + use<'a> {
    let changes = main.changes.iter().map(|changes| &changes.column);
    [&main.key].into_iter().chain(changes).chain(parts.iter().map(|part| &part.parent))
}

/// Refuses to change the values of a column that are bound to statements again.
fn check_described(main: &TablePlan, parts: &[PartPlan]) -> Result<(), Fault> {
    for (name, column) in &main.described {
        check_name(name)?;
        let is_changed = column.charset.is_some()
            || matches!(column.becomes, Some(Becomes::Text | Becomes::Ignore));
        if is_changed && required(main, parts).any(|it| it.eq_ignore_ascii_case(name)) {
            return Err(Fault::stopped("rows are found by this column, in the type that it has")
                .at(format!("column {name}"))
                .remedy("leave out `charset`, and write `as` only as \"hex\" or \"uuid\""));
        }
    }
    Ok(())
}

/// Adds the columns by which rows are found to the configured columns.
fn add_required(
    mut columns: Vec<String>,
    main: &TablePlan,
    parts: &[PartPlan],
) -> Result<Vec<String>, Fault> {
    for column in required(main, parts) {
        if !columns.iter().any(|listed| listed.eq_ignore_ascii_case(column)) {
            columns.push(column.clone());
        }
    }
    columns.iter().try_for_each(|column| check_name(column))?;
    Ok(columns)
}

impl PartPlan {
    fn new(part: Part, zone: Tz) -> Result<Self, Fault> {
        let Part { name, table, parent, column, moves_record } = part;
        check_name(&parent)?;
        check_name(&column)?;
        Ok(Self { name, table: TablePlan::new(table, zone)?, parent, column, moves_record })
    }
}

impl TablePlan {
    fn new(config: TableConfig, zone: Tz) -> Result<Self, Fault> {
        let TableConfig { table: name, key, changes, flag: flags } = config;
        let pieces = pieces(&name);
        pieces.iter().try_for_each(|piece| check_name(piece))?;
        check_name(&key)?;
        let changes = changes.map(|changes| ChangesPlan::new(changes, zone)).transpose()?;
        flags.iter().try_for_each(check_flag)?;
        let (columns, described, parents, mapped) = Default::default();
        Ok(Self { name, pieces, key, columns, described, changes, flags, parents, mapped })
    }

    /// Whether the mapping may read this column.
    pub(crate) fn is_mapped(&self, column: &str) -> bool {
        self.mapped.as_ref().is_none_or(|texts| {
            texts.lines().any(|text| text == "$")
                || [column, "$..", "$.*", "$[*", "$[?"].iter().any(|text| texts.contains(text))
        })
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

/// The names in `schema.table`. In double quotes, a name may contain dots, and quotes if they are doubled:
/// `schema."a.b"`, `"a""b"`.
fn pieces(name: &str) -> Vec<String> {
    let (mut pieces, mut piece, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted => {
                is_quoted = letters.next_if_eq(&'"').is_some();
                if is_quoted {
                    piece.push(letter);
                }
            }
            '"' if piece.is_empty() => is_quoted = true,
            '.' if !is_quoted => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(letter),
        }
    }
    pieces.push(piece);
    pieces
}

/// Refuses a name that no table or column has.
fn check_name(name: &str) -> Result<(), Fault> {
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(Fault::stopped(format!("{name:?} cannot be the name of a table or column")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn a_name_of_a_table_may_have_dots_and_quotes() {
        for (name, expected) in [
            ("orders", &["orders"][..]),
            ("city.orders", &["city", "orders"]),
            ("city.\"a.b\"", &["city", "a.b"]),
            ("\"a.b\".\"c\"", &["a.b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("a\"b", &["a\"b"]),
            ("it's", &["it's"]),
            ("orders.", &["orders", ""]),
        ] {
            assert_eq!(pieces(name), expected, "{name}");
        }
    }
}
