//! What the database says of the columns of a table.
//!
//! Values are bound in the type of the column that they are compared with: only then are they equal and
//! in order as the database sees it. So each statement is written with the catalog of its table.

use contract::Fault;

use crate::{
    config::{Becomes, Flag, Pending, Scalar},
    plan::TablePlan,
    sql::Dialect,
    value::{Row, Value},
};

/// The columns of a table; empty if the account cannot see them.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    columns: Vec<Column>,
    /// Whether the database stores bytes as text, without a charset of its own.
    pub(crate) is_raw: bool,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type, as it is written in a cast.
    pub(crate) type_name: String,
    pub(crate) class: Class,
    /// Whether the driver cannot read the type, so that the database has to write it as text.
    pub(crate) is_odd: bool,
    /// Whether its values are bytes of any size, such as photos.
    is_blob: bool,
    /// Whether no two rows have the same value.
    pub(crate) is_unique: bool,
    /// Whether an update of the row moves it, unless it is set, and the account may set it.
    pub(crate) is_moved: bool,
    /// Whether a query for all columns does not return it.
    is_hidden: bool,
    /// Charset and collation of a text column of MySQL.
    pub(crate) collation: Option<(String, String)>,
}

/// What a column can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Number,
    Bool,
    Bits,
    Text,
    /// One of a list of texts.
    Enum,
    Other,
}

/// The types of PostgreSQL that the driver reads. For any other type it would ask the database in between,
/// which ends the statement that it is about.
const READABLE: [&str; 18] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "bpchar",
    "text",
    "varchar",
    "json",
    "jsonb",
];

impl Catalog {
    /// Reads the rows that [`crate::sql::Sql::catalog`] selects.
    pub(crate) fn new(dialect: Dialect, rows: &[Row]) -> Self {
        let n_primary = rows.iter().filter(|row| cell(row, 3) == "PRI").count();
        let columns = rows.iter().map(|row| {
            let (kind, index, extra) = (cell(row, 2).to_lowercase(), cell(row, 3), cell(row, 4));
            let collation = (cell(row, 5), cell(row, 6));
            let type_name = cell(row, 1).to_lowercase();
            Column {
                name: cell(row, 0),
                type_name: cell(row, 1),
                class: class_of(dialect, &kind, &extra),
                is_odd: dialect == Dialect::Postgres && !READABLE.contains(&kind.as_str()),
                is_blob: type_name == "bytea" || type_name.ends_with("blob"),
                is_unique: index == "UNI" || index == "PRI" && n_primary == 1,
                is_moved: dialect == Dialect::MySql && extra.contains("moved"),
                is_hidden: dialect == Dialect::MySql && extra.contains("hidden"),
                collation: (!collation.0.is_empty()).then_some(collation),
            }
        });
        let is_raw = dialect == Dialect::Postgres
            && rows.first().is_some_and(|row| cell(row, 5) == "SQL_ASCII");
        Self { columns: columns.collect(), is_raw }
    }

