//! Rules for codes, lists of codes, and administrative divisions.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};

use super::{Rule, text::cleaned};
use crate::{
    codes::{CodeTable, Region, RegionTable},
    notes::Notes,
    source::{FieldSource, Record},
};

/// Translates a label of the source into a code.
pub(crate) struct CodeRule<T> {
    pub(crate) source: FieldSource,
    /// `None` if the source already writes our codes.
    pub(crate) table: Option<Arc<CodeTable>>,
    /// Whether the longest label in the table that is a prefix of the source's label is used.
    pub(crate) by_prefix: bool,
    /// Parses a code of the demand's field.
    pub(crate) parse: fn(&str) -> Option<T>,
}

/// A code, and the label as the source wrote it. The code is `None` if the label is unknown, and the label
/// is `None` if the value is a constant or a default.
pub(crate) struct Coded<T> {
    pub(crate) code: Option<T>,
    pub(crate) raw: Option<String>,
}

impl<T> CodeRule<T> {
    /// Reads the label and its code; an unknown label is flagged.
    pub(crate) fn coded(&self, record: Record<'_>, notes: &mut Notes) -> Option<Coded<T>> {
        let value = self.source.first(record, notes)?;
        let target = self.source.target;
        let raw = cleaned(&value.text, Profile::Plain, target, notes)?;
        let code = self.find(&raw, record);
        if code.is_none() {
            notes.add(target, QualityFlag::UnknownCode, None);
        }
        // A constant or a default is not a label of the source.
        let raw = value.is_from_source.then(|| raw.into_owned());
        Some(Coded { code, raw })
    }

    /// The code of a label; `None` if it is unknown.
    pub(crate) fn find(&self, raw: &str, record: Record<'_>) -> Option<T> {
        let Some(table) = &self.table else { return (self.parse)(raw) };
        let look_up = |label: &str| table.find(label, self.by_prefix, record.received_at);
        // A label with full-width digits or extra spaces is the same label.
        let code = look_up(raw).or_else(|| look_up(&clean(raw, Profile::Code).text));
        (self.parse)(code?)
    }
}

impl<T: 'static> Rule<T> for CodeRule<T> {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<T> {
        self.coded(record, notes)?.code
    }
}

/// Parses yes or no, if the field has no code table.
pub(crate) fn yes_or_no(word: &str) -> Option<bool> {
    match word {
        "1" | "是" | "true" => Some(true),
        "0" | "否" | "false" => Some(false),
        _ => None,
    }
}

/// Reads all values that the path finds, as a list without duplicates. Each text is split at
/// [`SEPARATORS`].
pub(crate) struct ListRule<T> {
    pub(crate) each: CodeRule<T>,
    /// The item for an unknown label; `None` to drop it.
    pub(crate) unknown: fn(String) -> Option<T>,
}

const SEPARATORS: [char; 7] = [',', '，', '、', ';', '；', '|', '\n'];

impl<T: Clone + Eq + Hash + 'static> Rule<Vec<T>> for ListRule<T> {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Vec<T>> {
        let source = &self.each.source;
        let (mut list, mut known) = (Vec::new(), HashSet::new());
        for text in source.texts(record, notes) {
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
        Some(list)
    }
}

/// Reads a code of GB/T 2260 of any width, old or new, or the name of a division.
pub(crate) struct RegionRule {
    pub(crate) source: FieldSource,
    pub(crate) table: Arc<RegionTable>,
    /// The division in which a name is looked up first.
    pub(crate) within: Option<String>,
}

impl RegionRule {
    /// Reads the division; an old or unknown code is flagged.
    pub(crate) fn coded(&self, record: Record<'_>, notes: &mut Notes) -> Option<Coded<String>> {
        let value = self.source.first(record, notes)?;
        let digits = clean(&value.text, Profile::Code).text;
        let name = cleaned(&value.text, Profile::Plain, self.source.target, notes)?;
        let region = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.table.find(&digits, record.received_at)
        } else {
            self.table.find_name(&name, self.within.as_deref())
        };
        let (code, doubt) = match region {
            Region::Current(code) => (Some(code.to_owned()), None),
            Region::Outdated(new_code) => {
                (Some(new_code.to_owned()), Some(QualityFlag::OutdatedRegion))
            }
            Region::Unknown => (None, Some(QualityFlag::UnknownCode)),
        };
        if let Some(flag) = doubt {
            notes.add(self.source.target, flag, None);
        }
        let raw = value.is_from_source.then(|| name.into_owned());
        Some(Coded { code, raw })
    }
}
