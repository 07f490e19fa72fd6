//! What is doubtful in the record at hand.

use contract::demand::{Quality, QualityFlag};

/// The doubts found so far, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Quality>);

impl Notes {
    /// Notes a doubt. `detail` names rules, places and numbers: it never quotes a value.
    pub(crate) fn add(&mut self, field: &str, flag: QualityFlag, detail: Option<&str>) {
        let known = self.0.iter().any(|note| {
            note.field == field && note.flag == flag && note.detail.as_deref() == detail
        });
        if !known {
            let detail = detail.map(str::to_owned);
            self.0.push(Quality { field: field.to_owned(), flag, detail });
        }
    }

    /// Field and flag of every doubt, for the digest: the wording of a detail is not content.
    pub(crate) fn flags(&self) -> Vec<(&str, QualityFlag)> {
        self.0.iter().map(|note| (note.field.as_str(), note.flag)).collect()
    }

    pub(crate) fn into_quality(self) -> Vec<Quality> {
        self.0
    }
}
