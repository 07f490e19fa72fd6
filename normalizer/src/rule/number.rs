//! Whole numbers and yes or no.

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};

use super::CodeRule;
use crate::{
    notes::Notes,
    source::{Record, Source},
};

/// A whole number, or the number of nodes.
#[derive(Debug)]
pub(crate) struct IntRule {
    pub(crate) source: Source,
    pub(crate) counts_nodes: bool,
}

impl IntRule {
    pub(crate) fn read<N: TryFrom<u64>>(&self, record: Record<'_>, notes: &mut Notes) -> Option<N> {
        let number = if self.counts_nodes {
            Some(self.source.count(record, notes)? as u64)
        } else {
            whole(&clean(&self.source.text(record, notes)?, Profile::Code).text)
        };
        let number = number.and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let detail = "not a whole number of the expected size";
            notes.add(self.source.target, QualityFlag::OutOfRange, Some(detail));
        }
        number
    }
}

/// `12`, and `12.0` as a spreadsheet gives it.
fn whole(text: &str) -> Option<u64> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|byte| byte == b'0').then(|| number.parse().ok()).flatten()
}

/// Yes or no. Without a table: 1 and 0, 是 and 否, true and false.
#[derive(Debug)]
pub(crate) struct BoolRule(pub(crate) CodeRule<bool>);

impl BoolRule {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<bool> {
        self.0.read(record, notes).code
    }

    /// Reads one of the words above.
    pub(crate) fn parse(word: &str) -> Option<bool> {
        match word {
            "1" | "是" | "true" => Some(true),
            "0" | "否" | "false" => Some(false),
            _ => None,
        }
    }
}
