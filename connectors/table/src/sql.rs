//! All SQL of this crate, except the session settings in `driver`.
//!
//! Names come from the channel's settings; `plan.rs` checks them, and this file quotes them. Values are
//! always bound. Only `inspect.rs` writes names into SQL too, so an audit has two files to read.

mod acknowledge;
mod catalog;

use sqlx::AssertSqlSafe;

use crate::{
    catalog::{Catalog, Class, Column, Read},
    config::{Pending, Scalar},
    plan::TablePlan,
    value::{TextType, Value},
};

/// Name of the extra column that says whether a row is pending.
pub(crate) const IS_PENDING: &str = "tonghui_pending";
/// Name of the extra column that says to which of the given values a row of a part belongs.
pub(crate) const OWNER: &str = "tonghui_owner";

/// Maximum size of a value that nothing names, in bytes. A small one may be a text, which is of use later.
const MAX_UNREAD: usize = 64 * 1024;

/// The dialect of SQL that a database uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// A statement and the values bound to it.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    binds: Vec<Value>,
}

/// A query for a page of a table. It always has a limit.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    pub(crate) table: &'a TablePlan,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) order: Order<'a>,
    pub(crate) limit: usize,
}

/// A condition on the rows of a page.
#[derive(Debug)]
pub(crate) enum Condition<'a> {
    /// All flags say that the row is pending.
    Pending,
    /// The column is not NULL.
    NotNull(&'a str),
    /// The column is NULL.
    Null(&'a str),
    /// The column is NULL, or has a value that stands for no time or that a sweep does not find from `newest`.
    Undated { column: &'a str, is_formatted: bool, newest: Option<&'a Value> },
    /// A comparison of the column with a value, by this operator.
    Compare(&'a str, &'static str, Value),
    /// The column has this value or a later one, or lies in one of the ranges.
    From(&'a str, Value, Vec<(Value, Value)>),
    /// The row comes after this (value, key), in the order of value and key.
    After(&'a str, &'a (Value, Value)),
    /// The column has one of the values, which come from this other column.
    In(&'a str, &'a [Value], Option<&'a Column>),
    /// The row comes after the one with this key that belongs to the value with this number.
    AfterOwned(&'a Value, usize),
}

/// The values of a column of the main table, for which rows of a part are selected.
#[derive(Debug)]
pub(crate) struct Owners<'a> {
    /// The column of the part.
    pub(crate) column: &'a str,
    pub(crate) values: &'a [Value],
    /// The column from which the values come.
    pub(crate) from: Option<&'a Column>,
}

/// The order of the rows.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    /// By key.
    Key,
    /// By key; a row once for each value to which it belongs.
    Owned(Owners<'a>),
    /// By this column, then by key.
    Column(&'a str),
    /// By key, from the row with this index on. Only for rows without a key, which have no other position.
    Offset(u64),
}

impl Sql {
    /// A statement without values.
    pub(crate) fn plain(text: String) -> Self {
        Self { text, binds: Vec::new() }
    }

    /// The text and the values, for the driver.
    pub(crate) fn into_parts(self) -> (AssertSqlSafe<String>, Vec<Value>) {
        (AssertSqlSafe(self.text), self.binds)
    }

    /// Asks for a key that more than one row has.
    pub(crate) fn repeated_key(dialect: Dialect, table: &TablePlan, catalog: &Catalog) -> Self {
        let writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let (name, key) = (writer.table(), writer.column(&table.key));
        let shown =
            if dialect == Dialect::Postgres { format!("CAST({key} AS TEXT)") } else { key.clone() };
        let text = format!(
            "SELECT {shown}, COUNT(*) FROM {name} WHERE {key} IS NOT NULL GROUP BY {key} \
             HAVING COUNT(*) > 1 LIMIT 1"
        );
        Self { text, binds: Vec::new() }
    }

    /// Counts the keys. Counting those that are unique is faster without `DISTINCT`.
    pub(crate) fn count(dialect: Dialect, table: &TablePlan, catalog: &Catalog) -> Self {
        let writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let (name, key) = (writer.table(), writer.column(&table.key));
        let is_unique = catalog.get(&table.key).is_some_and(|column| column.is_unique);
        let distinct = if is_unique { "" } else { "DISTINCT " };
        Self::plain(format!("SELECT COUNT({distinct}{key}) FROM {name}"))
    }

    /// Asks for the value of a column that this many rows before `newest` have reached.
    pub(crate) fn earlier(
        dialect: Dialect,
        table: &TablePlan,
        catalog: &Catalog,
        column: &str,
        newest: &Value,
        n_rows: usize,
    ) -> Self {
        let mut writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let (name, newest) = (writer.table(), writer.bind(column, newest));
        let column = writer.column(column);
        let text = format!(
            "SELECT {column} FROM {name} WHERE {column} <= {newest} ORDER BY {column} DESC \
             LIMIT 1 OFFSET {n_rows}"
        );
        Self { text, binds: writer.binds }
    }

    /// Selects a page.
    pub(crate) fn select(dialect: Dialect, select: &Select<'_>, catalog: &Catalog) -> Self {
        let Select { table, conditions, order, limit } = select;
        let mut writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let mut columns = match catalog.selected(table) {
            None => "t.*".to_owned(),
            Some(columns) => join(&columns, |(column, read)| writer.read_column(column, *read)),
        };
        if !table.flags.is_empty() {
            let pending = writer.pending_condition("");
            columns.push_str(&format!(", CASE WHEN {pending} THEN 1 ELSE 0 END AS {IS_PENDING}"));
        }
        let mut name = writer.table();
        if let Order::Owned(owners) = order {
            columns.push_str(&format!(", v.column1 AS {OWNER}"));
            name.push_str(&writer.join_owners(owners));
        }
        let conditions = writer.conditions(conditions);
        let key = writer.ordered(&table.key);
        let order = match order {
            Order::Key => format!("{key} LIMIT {limit}"),
            Order::Owned(_) => format!("{key}, v.column1 LIMIT {limit}"),
            Order::Column(column) => format!("{}, {key} LIMIT {limit}", writer.ordered(column)),
            Order::Offset(skip) => format!("{key} LIMIT {limit} OFFSET {skip}"),
        };
        let text = format!("SELECT {columns} FROM {name} WHERE {conditions} ORDER BY {order}");
        Self { text, binds: writer.binds }
    }
}

/// Writes the parts of a statement, and collects its values in their order.
struct Writer<'a> {
    dialect: Dialect,
    table: &'a TablePlan,
    catalog: &'a Catalog,
    binds: Vec<Value>,
}

impl Writer<'_> {
    fn conditions(&mut self, conditions: &[Condition<'_>]) -> String {
        let conditions = conditions.iter().map(|condition| self.condition(condition));
        conditions.collect::<Vec<_>>().join(" AND ")
    }

    fn condition(&mut self, condition: &Condition<'_>) -> String {
        match condition {
            Condition::Pending => self.pending_condition(""),
            Condition::NotNull(column) => format!("{} IS NOT NULL", self.column(column)),
            Condition::Null(column) => format!("{} IS NULL", self.column(column)),
            Condition::Undated { column, is_formatted, newest } => {
                let described = self.catalog.get(column);
                let (class, column) = (described.map(|it| it.class), self.column(column));
                let type_name = described.map_or("", |it| it.type_name.as_str());
                let is_time = type_name == "date"
                    || type_name.starts_with("datetime")
                    || type_name.starts_with("timestamp");
                let (zero, empty) = (format!("{column} = 0"), format!("LENGTH({column}) = 0"));
                // A zero date and a blank before a time stand before the texts of all times.
                let early = format!("{column} < '1'");
                let no_time = match (self.dialect, class) {
                    // Any column may contain numbers, texts and blobs, which stand in this order. With the sign, a
                    // column of numbers compares them in it too.
                    (Dialect::Sqlite, _) if matches!(newest, Some(Value::Text(_))) => {
                        format!("{empty} OR +{column} < '1'")
                    }
                    (Dialect::Sqlite, _) if matches!(newest, Some(Value::Bytes(_))) => {
                        format!("{empty} OR +{column} < x'31'")
                    }
                    (Dialect::Sqlite, _) => {
                        let text = format!("typeof({column}) = 'text' AND +{column} < '1'");
                        let number =
                            if *is_formatted { format!(" OR {early}") } else { String::new() };
                        format!("{empty} OR {text}{number}")
                    }
                    (_, Some(Class::Text)) => early,
                    // Numbers that are not times: 0 is one of them.
                    (_, Some(Class::Number)) if !is_formatted => {
                        return format!("{column} IS NULL");
                    }
                    (_, Some(Class::Number)) => zero,
                    (Dialect::MySql, _) if is_time => zero,
                    (Dialect::Postgres, _) if is_time => format!("{column} = '-infinity'"),
                    _ if *is_formatted => empty,
                    _ => return format!("{column} IS NULL"),
                };
                format!("({column} IS NULL OR {no_time})")
            }
            Condition::Compare(column, operator, value) => {
                format!("{} {operator} {}", self.ordered(column), self.bind(column, value))
            }
            Condition::From(column, since, ranges) => {
                let ordered = self.ordered(column);
                let mut alternatives = vec![format!("{ordered} >= {}", self.bind(column, since))];
                alternatives.extend(ranges.iter().map(|(first, last)| {
                    let (first, last) = (self.bind(column, first), self.bind(column, last));
                    format!("{ordered} BETWEEN {first} AND {last}")
                }));
                format!("({})", alternatives.join(" OR "))
            }
            Condition::After(column, (value, after)) => {
                let (from, above) = (self.bind(column, value), self.bind(column, value));
                let after = self.bind(&self.table.key, after);
                let (column, key) = (self.ordered(column), self.ordered(&self.table.key));
                // The first comparison lets the database use an index on the column.
                format!("{column} >= {from} AND ({column} > {above} OR {key} > {after})")
            }
            Condition::AfterOwned(after, owner) => {
                let (from, above) =
                    (self.bind(&self.table.key, after), self.bind(&self.table.key, after));
                let key = self.ordered(&self.table.key);
                format!("{key} >= {from} AND ({key} > {above} OR v.column1 > {owner})")
            }
            Condition::In(column, values, from) => {
                let values = join(values, |value| self.bind_as(*from, value));
                format!("{} IN ({values})", self.column(column))
            }
        }
    }

    /// Joins the rows of a part with the values to which they belong: the database compares, by the types
    /// and collations of the columns.
    fn join_owners(&mut self, owners: &Owners<'_>) -> String {
        let Owners { column, values, from } = owners;
        let collation = self.catalog.get(column).and_then(|column| column.collation.as_ref());
        let rows = values.iter().enumerate().map(|(index, value)| {
            let is_text = matches!(value, Value::Text(_));
            let mut value = self.bind_as(*from, value);
            // Texts of two columns have no collation in common. Numbers are compared as numbers.
            if let (Dialect::MySql, Some((charset, collation)), true) =
                (self.dialect, collation, is_text)
            {
                value = format!("CONVERT({value} USING {charset}) COLLATE {collation}");
            }
            match self.dialect {
                Dialect::MySql => format!("SELECT {index} AS column1, {value} AS column2"),
                _ => format!("({index}, {value})"),
            }
        });
        let rows: Vec<String> = rows.collect();
        let list = match self.dialect {
            Dialect::MySql => rows.join(" UNION ALL "),
            _ => format!("VALUES {}", rows.join(", ")),
        };
        format!(" JOIN ({list}) AS v ON {} = v.column2", self.column(column))
    }

    /// The condition that all flags say that a row is pending. `prefix` is written before each column.
    fn pending_condition(&mut self, prefix: &str) -> String {
        let flags = self.table.flags.iter().map(|flag| {
            let column = self.column(&flag.column);
            match &flag.pending {
                Pending::Value(value) => {
                    let plain = self.scalar(&flag.column, value);
                    // In SQLite, a column may have both 0 and '0', and neither equals the other.
                    match other_spelling(value).filter(|_| self.dialect == Dialect::Sqlite) {
                        Some(other) => {
                            let other = self.scalar(&flag.column, &other);
                            format!("{prefix}{column} IN ({plain}, {other})")
                        }
                        None => format!("{prefix}{column} = {plain}"),
                    }
                }
                Pending::Range(range) => {
                    let from = self.bind(&flag.column, &Value::Int(range.from));
                    let below = self.bind(&flag.column, &Value::Int(range.below));
                    format!("{prefix}{column} >= {from} AND {prefix}{column} < {below}")
                }
            }
        });
        flags.collect::<Vec<_>>().join(" AND ")
    }

    fn table(&self) -> String {
        let pieces = self.table.pieces.iter().map(|piece| self.quote(piece));
        format!("{} AS t", pieces.collect::<Vec<_>>().join("."))
    }

    /// A column, always with its table: without it, SQLite takes an unknown quoted name for text.
    fn column(&self, column: &str) -> String {
        format!("t.{}", self.quote(column))
    }

    /// A column as it is compared and ordered. MySQL orders an ENUM by number, but compares it as text.
    fn ordered(&self, column: &str) -> String {
        let class = self.catalog.get(column).map(|column| column.class);
        let column = self.column(column);
        match (self.dialect, class) {
            (Dialect::MySql, Some(Class::Enum)) => {
                format!("CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin")
            }
            _ => column,
        }
    }

    /// A column in the list of those to select.
    fn read_column(&self, name: &str, read: Read) -> String {
        let column = self.column(name);
        let read = match (read, self.dialect) {
            (Read::Plain, _) => return column,
            // Not every version of SQLite knows OCTET_LENGTH; its LENGTH counts the bytes of a blob.
            (Read::Small, Dialect::Sqlite) => {
                format!("CASE WHEN LENGTH({column}) <= {MAX_UNREAD} THEN {column} END")
            }
            (Read::Small, _) => {
                format!("CASE WHEN OCTET_LENGTH({column}) <= {MAX_UNREAD} THEN {column} END")
            }
            (Read::Text, Dialect::MySql) => format!("CAST({column} AS CHAR)"),
            (Read::Text, _) => format!("CAST({column} AS TEXT)"),
            (Read::Bytes, Dialect::MySql) => format!("CAST({column} AS BINARY)"),
            (Read::Bytes, Dialect::Sqlite) => format!("CAST({column} AS BLOB)"),
            (Read::Bytes, Dialect::Postgres) => {
                format!("convert_to(CAST({column} AS TEXT), getdatabaseencoding())")
            }
        };
        format!("{read} AS {}", self.quote(name))
    }

    fn quote(&self, name: &str) -> String {
        quote(self.dialect, name)
    }

    /// Binds the value of a flag, in the type of its column.
    fn scalar(&mut self, column: &str, scalar: &Scalar) -> String {
        let class = self.catalog.get(column).map(|column| column.class);
        let value = match (class, scalar) {
            (Some(Class::Number | Class::Bits), Scalar::Bool(is)) => Value::Int(i64::from(*is)),
            (Some(Class::Number | Class::Bits), Scalar::Text(text)) => {
                text.parse().map_or_else(|_| Value::Text(text.clone()), Value::Int)
            }
            _ => scalar.into(),
        };
        // PostgreSQL reads every type from text.
        let is_cast = self.dialect == Dialect::Postgres && class.is_some();
        self.bind(column, &if is_cast { Value::Text(value.to_text()) } else { value })
    }

    /// Binds a value that is compared with a column, and returns its placeholder.
    fn bind(&mut self, column: &str, value: &Value) -> String {
        self.bind_as(self.catalog.get(column), value)
    }

    /// Binds a value in the type of `column`, and returns its placeholder.
    fn bind_as(&mut self, column: Option<&Column>, value: &Value) -> String {
        let is_float = |column: &Column| column.type_name.to_lowercase().starts_with("float");
        self.binds.push(match value {
            // MySQL compares a FLOAT as a double, but it was read as the shortest decimal.
            Value::Real(number)
                if self.dialect == Dialect::MySql && column.is_some_and(is_float) =>
            {
                Value::Real(number.to_string().parse::<f32>().map_or(*number, f64::from))
            }
            other => other.clone(),
        });
        if let (Dialect::MySql, Value::Text(_), Some(column)) = (self.dialect, value, column)
            && let (Class::Text, Some((charset, collation))) = (column.class, &column.collation)
            && charset != "utf8mb4"
        {
            // Otherwise MySQL compares both as Unicode, in another order than it sorts the column.
            return format!("CONVERT(? USING {charset}) COLLATE {collation}");
        }
        let placeholder = match (self.dialect, value) {
            (Dialect::Postgres, Value::BrokenText(_)) => {
                format!("convert_from(${}, getdatabaseencoding())", self.binds.len())
            }
            (Dialect::Postgres, _) => format!("${}", self.binds.len()),
            (Dialect::Sqlite | Dialect::MySql, _) => "?".to_owned(),
        };
        // If the driver cannot send a type, the value is sent as text or bytes, and cast.
        let sql_type = match (value, self.dialect, column) {
            (_, Dialect::Postgres, Some(column)) => column.type_name.as_str(),
            (Value::BrokenText(_), Dialect::Sqlite, _) => "TEXT",
            (Value::Decimal(_) | Value::Unsigned(_), Dialect::Postgres, _) => "NUMERIC",
            (Value::Decimal(_), Dialect::MySql, Some(column))
                if column.type_name.starts_with("decimal(") =>
            {
                column.type_name.split_inclusive(')').next().unwrap_or_default()
            }
            (Value::Decimal(_), Dialect::MySql, _) => "DECIMAL(65, 30)",
            (Value::TypedText(text_type, _), Dialect::Postgres, _) => match text_type {
                TextType::Uuid => "UUID",
                TextType::Date => "DATE",
                TextType::Timestamp => "TIMESTAMP",
                TextType::TimestampWithZone => "TIMESTAMPTZ",
            },
            _ => return placeholder,
        };
        format!("CAST({placeholder} AS {sql_type})")
    }
}

/// A number as text, and a text that is a number as one.
fn other_spelling(value: &Scalar) -> Option<Scalar> {
    match value {
        Scalar::Bool(_) => None,
        Scalar::Number(number) => Some(Scalar::Text(number.to_string())),
        Scalar::Text(text) => {
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == *text);
            number.map(Scalar::Number)
        }
    }
}

pub(crate) fn quote(dialect: Dialect, name: &str) -> String {
    let quote = if dialect == Dialect::MySql { "`" } else { "\"" };
    format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
}

fn join<T>(items: &[T], write: impl FnMut(&T) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
