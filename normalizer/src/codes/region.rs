//! Administrative divisions (GB/T 2260): the codes in force, and old codes that still occur in data.

use std::collections::{BTreeSet, HashMap};

use contract::Timestamp;

use super::{
    Difference,
    load::{CodeFile, CodesProblem, Columns},
    period::{Period, valid_row},
};

/// The table of divisions. A row with `old_of` is for an old code; `old_of` is the code in force that replaced
/// it.
#[derive(Debug, Clone, Default)]
pub struct RegionTable {
    /// By code; the rows of one code have different periods.
    rows: HashMap<String, Vec<Division>>,
    /// The codes, by name or alias.
    names: HashMap<String, Vec<String>>,
    /// Length of the longest name, in characters.
    max_chars: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Division {
    name: String,
    /// The code that replaced it; its own code if it is in force.
    new_code: String,
    aliases: String,
    period: Period,
}

/// The division that a code or name of a source means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region<'a> {
    /// A code that is in force, with the digits that the source gave: 6, 9 or 12.
    Current(&'a str),
    /// A code or name that is no longer in force. The value is the code that replaced it: of a street only if
    /// the street has a row of its own, otherwise of its county, because streets were renumbered.
    Outdated(&'a str),
    /// A code or name that is not in the table, or an ambiguous name.
    Unknown,
}

/// A name at the start of a text.
struct Leading<'a, 't> {
    text: &'t str,
    /// Its code in the table.
    code: &'a str,
    /// The code in force that it leads to.
    new_code: &'a str,
}

impl<'a> Region<'a> {
    /// What a code of the table means, with the code in force that it leads to.
    fn of((code, new_code): (&'a str, &'a str)) -> Self {
        match code == new_code {
            true => Self::Current(code),
            false => Self::Outdated(new_code),
        }
    }
}

const COLUMNS: Columns = Columns {
    required: &["code", "name", "old_of"],
    optional: &["aliases", "from", "until", "note"],
    checked: &["code", "old_of"],
};
/// Labels of census tables for the level between a city and its districts. They do not name a division.
const LEVEL_LABELS: [&str; 4] = ["市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"];

impl RegionTable {
    /// Parses a file, whose rows override those of the shipped table.
    pub(super) fn parse(
        file: &CodeFile,
        shipped: Option<&Self>,
        problems: &mut Vec<CodesProblem>,
    ) -> Self {
        let mut rows: HashMap<String, Vec<Division>> = HashMap::new();
        let mut targets = Vec::new();
        file.rows(&COLUMNS, problems, |row, problems| {
            let (code, old_of) = (row.get("code"), row.get("old_of"));
            let new_code = if old_of.is_empty() { code } else { old_of };
            if [code, new_code].iter().any(|code| !is_code(code)) {
                file.report(row.line, "a code has six digits (nine for a street)".into(), problems);
            }
            let period = match Period::parse(row.get("from"), row.get("until")) {
                Ok(period) => period,
                Err(message) => return file.report(row.line, message, problems),
            };
            let known = rows.entry(code.to_owned()).or_default();
            if known.iter().any(|other| other.period.overlaps(period)) {
                file.report(row.line, format!("`{code}` occurs twice; remove one row"), problems);
            }
            let (name, aliases) = (row.get("name").to_owned(), row.get("aliases").to_owned());
            known.push(Division { name, new_code: new_code.to_owned(), aliases, period });
            if new_code != code {
                targets.push((row.line, new_code.to_owned()));
            }
        });
        let mut table = Self { rows, ..Self::default() };
        if let Some(shipped) = shipped {
            for (code, divisions) in &shipped.rows {
                table.rows.entry(code.clone()).or_insert_with(|| divisions.clone());
            }
        }
        for (line, new_code) in targets {
            if !table.is_in_force(&new_code) {
                let message =
                    format!("`old_of` is `{new_code}`; write a code in force in this table");
                file.report(line, message, problems);
            }
        }
        table.index();
        table
    }

    /// Computes `names` and `max_chars`.
    fn index(&mut self) {
        for (code, divisions) in &self.rows {
            for division in divisions {
                let aliases = division.aliases.split('|').map(str::trim);
                for name in aliases.chain([division.name.as_str()]) {
                    if !name.is_empty() && !LEVEL_LABELS.contains(&name) {
                        self.names.entry(name.to_owned()).or_default().push(code.clone());
                    }
                }
            }
        }
        self.names.values_mut().for_each(|codes| codes.sort_unstable());
        self.max_chars = self.names.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    }

    /// Whether this is a code in force.
    pub(crate) fn is_in_force(&self, code: &str) -> bool {
        self.rows.get(code).is_some_and(|rows| rows.iter().any(|row| row.new_code == code))
    }

    /// Looks up a code with 4, 6, 9 or 12 digits, with its meaning at a time; the newest if `at` is `None`.
    pub fn find<'a>(&'a self, digits: &'a str, at: Option<Timestamp>) -> Region<'a> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Region::Unknown;
        }
        let Some(county) = digits.get(..6) else {
            let city = Some(format!("{digits}00")).filter(|_| digits.len() == 4);
            let found = city.and_then(|city| self.look_up(&city, at));
            return found.map_or(Region::Unknown, Region::of);
        };
        let width = match digits.len() {
            6 | 9 | 12 => significant_len(digits),
            _ => return Region::Unknown,
        };
        // A street has a row of its own only if it was moved or renamed. All others follow their county.
        let street = digits.get(..9).filter(|_| width > 6).and_then(|s| self.look_up(s, at));
        if let Some((street, new_code)) = street
            && street != new_code
        {
            return Region::Outdated(new_code);
        }
        match self.look_up(county, at) {
            Some((county, new_code)) if county == new_code => Region::Current(&digits[..width]),
            found => found.map_or(Region::Unknown, Region::of),
        }
    }

