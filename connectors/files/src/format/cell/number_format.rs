//! What a number format of a workbook makes of a number.

/// What a number format shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::format) enum NumberFormat {
    /// The number, perhaps rounded, with separators or a unit.
    #[default]
    Plain,
    /// A date, a time of day, or both.
    Date,
    /// A duration: `[h]:mm:ss`.
    Elapsed,
    /// A whole number with leading zeros between fixed texts: `000000` or `"WQ"0000`.
    Padded { before: String, n_digits: usize, after: String },
    /// The workbook names a format that it does not have.
    Unknown,
}

impl NumberFormat {
    /// The format that every workbook has under this number, in the Chinese version of Excel.
    pub(in crate::format) fn builtin(id: u32) -> Self {
        match id {
            14..=22 | 27..=36 | 45 | 47 | 50..=58 => Self::Date,
            46 => Self::Elapsed,
            _ => Self::Plain,
        }
    }

    /// The format with this code, of which only the first section counts: `yyyy"年"m"月";@`.
    pub(in crate::format) fn of_code(code: &str) -> Self {
        // The code without fixed texts, and these texts before and after the first digit.
        let (mut symbols, mut before, mut after) = (String::new(), String::new(), String::new());
        let (mut chars, mut has_gap) = (code.chars(), false);
        while let Some(c) = chars.next() {
            let fixed: String = match c {
                ';' => break,
                '"' => chars.by_ref().take_while(|c| *c != '"').collect(),
                '\\' => chars.next().into_iter().collect(),
                // The width or the repetition of a character.
                '_' | '*' => {
                    chars.next();
                    continue;
                }
                // A colour, a condition, a currency and language, or a duration.
                '[' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    if !inside.is_empty() && inside.chars().all(|c| "hmsHMS".contains(c)) {
                        return Self::Elapsed;
                    }
                    continue;
                }
                _ => {
                    symbols.extend(c.to_lowercase());
                    has_gap |= !after.is_empty();
                    continue;
                }
            };
            if symbols.is_empty() { before.push_str(&fixed) } else { after.push_str(&fixed) }
        }
        let has = |part: &str| symbols.contains(part);
        let is_number = has("general") || has("standard") || has("e+") || has("e-");
        if is_number || symbols.contains(['#', '?', '@']) {
            return Self::Plain;
        }
        // An `e` is a year too. Three or four `a` are a day of the week.
        if symbols.contains(['y', 'm', 'd', 'h', 's', 'e']) || has("aaa") {
            return Self::Date;
        }
        let n_digits = symbols.len();
        let is_run = !has_gap && symbols.chars().all(|c| c == '0');
        if is_run && (2..=15).contains(&n_digits) {
            Self::Padded { before, n_digits, after }
        } else {
            Self::Plain
        }
    }
}
