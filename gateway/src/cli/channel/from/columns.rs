//! The fields of records: their paths, their names, and what their values look like.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Maximum number of records that are looked at.
const MAX_RECORDS: usize = 200;
/// Maximum number of fields.
const MAX_COLUMNS: usize = 500;
/// Maximum number of objects within each other in which fields are looked for.
const MAX_DEPTH: usize = 3;

/// The fields of records.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) n_records: usize,
    pub(super) columns: Vec<Column>,
    pub(super) lists: Vec<List>,
    by_path: HashMap<String, usize>,
}

/// A field with one value.
pub(super) struct Column {
    /// The path of its value in a record.
    pub(super) path: String,
    /// Its name, after those of the objects around it.
    pub(super) name: String,
    /// Its values that are not empty.
    pub(super) values: Vec<String>,
    /// Whether a value is true or false.
    pub(super) is_bool: bool,
    /// How many objects it is within.
    pub(super) depth: usize,
}

/// A field with a list.
pub(super) struct List {
    pub(super) path: String,
    pub(super) name: String,
    /// The elements of all records.
    pub(super) items: Vec<Value>,
}

impl Columns {
    /// The fields of these records.
    pub(super) fn of(records: &[Value], is_xml: bool) -> Self {
        let mut columns = Self { n_records: records.len().min(MAX_RECORDS), ..Self::default() };
        for record in records.iter().take(MAX_RECORDS) {
            if let Value::Object(members) = record {
                columns.add("$", "", members, is_xml, 0);
            }
        }
        columns
    }

    fn add(
        &mut self,
        path: &str,
        prefix: &str,
        members: &Map<String, Value>,
        is_xml: bool,
        depth: usize,
    ) {
        for (name, value) in members {
            let path = member(path, name);
            let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Array(items) if is_xml => match items.as_slice() {
                    [Value::Object(element)] => self.add_element(&path, &full, element, depth),
                    _ => self.add_list(path, name, items),
                },
                Value::Array(items) => self.add_list(path, name, items),
                Value::Object(inner) if depth < MAX_DEPTH => {
                    self.add(&path, &full, inner, is_xml, depth + 1);
                }
                Value::Object(_) => {}
                value => self.add_value(path, full, value, depth),
            }
        }
    }

    /// Adds an element of XML, which is the only one of its name.
    fn add_element(&mut self, path: &str, name: &str, element: &Map<String, Value>, depth: usize) {
        let path = format!("{path}[0]");
        match element.get("$text") {
            Some(text) => self.add_value(format!("{path}['$text']"), name.to_owned(), text, depth),
            None if depth < MAX_DEPTH => self.add(&path, name, element, true, depth + 1),
            None => {}
        }
    }

    fn add_value(&mut self, path: String, name: String, value: &Value, depth: usize) {
        let n = self.columns.len();
        let index = *self.by_path.entry(path.clone()).or_insert(n);
        if index == n {
            if n >= MAX_COLUMNS {
                return;
            }
            let name = name.trim_start_matches('@').to_owned();
            self.columns.push(Column { path, name, values: Vec::new(), is_bool: false, depth });
        }
        let Some(column) = self.columns.get_mut(index) else { return };
        column.is_bool |= value.is_boolean();
        let text = document::scalar_text(value).map(|text| text.trim().to_owned());
        column.values.extend(text.filter(|text| !text.is_empty()));
    }

    fn add_list(&mut self, path: String, name: &str, items: &[Value]) {
        let is_full = self.lists.len() >= MAX_COLUMNS;
        match self.lists.iter_mut().find(|list| list.path == path) {
            Some(list) => list.items.extend(items.iter().cloned()),
            None if !is_full => {
                self.lists.push(List { path, name: name.to_owned(), items: items.to_vec() });
            }
            None => {}
        }
    }
}

impl Column {
    /// Its own name, without those of the objects around it.
    pub(super) fn own_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// How many tenths of the records have it.
    pub(super) fn tenths(&self, n_records: usize) -> usize {
        self.values.len() * 10 / n_records.max(1)
    }

    /// Whether this holds for most of its values.
    pub(super) fn mostly(&self, is: impl Fn(&str) -> bool) -> bool {
        let n = self.values.iter().filter(|value| is(value)).count();
        n > 0 && n * 10 >= self.values.len() * 7
    }

    /// The mean number of characters of its values.
    pub(super) fn length(&self) -> usize {
        let sum: usize = self.values.iter().map(|value| value.chars().count()).sum();
        sum / self.values.len().max(1)
    }
}

/// The path of a member.
pub(super) fn member(path: &str, name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_';
    let begins = name.chars().next().is_some_and(|c| !c.is_numeric());
    if begins && name.chars().all(is_plain) {
        return format!("{path}.{name}");
    }
    let mut escaped = String::new();
    for sign in name.chars() {
        match sign {
            '\'' | '\\' => escaped.extend(['\\', sign]),
            sign if sign.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => escaped.push(sign),
        }
    }
    format!("{path}['{escaped}']")
}
