//! Administrative divisions (GB/T 2260): the codes in force, and the old ones still met in data.

use std::collections::HashMap;

use super::load::{CodesProblem, File};

/// The divisions that are known. A code with `old_of` is no longer in force and stands for another.
#[derive(Debug)]
pub struct RegionTable {
    /// Six digits to the code in force, which is itself for a current one.
    current: HashMap<String, String>,
}

/// What a source's code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region<'a> {
    /// In force, as given (6, 9 or 12 digits).
    Current(&'a str),
    /// No longer in force; this is the county it belongs to today. Finer digits are dropped: streets
    /// were numbered anew.
    Outdated(&'a str),
    /// Not in the table.
    Unknown,
}

impl RegionTable {
    pub(super) fn parse(file: &File, problems: &mut Vec<CodesProblem>) -> Option<Self> {
        let rows = file.rows(&[&["code", "name", "old_of"]], problems)?;
        let before = problems.len();
        let mut current = HashMap::new();
        for row in &rows {
            let [code, _, old_of] = row.cells.as_slice() else { continue };
            let target = if old_of.is_empty() { code } else { old_of };
            if [code, target].iter().any(|code| !is_six_digits(code)) {
                file.fail::<()>(row.line, "a code has six digits".into(), problems);
            }
            if current.insert(code.clone(), target.clone()).is_some() {
                file.fail::<()>(row.line, format!("`{code}` is there twice"), problems);
            }
        }
        for row in &rows {
            let target = &row.cells[2];
            if !target.is_empty() && current.get(target) != Some(target) {
                let message = format!("old_of `{target}` is not a code in force in this table");
                file.fail::<()>(row.line, message, problems);
            }
        }
        (problems.len() == before).then_some(Self { current })
    }

    /// Looks up 4, 6, 9 or 12 digits.
    pub fn find<'a>(&'a self, digits: &'a str) -> Region<'a> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Region::Unknown;
        }
        let Some(county) = digits.get(..6) else {
            return match self.current.get_key_value(&format!("{digits}00")) {
                Some((code, _)) if digits.len() == 4 => Region::Current(code),
                _ => Region::Unknown,
            };
        };
        let Some(current) = self.current.get(county) else { return Region::Unknown };
        let width = match digits.len() {
            6 | 9 | 12 => significant(digits),
            _ => return Region::Unknown,
        };
        if current == county {
            Region::Current(&digits[..width])
        } else {
            Region::Outdated(current)
        }
    }

    /// Its content without form, for a fingerprint.
    pub(crate) fn content(&self) -> Vec<(&str, &str)> {
        let mut rows: Vec<_> =
            self.current.iter().map(|(code, now)| (code.as_str(), now.as_str())).collect();
        rows.sort_unstable();
        rows
    }
}

/// Length without the groups of zeros that only fill a code up.
fn significant(digits: &str) -> usize {
    let mut width = digits.len();
    while width > 6 && digits[..width].ends_with("000") {
        width -= 3;
    }
    width
}

fn is_six_digits(code: &str) -> bool {
    code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_width_is_understood_and_old_codes_lead_to_todays() {
        let rows = "code,name,old_of\n320500,a,\n330100,b,\n340202,c,\n340209,d,\n340208,e,340209\n\
                    340210,f,\n340221,g,340210\n";
        let file = File { name: "region".into(), path: PathBuf::new(), bytes: rows.into() };
        let mut problems = Vec::new();
        let table = RegionTable::parse(&file, &mut problems).unwrap();
        for (given, expected) in [
            ("3205", Region::Current("320500")),
            ("340202", Region::Current("340202")),
            ("330100000000", Region::Current("330100")),
            ("340202000", Region::Current("340202")),
            ("340202001000", Region::Current("340202001")),
            ("340202001", Region::Current("340202001")),
            ("340202001017", Region::Current("340202001017")),
            ("340221", Region::Outdated("340210")),
            ("340208", Region::Outdated("340209")),
            ("340221101000", Region::Outdated("340210")),
            ("3402021", Region::Unknown),
            ("34020", Region::Unknown),
            ("3402", Region::Unknown),
            ("999999", Region::Unknown),
            ("", Region::Unknown),
            ("镜湖区", Region::Unknown),
            ("3402020000000000000000000000", Region::Unknown),
        ] {
            assert_eq!(table.find(given), expected, "{given}");
        }
    }
}
