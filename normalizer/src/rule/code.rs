//! Codes, and lists of them.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};

use super::text::cleaned;
use crate::{
    codes::CodeTable,
    notes::Notes,
    source::{Record, Source},
};

/// A label of the source and what it means.
#[derive(Debug)]
pub(crate) struct CodeRule<T> {
    pub(crate) source: Source,
    /// Absent where the source writes our codes already.
    pub(crate) table: Option<Arc<CodeTable>>,
    /// The longest beginning of a label that is in the table decides.
    pub(crate) by_prefix: bool,
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
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Coded<T> {
        let nothing = Coded { code: None, raw: None };
        let Some(found) = self.source.first(record, notes) else { return nothing };
        let target = self.source.target;
        let raw = cleaned(&found.text, Profile::Plain, target, notes);
        let Some(raw) = raw else { return nothing };
        let code = self.find(&raw, record);
        if code.is_none() {
            notes.add(target, QualityFlag::UnknownCode, None);
        }
        // Of a value that is ours the source said nothing.
        let raw = found.is_said.then(|| raw.into_owned());
        Coded { code, raw }
    }

    /// The meaning of a label.
    pub(crate) fn find(&self, raw: &str, record: Record<'_>) -> Option<T> {
        let Some(table) = &self.table else { return (self.parse)(raw) };
        let look_up = |label: &str| table.find(label, self.by_prefix, record.received_at);
        // Full-width digits and stray blanks do not make another label.
        let code = look_up(raw).or_else(|| look_up(&clean(raw, Profile::Code).text));
        (self.parse)(code?)
    }
}

/// All values that the path finds.
#[derive(Debug)]
pub(crate) struct ListRule<T> {
    pub(crate) each: CodeRule<T>,
    /// What becomes of a label that is in no table: kept as it is, or dropped.
    pub(crate) unknown: fn(String) -> Option<T>,
}

const SEPARATORS: [char; 7] = [',', '，', '、', ';', '；', '|', '\n'];

impl<T: Clone + Eq + Hash> ListRule<T> {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Vec<T> {
        let source = &self.each.source;
        let (mut list, mut known) = (Vec::new(), HashSet::new());
        for text in source.all(record, notes) {
            for part in text.split(SEPARATORS) {
                let Some(label) = cleaned(part, Profile::Plain, source.target, notes) else {
                    continue;
                };
                let item = self.each.find(&label, record).or_else(|| {
                    notes.add(source.target, QualityFlag::UnknownCode, None);
                    (self.unknown)(label.into_owned())
                });
                list.extend(item.filter(|item| known.insert(item.clone())));
            }
        }
        list
    }
}
