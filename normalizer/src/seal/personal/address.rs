//! Addresses: the area, and the precise part.

use normalizer_text::{Profile, clean};

use super::{HIDDEN, Personal, compact, masked_doubt};

impl Personal {
    /// An address.
    pub fn address(text: &str) -> Self {
        let plain = clean(text, Profile::Plain).text.into_owned();
        let end = area_end(&plain);
        let (area, precise) = plain.split_at(end);
        let area = area.trim().to_owned();
        let doubt = masked_doubt(&plain);
        let is_identity = doubt.is_none() && !precise.trim().is_empty();
        Self {
            kind: "address",
            mask: if precise.is_empty() { area.clone() } else { format!("{area}{HIDDEN}") },
            identity: is_identity.then(|| compact(&plain)),
            doubt,
            area: (!area.is_empty()).then_some(area),
            plain,
        }
    }
}

/// Suffixes from province down to town; a level may be missing.
const LEVELS: [&[&str]; 4] = [
    &["省", "自治区"],
    &["市", "自治州", "盟", "地区"],
    &["自治县", "区", "县", "旗", "市"],
    &["街道办事处", "街道", "镇", "乡"],
];
/// Maximum length of a division's name before its suffix, in characters.
const LONGEST: usize = 12;
/// Characters after a suffix that make it the beginning of another word.
const CONTINUED: [&str; 10] = ["场", "民", "政", "间", "域", "城", "村", "路", "内", "公"];
/// Characters of other kinds of areas, which are precise.
const OTHER_AREAS: [char; 12] =
    ['小', '社', '园', '校', '厂', '院', '片', '景', '库', '住', '宅', '矿'];
/// Characters that occur only after the names of divisions.
const PRECISE: [char; 16] = [
    '路', '街', '巷', '弄', '号', '栋', '幢', '楼', '室', '村', '组', '桥', '苑', '店', '校', '站',
];

/// Suffixes of other levels.
const SUFFIX_SIGNS: [char; 6] = ['区', '县', '镇', '乡', '市', '省'];

/// Where the part down to street or town level ends, in bytes.
fn area_end(address: &str) -> usize {
    let mut end = 0;
    for suffixes in LEVELS {
        end += division(&address[end..], suffixes).unwrap_or(0);
    }
    end
}

/// Length of one division with its suffix.
fn division(text: &str, suffixes: &[&str]) -> Option<usize> {
    let suffix_at = |rest: &str| suffixes.iter().find(|suffix| rest.starts_with(**suffix)).copied();
    let mut last = None;
    for (at, c) in text.char_indices().take(LONGEST) {
        let rest = &text[at..];
        if let (Some(suffix), Some(last)) = (suffix_at(rest), last) {
            let after = &rest[suffix.len()..];
            // 许镇镇: the name itself ends like a suffix.
            if after.starts_with(suffix) {
                return Some(at + 2 * suffix.len());
            }
            let is_other = OTHER_AREAS.contains(&last) && suffix.ends_with('区')
                || CONTINUED.iter().any(|word| after.starts_with(word));
            return (!is_other).then_some(at + suffix.len());
        }
        // 沈巷镇, 中山路街道: a road gave the town its name.
        let names_the_town = suffix_at(&rest[c.len_utf8()..]).is_some();
        let is_behind = PRECISE.contains(&c) && !names_the_town || SUFFIX_SIGNS.contains(&c);
        if !c.is_alphabetic() || last.is_some() && is_behind {
            return None;
        }
        last = Some(c);
    }
    None
}