    /// The code as the table stores it, and the code in force that it leads to. They are equal if the code is
    /// in force.
    fn look_up(&self, code: &str, at: Option<Timestamp>) -> Option<(&str, &str)> {
        let (code, rows) = self.rows.get_key_value(code)?;
        let row = valid_row(rows, |row| row.period, at)?;
        Some((code, &row.new_code))
    }

    /// Looks up a name, or several names from the largest division down: `安徽省 芜湖市`, `镜湖区`. If several
    /// divisions have a name, a larger one must come before it in the text, or it must be a part of the
    /// division with the code `within`. Text after the last name is ignored, such as a road, unless it may
    /// change what the name means: `中山路` is not in 中山, `芜湖市以外` is not 芜湖市, and `镜湖区、弋江区` is not
    /// only the first of the two.
    pub fn find_name(&self, text: &str, within: Option<&str>) -> Region<'_> {
        let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let in_division = within.and_then(|code| self.read_names(&text, prefix(code)));
        in_division.or_else(|| self.read_names(&text, "")).unwrap_or(Region::Unknown)
    }

    /// Reads names from the start of `text`, each of a division inside the one before it, and returns the last
    /// one. Their codes must begin with `scope`.
    fn read_names(&self, text: &str, scope: &str) -> Option<Region<'_>> {
        let (mut unread, mut scope, mut found) = (text, scope, None);
        while let Some(name) = self.leading_name(unread, scope) {
            unread = &unread[name.text.len()..];
            scope = prefix(name.new_code);
            found = Some(name);
        }
        let name = found?;
        let is_alias = !self.rows[name.code].iter().any(|row| row.name == name.text);
        let is_changed = !unread.is_empty() && is_alias || is_outside(unread);
        // A street of this name may exist in any city: only a county or a larger division contradicts.
        let contradicts = |next: Leading<'_, '_>| {
            let is_official = self.rows[next.code].iter().any(|row| row.name == next.text);
            next.code.len() == 6 && is_official && next.new_code != name.new_code
        };
        let is_followed = self.leading_name(unread, "").is_some_and(contradicts);
        (!is_changed && !is_followed).then(|| Region::of((name.code, name.new_code)))
    }

    /// The longest name at the start of `text` that only one division in the scope has.
    fn leading_name<'t>(&self, text: &'t str, scope: &str) -> Option<Leading<'_, 't>> {
        let ends: Vec<_> =
            text.char_indices().take(self.max_chars).map(|(at, c)| at + c.len_utf8()).collect();
        ends.into_iter().rev().find_map(|end| {
            let text = &text[..end];
            let codes = self.names.get(text)?;
            let inside = codes.iter().filter_map(|code| self.look_up(code, None));
            let is_inside = |code: &str| code.starts_with(scope) && prefix(code) != scope;
            let inside: Vec<_> = inside.filter(|(_, new_code)| is_inside(new_code)).collect();
            let new_codes: BTreeSet<_> = inside.iter().map(|(_, new_code)| *new_code).collect();
            // A current name is preferred to a former one of the same division.
            let best = inside.iter().find(|(code, new_code)| code == new_code).or(inside.first());
            let (code, new_code) = *best.filter(|_| new_codes.len() == 1)?;
            Some(Leading { text, code, new_code })
        })
    }

    /// The codes of this table whose rows differ from the shipped ones.
    pub(super) fn differences(&self, shipped: &Self) -> Vec<Difference> {
        let describe = |rows: &[Division]| {
            let all = rows.iter().map(|row| format!("{} {}", row.new_code, row.name));
            all.collect::<Vec<_>>().join(", ")
        };
        let mut all: Vec<_> = self
            .rows
            .iter()
            .filter(|(code, rows)| shipped.rows.get(*code) != Some(*rows))
            .map(|(code, rows)| Difference {
                table: "region".to_owned(),
                raw: code.clone(),
                shipped: shipped.rows.get(code).map(|rows| describe(rows)),
                here: describe(rows),
            })
            .collect();
        all.sort_by(|a, b| a.raw.cmp(&b.raw));
        all
    }

    /// The content, for a fingerprint.
    pub(crate) fn content(&self) -> impl serde::Serialize {
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .flat_map(|(code, rows)| rows.iter().map(move |row| (code, row)))
            .map(|(code, row)| (code, &row.new_code, &row.name, &row.aliases, row.period.content()))
            .collect();
        rows.sort_unstable();
        rows
    }
}

/// Whether the text after a name says that a place is not in the division.
fn is_outside(text: &str) -> bool {
    text == "外" || text.starts_with("以外") || text.starts_with("之外")
}

/// The prefix that the codes of all divisions inside a division have in common.
fn prefix(code: &str) -> &str {
    if code.len() > 6 {
        return code;
    }
    code.strip_suffix("0000").or_else(|| code.strip_suffix("00")).unwrap_or(code)
}

/// The length of a code without trailing groups of three zeros, but at least 6.
fn significant_len(digits: &str) -> usize {
    let mut width = digits.len();
    while width > 6 && digits[..width].ends_with("000") {
        width -= 3;
    }
    width
}

fn is_code(code: &str) -> bool {
    matches!(code.len(), 6 | 9) && code.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
