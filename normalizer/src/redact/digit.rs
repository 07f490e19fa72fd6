//! The digits of all scripts, and those that people write or say instead: `①`, 壹, 幺.

/// The zeros of the scripts with decimal digits (general category Nd), sorted.
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
    0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];
/// The ones of other rows of nine digits, sorted: `²` is not among them.
const ONES: [char; 14] = ['₁', 'Ⅰ', 'ⅰ', '①', '⑴', '⒈', '⓵', '❶', '➀', '➊', '〡', '㈠', '㊀', '🄂'];

/// The value of a digit.
pub(super) fn digit(c: char) -> Option<u32> {
    if c.is_ascii() { c.to_digit(10) } else { decimal(c).or_else(|| word(c)) }
}

/// Whether this is a digit of a decimal script, such as ASCII. Chinese digits and those in circles are
/// not: beside other digits, they belong to another word, as in 13800001234一楼.
pub(super) fn is_decimal(c: char) -> bool {
    c.is_ascii_digit() || decimal(c).is_some()
}

/// Whether this is a digit that is not decimal, such as 三.
pub(super) fn is_word_digit(c: char) -> bool {
    !c.is_ascii() && decimal(c).is_none() && word(c).is_some()
}

fn decimal(c: char) -> Option<u32> {
    let zero = ZEROS.partition_point(|zero| *zero <= u32::from(c)).checked_sub(1)?;
    Some(u32::from(c) - ZEROS.get(zero)?).filter(|value| *value < 10)
}

fn word(c: char) -> Option<u32> {
    Some(match c {
        // 洞, 拐 and 勾 are said on radio and telephone.
        '零' | '〇' | '洞' | '○' | '⓪' | '⓿' | '⁰' | '₀' | '🄀' | '🄁' | '🄋' | '🄌' => {
            0
        }
        '一' | '壹' | '弌' | '幺' | '¹' => 1,
        '二' | '贰' | '貳' | '弍' | '两' | '兩' | '²' => 2,
        '三' | '叁' | '參' | '弎' | '³' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' | '拐' => 7,
        '八' | '捌' => 8,
        '九' | '玖' | '勾' => 9,
        '⁴'..='⁹' => u32::from(c) - u32::from('⁴') + 4,
        _ => {
            let one = ONES.partition_point(|one| *one <= c).checked_sub(1)?;
            let offset = u32::from(c) - u32::from(*ONES.get(one)?);
            (offset < 9).then_some(offset + 1)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_scripts_have_their_value() {
        let rows = [
            "0123456789",
            "０１２３４５６７８９",
            "٠١٢٣٤٥٦٧٨٩",
            "༠༡༢༣༤༥༦༧༨༩",
            "᠐᠑᠒᠓᠔᠕᠖᠗᠘᠙",
            "०१२३४५६७८९",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
            "🯰🯱🯲🯳🯴🯵🯶🯷🯸🯹",
            "零一二三四五六七八九",
            "〇幺两三四五六拐八勾",
            "零壹貳參肆伍陸柒捌玖",
            "⓪①②③④⑤⑥⑦⑧⑨",
            "⓿❶❷❸❹❺❻❼❽❾",
            "⓪⓵⓶⓷⓸⓹⓺⓻⓼⓽",
            "🄋➀➁➂➃➄➅➆➇➈",
            "🄌➊➋➌➍➎➏➐➑➒",
            "⁰¹²³⁴⁵⁶⁷⁸⁹",
            "₀₁₂₃₄₅₆₇₈₉",
            "〇〡〢〣〤〥〦〧〨〩",
            "零㈠㈡㈢㈣㈤㈥㈦㈧㈨",
            "零㊀㊁㊂㊃㊄㊅㊆㊇㊈",
            "🄁🄂🄃🄄🄅🄆🄇🄈🄉🄊",
            "0ⅠⅡⅢⅣⅤⅥⅦⅧⅨ",
        ];
        for row in rows {
            assert!(row.chars().map(digit).eq((0..10).map(Some)), "{row}");
        }
        assert!(ZEROS.is_sorted() && ONES.is_sorted());
        assert!("aX十百千⑩Ⅹ⑽㉈〸½王。 ".chars().all(|c| digit(c).is_none()));
    }
}
