//! A row as the database gave it: column names and values, nothing interpreted.

use crate::value::Value;

/// One row of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) columns: Vec<(String, Value)>,
    /// All flags say that it was not acknowledged yet.
    pub(crate) pending: bool,
}

impl Row {
    /// The value of a column, whatever the case it was declared in.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let exact = self.columns.iter().find(|(column, _)| column == name);
        exact
            .or_else(|| self.columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    /// The value of a column; `Null` where the row has none.
    pub(crate) fn value(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or(Value::Null)
    }
}