    /// A column. If no name matches exactly, upper and lower case are not distinguished.
    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|it| it.name.eq_ignore_ascii_case(name)))
    }

    /// The names of the columns, as a record has them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Whether a query for all columns no longer returns all of these: the table was altered.
    pub(crate) fn is_outdated(&self, table: &TablePlan, rows: &[Row]) -> bool {
        let lacks = |row: &Row| self.names().any(|name| row.get(name).is_none());
        self.selected(table).is_none() && rows.first().is_some_and(lacks)
    }

    /// The columns to select, with how each is read; `None` if all are read as they are.
    pub(crate) fn selected(&self, table: &TablePlan) -> Option<Vec<(String, Read)>> {
        let read = |name: &str| {
            let described = table.described.get(name);
            match described.and_then(|column| column.becomes) {
                Some(Becomes::Text) => Read::Text,
                _ if described.is_some_and(|column| column.charset.is_some()) => Read::Bytes,
                _ if self.get(name).is_some_and(|column| column.is_odd) => Read::Text,
                // The server would refuse to send bytes that are no UTF-8 as text.
                _ if self.is_raw_text(name) => Read::Bytes,
                _ if self.is_unread(table, name) => Read::Small,
                _ => Read::Plain,
            }
        };
        let is_ignored = |name: &str| {
            table.described.get(name).is_some_and(|it| it.becomes == Some(Becomes::Ignore))
        };
        if let Some(listed) = &table.columns {
            return Some(listed.iter().map(|name| (name.clone(), read(name))).collect());
        }
        let is_plain =
            |it: &Column| read(&it.name) == Read::Plain && !is_ignored(&it.name) && !it.is_hidden;
        if self.columns.iter().all(is_plain) {
            return None;
        }
        let columns = self.columns.iter().filter(|column| !is_ignored(&column.name));
        Some(columns.map(|column| (column.name.clone(), read(&column.name))).collect())
    }

    /// Columns that an acknowledgement must set to their own value, because it would move them otherwise.
    pub(crate) fn moved(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.is_moved)
    }

    /// Whether a column may have large values, and neither the mapping nor the settings name it.
    fn is_unread(&self, table: &TablePlan, name: &str) -> bool {
        self.get(name).is_some_and(|column| column.is_blob)
            && table.columns.is_none()
            && !table.described.contains_key(name)
            && !table.is_mapped(name)
    }

    /// Writes values of columns that hold identifiers as such, and marks text whose bytes have no charset.
    /// Removes NULL from columns that nothing names: it may stand for a value that was too large to be read.
    pub(crate) fn refine(&self, table: &TablePlan, rows: &mut [Row]) {
        let names = self.columns.iter().map(|column| column.name.as_str());
        let unread: Vec<&str> = names.filter(|name| self.is_unread(table, name)).collect();
        for row in &mut *rows {
            row.columns
                .retain(|(name, value)| !value.is_null() || !unread.contains(&name.as_str()));
        }
        for (name, value) in rows.iter_mut().flat_map(|row| &mut row.columns) {
            *value = match std::mem::take(value) {
                Value::Bytes(bytes) if self.holds_ids(table, name) => Value::Id(bytes),
                Value::Bytes(bytes) if self.is_raw_text(name) => match String::from_utf8(bytes) {
                    Ok(text) if text.is_ascii() => Value::Text(text),
                    Ok(text) => Value::BrokenText(text.into_bytes()),
                    Err(error) => Value::BrokenText(error.into_bytes()),
                },
                other => other,
            };
        }
    }

    /// Refuses rows without the columns by which they are found: a column of the system, such as `xmin` of
    /// PostgreSQL, is not among all columns.
    ///
    /// # Errors
    /// `Stopped`, with the name of the column.
    pub(crate) fn check_found(table: &TablePlan, rows: &[Row]) -> Result<(), Fault> {
        let Some(row) = rows.first() else { return Ok(()) };
        let changes = table.changes.as_ref().map(|changes| &changes.column);
        let mut required = std::iter::once(&table.key).chain(changes);
        let Some(name) = required.find(|name| row.get(name).is_none()) else { return Ok(()) };
        Err(Fault::stopped(format!("a query for all columns does not return the column {name}"))
            .at(format!("table {}", table.name))
            .remedy("find rows by a column of the table itself: set `key` and `changes` to such columns"))
    }

    fn is_raw_text(&self, name: &str) -> bool {
        self.is_raw && self.get(name).is_some_and(|column| column.class == Class::Text)
    }

    fn holds_ids(&self, table: &TablePlan, name: &str) -> bool {
        match table.described.get(name) {
            Some(described) => matches!(described.becomes, Some(Becomes::Hex | Becomes::Uuid)),
            None => {
                self.get(name).is_some_and(|it| it.type_name.eq_ignore_ascii_case("binary(16)"))
            }
        }
    }

    /// Refuses a flag whose values do not have the type of its column. MySQL would compare them
    /// nevertheless: there, every text that does not begin with a digit equals 0.
    ///
    /// # Errors
    /// `Stopped`, with how to write the values.
    pub(crate) fn check_flags(&self, dialect: Dialect, table: &TablePlan) -> Result<(), Fault> {
        for flag in &table.flags {
            let Some(column) = self.get(&flag.column).filter(|_| dialect != Dialect::Sqlite) else {
                continue;
            };
            let Flag { pending, done, .. } = flag;
            let is_fit = fits(column, done)
                && match pending {
                    Pending::Value(value) => fits(column, value),
                    Pending::Range(_) => column.class == Class::Number,
                };
            if !is_fit {
                let what =
                    format!("the values of the flag do not fit its type, {}", column.type_name);
                return Err(Fault::stopped(what)
                    .at(format!("column {}", flag.column))
                    .at(format!("table {}", table.name))
                    .remedy("write `pending` and `done` as the column has them: texts in quotes, numbers without"));
            }
        }
        Ok(())
    }
}

/// How a column is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// As it is.
    Plain,
    /// Written as text by the database.
    Text,
    /// As the bytes that the database has stored.
    Bytes,
    /// As it is if it is small, otherwise NULL.
    Small,
}

fn fits(column: &Column, scalar: &Scalar) -> bool {
    match (column.class, scalar) {
        (Class::Other, _) => true,
        (Class::Number | Class::Bits | Class::Bool, Scalar::Text(text)) => {
            text.parse::<f64>().is_ok() || column.class == Class::Bool
        }
        (Class::Number | Class::Bits | Class::Bool, _) => true,
        (Class::Text, Scalar::Text(_)) => true,
        (Class::Enum, Scalar::Text(text)) => {
            !column.type_name.contains('(') || column.type_name.contains(&format!("'{text}'"))
        }
        (Class::Text | Class::Enum, _) => false,
    }
}

fn class_of(dialect: Dialect, kind: &str, category: &str) -> Class {
    match (dialect, category, kind) {
        (Dialect::Postgres, "N", _) => Class::Number,
        (Dialect::Postgres, "B", _) => Class::Bool,
        (Dialect::Postgres, "V", _) => Class::Bits,
        (Dialect::Postgres, "S", _) => Class::Text,
        (Dialect::Postgres, "E", _) => Class::Enum,
        (Dialect::MySql, _, "bit") => Class::Bits,
        (Dialect::MySql, _, "enum" | "set") => Class::Enum,
        (Dialect::MySql, _, "decimal" | "float" | "double" | "year") => Class::Number,
        (Dialect::MySql, _, kind) if kind.ends_with("int") => Class::Number,
        (Dialect::MySql, _, kind) if kind.ends_with("text") || kind.ends_with("char") => {
            Class::Text
        }
        _ => Class::Other,
    }
}

fn cell(row: &Row, index: usize) -> String {
    row.columns.get(index).map(|(_, value)| value.to_text()).unwrap_or_default()
}
