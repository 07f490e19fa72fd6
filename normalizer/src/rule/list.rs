//! Lists of labels.

use contract::demand::QualityFlag;
use normalizer_text::Profile;

use super::{CodeRule, text::cleaned};
use crate::{notes::Notes, record::Record};

/// All values that the path finds.
#[derive(Debug)]
pub(crate) struct ListRule<T> {
    pub(crate) each: CodeRule<T>,
    /// What becomes of a label that is in no table: kept as it is, or dropped.
    pub(crate) unknown: fn(String) -> Option<T>,
}

const SEPARATORS: [char; 7] = [',', '，', '、', ';', '；', '|', '\n'];

impl<T: PartialEq> ListRule<T> {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Vec<T> {
        let source = &self.each.source;
        let mut list = Vec::new();
        for text in source.all(record, notes) {
            for part in text.split(SEPARATORS) {
                let Some(label) = cleaned(part, Profile::Plain, source.target, notes) else {
                    continue;
                };
                let item = self.each.find(&label, record).or_else(|| {
                    notes.add(source.target, QualityFlag::UnknownCode, None);
                    (self.unknown)(label.into_owned())
                });
                list.extend(item.filter(|item| !list.contains(item)));
            }
        }
        list
    }
}
