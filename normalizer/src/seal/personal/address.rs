//! Divides an address into the area (province down to street or town), which is not sealed, and the precise
//! part, which is.

use normalizer_text::{Profile, clean};

use super::{HIDDEN_PART, Personal, doubt_if_partial, without_whitespace};

impl Personal {
    /// An address.
    pub fn address(text: &str) -> Self {
        let plain = clean(text, Profile::Plain).text.into_owned();
        let end = area_end(&plain);
        let (area, precise) = plain.split_at(end);
        let area = area.trim().to_owned();
        let doubt = doubt_if_partial(&plain);
        let is_identity = doubt.is_none() && !precise.trim().is_empty();
        Self {
            kind: "address",
            mask: if precise.is_empty() { area.clone() } else { format!("{area}{HIDDEN_PART}") },
            identity: is_identity.then(|| without_whitespace(&plain)),
            doubt,
            area: (!area.is_empty()).then_some(area),
            plain,
            several: Vec::new(),
        }
    }
}

/// Suffixes of the levels from province down to town. An address may lack some levels.
const LEVELS: [&[&str]; 4] = [
    &["省", "自治区"],
    &["市", "自治州", "盟", "地区"],
    &["自治县", "区", "县", "旗", "市"],
    &["街道办事处", "街道", "镇", "乡"],
];
/// Maximum length of a division's name before its suffix, in characters.
const MAX_NAME_CHARS: usize = 12;
/// If one of these follows a suffix, the suffix is part of another word: 市场 is a market and not a city.
const WORD_ENDINGS: [&str; 10] = ["场", "民", "政", "间", "域", "城", "村", "路", "内", "公"];
/// After one of these characters, 区 means a precise place and not a district: 小区, 园区.
const PLACE_WORDS: [char; 12] =
    ['小', '社', '园', '校', '厂', '院', '片', '景', '库', '住', '宅', '矿'];
/// Characters of precise places. They come after all divisions, so they end the search for a division.
const PRECISE_SIGNS: [char; 16] = [
    '路', '街', '巷', '弄', '号', '栋', '幢', '楼', '室', '村', '组', '桥', '苑', '店', '校', '站',
];

/// Suffixes of divisions of any level, which also end the search.
const SUFFIX_SIGNS: [char; 6] = ['区', '县', '镇', '乡', '市', '省'];

/// The end of the area, in bytes.
fn area_end(address: &str) -> usize {
    let mut end = 0;
    for suffixes in LEVELS {
        end += division(&address[end..], suffixes).unwrap_or(0);
    }
    end
}

/// The length of one division at the beginning of `text`, with its suffix, in bytes; `None` if there is
/// none with these suffixes.
fn division(text: &str, suffixes: &[&str]) -> Option<usize> {
    let suffix_at = |rest: &str| suffixes.iter().find(|suffix| rest.starts_with(**suffix)).copied();
    let mut last = None;
    for (at, c) in text.char_indices().take(MAX_NAME_CHARS) {
        let rest = &text[at..];
        if let (Some(suffix), Some(last)) = (suffix_at(rest), last) {
            let after = &rest[suffix.len()..];
            // The name itself may end with the suffix, as in 许镇镇.
            if after.starts_with(suffix) {
                return Some(at + 2 * suffix.len());
            }
            let is_word = PLACE_WORDS.contains(&last) && suffix.ends_with('区')
                || WORD_ENDINGS.iter().any(|word| after.starts_with(word));
            return (!is_word).then_some(at + suffix.len());
        }
        // A town may be named after a road, as in 沈巷镇 and 中山路街道.
        let is_town_name = suffix_at(&rest[c.len_utf8()..]).is_some();
        let ends_search = PRECISE_SIGNS.contains(&c) && !is_town_name || SUFFIX_SIGNS.contains(&c);
        if !c.is_alphabetic() || last.is_some() && ends_search {
            return None;
        }
        last = Some(c);
    }
    None
}
