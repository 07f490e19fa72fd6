//! Administrative divisions.

use std::sync::Arc;

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};

use super::Coded;
use crate::{
    codes::{Region, RegionTable},
    notes::Notes,
    source::{Record, Source},
};

/// A code of GB/T 2260 in any of its widths, old or new, or a name.
#[derive(Debug)]
pub(crate) struct RegionRule {
    pub(crate) source: Source,
    pub(crate) table: Arc<RegionTable>,
    /// Where a name is looked for first.
    pub(crate) within: Option<String>,
}

impl RegionRule {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Coded<String> {
        let Some(found) = self.source.first(record, notes) else {
            return Coded { code: None, raw: None };
        };
        let digits = clean(&found.text, Profile::Code).text;
        let target = self.source.target;
        let region = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.table.find(&digits, record.received_at)
        } else {
            self.table.find_name(&found.text, self.within.as_deref())
        };
        let code = match region {
            Region::Current(code) => Some(code.to_owned()),
            Region::Outdated(current) => {
                notes.add(target, QualityFlag::OutdatedRegion, None);
                Some(current.to_owned())
            }
            Region::Unknown => {
                notes.add(target, QualityFlag::UnknownCode, None);
                None
            }
        };
        let raw = found.is_said.then(|| clean(&found.text, Profile::Plain).text.into_owned());
        Coded { code, raw }
    }
}
