//! Administrative divisions.

use std::sync::Arc;

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};
use serde_json::Value;

use super::Coded;
use crate::{
    codes::{Region, RegionTable},
    notes::Notes,
    source::Source,
};

/// A code of GB/T 2260 in any of its widths, old or new.
#[derive(Debug)]
pub(crate) struct RegionRule {
    pub(crate) source: Source,
    pub(crate) table: Arc<RegionTable>,
}

impl RegionRule {
    pub(crate) fn read(&self, tree: &Value, notes: &mut Notes) -> Coded<String> {
        let Some(raw) = self.source.text(tree, notes) else {
            return Coded { code: None, raw: None };
        };
        let digits = clean(&raw, Profile::Code).text;
        let target = self.source.target;
        let code = match self.table.find(&digits) {
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
        Coded { code, raw: Some(clean(&raw, Profile::Plain).text.into_owned()) }
    }
}
