//! Codes.

use std::sync::Arc;

use contract::demand::QualityFlag;
use normalizer_text::Profile;
use serde_json::Value;

use super::text::cleaned;
use crate::{codes::CodeTable, notes::Notes, source::Source};

/// A label of the source and what it means.
#[derive(Debug)]
pub(crate) struct CodeRule<T> {
    pub(crate) source: Source,
    /// Absent where the source writes our codes already.
    pub(crate) table: Option<Arc<CodeTable>>,
    /// Reads a code of the target.
    pub(crate) parse: fn(&str) -> Option<T>,
}

/// Meaning and label; a label without a meaning is kept as it came.
#[derive(Debug)]
pub(crate) struct Coded<T> {
    pub(crate) code: Option<T>,
    pub(crate) raw: Option<String>,
}

impl<T> CodeRule<T> {
    pub(crate) fn read(&self, tree: &Value, notes: &mut Notes) -> Coded<T> {
        let nothing = Coded { code: None, raw: None };
        let Some(value) = self.source.first(tree) else { return nothing };
        let Some(raw) = self.source.scalar(value, notes) else { return nothing };
        let target = self.source.target;
        let Some(raw) = cleaned(&raw, Profile::Plain, target, notes) else { return nothing };
        let code = self.find(&raw);
        if code.is_none() {
            notes.add(target, QualityFlag::UnknownCode, None);
        }
        // A fixed value is ours: the source said nothing.
        let raw = self.source.constant.is_none().then(|| raw.into_owned());
        Coded { code, raw }
    }

    /// The meaning of a label.
    pub(crate) fn find(&self, raw: &str) -> Option<T> {
        let Some(table) = &self.table else { return (self.parse)(raw) };
        let code = match table.get(raw) {
            Some(code) => Some(code),
            // Full-width digits and stray blanks do not make another label.
            None => table.get(&normalizer_text::clean(raw, Profile::Code).text),
        };
        (self.parse)(code?)
    }
}
