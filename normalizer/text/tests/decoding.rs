//! Bytes are decoded exactly, and malformed sequences are reported with their positions.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use normalizer_text::{Charset, Decoded, Span, decode_column, decode_strict};
use proptest::prelude::*;

const CHARSETS: [Charset; 4] =
    [Charset::Utf8, Charset::Gb18030, Charset::Big5, Charset::Windows1252];

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex.replace(' ', "")).unwrap()
}

/// Checks that decoding gives this text and no findings.
fn check(charset: Charset, hex: &str, text: &str) {
    let bytes = bytes(hex);
    let decoded = decode_strict(&bytes, charset);
    assert_eq!(decoded.text, text, "{hex}");
    let Decoded { malformed, moved, private_use, damaged, truncated, .. } = decoded;
    assert!(malformed.is_empty() && moved.is_empty() && private_use.is_empty(), "{hex}");
    assert!(!damaged && !truncated, "{hex}");
}

/// Checks that decoding gives this text and these malformed sequences (offset, length).
fn check_malformed(charset: Charset, hex: &str, text: &str, spans: &[(usize, usize)]) {
    let bytes = bytes(hex);
    let decoded = decode_strict(&bytes, charset);
    let found: Vec<_> = decoded.malformed.iter().map(|span| (span.offset, span.len)).collect();
    assert_eq!((&*decoded.text, &found[..]), (text, spans), "{hex}");
    assert!(!decoded.damaged && !decoded.truncated, "{hex}");
}

#[test]
fn published_vectors_decode_in_both_charsets() {
    for (text, utf8, gb18030) in [
        ("群众诉求", "e7bea4e4bc97e8af89e6b182", "c8bad6dacbdfc7f3"),
        ("芜湖市", "e88a9ce6b996e5b882", "cedfbafecad0"),
        ("张三", "e5bca0e4b889", "d5c5c8fd"),
        ("喆", "e59686", "86b4"),
        ("䶮", "e4b6ae", "fe9f"),
        ("㛃", "e39b83", "8230b731"),
        ("𬭎", "f0acad8e", "9933a932"),
        ("𠮷", "f0a0aeb7", "9534b235"),
        ("芜湖市信访局", "e88a9ce6b996e5b882e4bfa1e8aebfe5b180", "cedfbafecad0d0c5b7c3bed6"),
        ("张䶮", "e5bca0e4b6ae", "d5c5 fe9f"),
        ("·", "c2b7", "a1a4"),
        ("㈱", "e388b1", "a95a"),
        ("①", "e291a0", "a2d9"),
        ("€", "e282ac", "a2e3"),
        ("，：ＡＢ", "efbc8cefbc9aefbca1efbca2", "a3ac a3ba a3c1 a3c2"),
        ("", "", ""),
        ("12345\r\n", "31323334350d0a", "31323334350d0a"),
    ] {
        check(Charset::Utf8, utf8, text);
        check(Charset::Gb18030, gb18030, text);
    }
}

#[test]
fn gbk_bytes_that_gb2312_does_not_have_decode() {
    // Valid GBK with the label gb2312.
    check(Charset::from_label("gb2312").unwrap(), "8cc5", "\u{5C4C}");
}

#[test]
fn cp936_has_the_euro_sign_at_80_and_one_more_wide_space() {
    check(Charset::Gb18030, "80 3130", "€10");
    check(Charset::Gb18030, "a3a0", "\u{3000}");
    check(Charset::Gb18030, "a1a1", "\u{3000}");
}

#[test]
fn gb18030_is_that_of_2022() {
    for (hex, text) in [
        // The eight Han characters and the ten vertical signs that left the private-use area in 2022.
        ("fe59 fe61 fe66 fe67", "\u{9FB4}\u{9FB5}\u{9FB6}\u{9FB7}"),
        ("fe6d fe7e fe90 fea0", "\u{9FB8}\u{9FB9}\u{9FBA}\u{9FBB}"),
        ("a6d9 a6da a6db a6dc a6dd", "\u{FE10}\u{FE12}\u{FE11}\u{FE13}\u{FE14}"),
        ("a6de a6df a6ec a6ed a6f3", "\u{FE15}\u{FE16}\u{FE17}\u{FE18}\u{FE19}"),
        // This one left it in 2005.
        ("a8bc", "\u{1E3F}"),
    ] {
        check(Charset::Gb18030, hex, text);
    }
}

#[test]
fn the_six_left_in_the_private_use_area_are_replaced() {
    for (hex, text) in [
        ("fe51 fe52 fe53", "\u{20087}\u{20089}\u{200CC}"),
        ("fe6c fe76 fe91", "\u{215D7}\u{2298F}\u{241FE}"),
    ] {
        let bytes = bytes(hex);
        let decoded = decode_strict(&bytes, Charset::Gb18030);
        assert_eq!(decoded.text, text);
        let spans = [0, 4, 8].map(|offset| Span { offset, len: 4 });
        assert_eq!((&decoded.moved[..], &decoded.private_use[..]), (&spans[..], &[][..]));
    }
}

#[test]
fn private_use_characters_of_cp936_are_replaced_and_reported() {
    // 张䶮, as GB18030 that was migrated from cp936, and the same as UTF-8.
    for (hex, charset) in [("d5c5 8336cf39", Charset::Gb18030), ("e5bca0 eea1a3", Charset::Utf8)] {
        let bytes = bytes(hex);
        let decoded = decode_strict(&bytes, charset);
        assert_eq!(decoded.text, "张䶮");
        assert_eq!(decoded.moved, [Span { offset: 3, len: 3 }]);
        assert_eq!(decoded.private_use, []);
    }
}

#[test]
fn a_character_written_as_two_surrogates_is_read_and_half_of_one_is_damage() {
    // 张𠮷😀 as Oracle's charset "UTF8" writes it.
    let bytes = bytes("e5bca0 eda182edbeb7 eda0bdedb880");
    let decoded = decode_strict(&bytes, Charset::Utf8);
    assert_eq!(decoded.text, "张𠮷😀");
    assert_eq!(decoded.moved, [3, 7].map(|offset| Span { offset, len: 4 }));
    assert_eq!(decoded.malformed, []);
    let one = |offset| Span { offset, len: 1 };
    let half = decode_strict(&bytes[..6], Charset::Utf8);
    assert_eq!(
        (&*half.text, half.malformed),
        ("张\u{FFFD}\u{FFFD}\u{FFFD}", vec![one(3), one(4), one(5)])
    );
    // A cut character before it stays damage, and its other bytes stay text.
    let cut = decode_strict(b"\xE5\x93\xED\xA0\xBD\xED\xB8\x80\x80,a", Charset::Utf8);
    assert_eq!(cut.text, "\u{FFFD}😀\u{FFFD},a");
    assert_eq!(cut.malformed, [Span { offset: 0, len: 2 }, one(8)]);
}

#[test]
fn every_published_private_use_character_has_a_real_one() {
    let published = [
        (0xE76C, "€"),
        (0xE78D, "\u{FE10}"),
        (0xE796, "\u{FE19}"),
        (0xE7C7, "\u{1E3F}"),
        (0xE7C8, "\u{1F9}"),
        (0xE7E7, "\u{303E}"),
        (0xE7F3, "\u{2FFB}"),
        (0xE815, "\u{2E81}"),
        (0xE816, "\u{20087}"),
        (0xE81E, "\u{9FB4}"),
        (0xE826, "\u{9FB5}"),
        (0xE82B, "\u{9FB6}"),
        (0xE82C, "\u{9FB7}"),
        (0xE832, "\u{9FB8}"),
        (0xE843, "\u{9FB9}"),
        (0xE844, "\u{4723}"),
        (0xE854, "\u{9FBA}"),
        (0xE855, "\u{241FE}"),
        (0xE863, "䶮"),
        (0xE864, "\u{9FBB}"),
    ];
    for (code, real) in published {
        let source = char::from_u32(code).unwrap().to_string();
        let decoded = decode_strict(source.as_bytes(), Charset::Utf8);
        assert_eq!(decoded.text, real, "U+{code:04X}");
        assert_eq!(decoded.moved, [Span { offset: 0, len: real.len() }], "U+{code:04X}");
    }
    for code in (0xE78D..=0xE796).chain(0xE7E7..=0xE7F3).chain(0xE815..=0xE864) {
        let source = char::from_u32(code).unwrap().to_string();
        let decoded = decode_strict(source.as_bytes(), Charset::Utf8);
        assert_eq!((decoded.moved.len(), decoded.private_use.len()), (1, 0), "U+{code:04X}");
    }
}

#[test]
fn other_private_use_characters_are_kept_and_reported() {
    for c in ['\u{E000}', '\u{E4C6}', '\u{E810}', '\u{E865}', '\u{F8FF}', '\u{F0000}', '\u{10FFFD}']
    {
        let source = format!("张{c}，\u{F900}😀");
        let decoded = decode_strict(source.as_bytes(), Charset::Utf8);
        assert!(matches!(decoded.text, Cow::Borrowed(text) if text == source));
        assert_eq!(decoded.private_use, [Span { offset: 3, len: c.len_utf8() }], "{c:?}");
        assert_eq!(decoded.moved, []);
    }
    // AAA1 is the first user-defined character of GBK.
    let decoded = decode_strict(&[0xAA, 0xA1], Charset::Gb18030);
    assert_eq!(decoded.text, "\u{E000}");
    assert_eq!(decoded.private_use, [Span { offset: 0, len: 3 }]);
}

#[test]
fn malformed_sequences_are_located_and_their_neighbours_survive() {
    for (hex, text, spans) in [
        ("ff", "\u{FFFD}", &[(0, 1)][..]),
        ("41 ff 42", "A\u{FFFD}B", &[(1, 1)]),
        ("d5c5 ff c8fd", "张\u{FFFD}三", &[(2, 1)]),
        // The second byte is not valid as one: only the lead byte is lost.
        ("d5 20 c8fd", "\u{FFFD} 三", &[(0, 1)]),
        ("d5c5 c8", "张\u{FFFD}", &[(2, 1)]),
        ("d5c5 82", "张\u{FFFD}", &[(2, 1)]),
        ("d5c5 8230", "张\u{FFFD}", &[(2, 2)]),
        ("d5c5 8230b7", "张\u{FFFD}", &[(2, 3)]),
        // Four bytes that break off in the third and in the fourth.
        ("8230 20 41", "\u{FFFD}0 A", &[(0, 1)]),
        ("8230 b7 d5c5", "\u{FFFD}0氛\u{FFFD}", &[(0, 1), (4, 1)]),
        ("8f39fe39", "\u{FFFD}", &[(0, 4)]),
        ("fe39fe39", "\u{FFFD}", &[(0, 4)]),
        ("ff ff", "\u{FFFD}\u{FFFD}", &[(0, 1), (1, 1)]),
    ] {
        check_malformed(Charset::Gb18030, hex, text, spans);
    }
    for (hex, text, spans) in [
        ("e5bca0 ff e4b889", "张\u{FFFD}三", &[(3, 1)][..]),
        ("e5bc 41", "\u{FFFD}A", &[(0, 2)]),
        ("e5bca0 e4b8", "张\u{FFFD}", &[(3, 2)]),
        ("c0af", "\u{FFFD}\u{FFFD}", &[(0, 1), (1, 1)]),
        ("eda080", "\u{FFFD}\u{FFFD}\u{FFFD}", &[(0, 1), (1, 1), (2, 1)]),
    ] {
        check_malformed(Charset::Utf8, hex, text, spans);
    }
    check_malformed(Charset::Big5, "b8ea ff", "資\u{FFFD}", &[(2, 1)]);
}

#[test]
fn utf8_read_as_gb18030_comes_out_as_the_field_shows_it() {
    for (meant, shown) in [
        ("群众诉求", "缇や紬璇夋眰"),
        ("芜湖市", "鑺滄箹甯\u{FFFD}"),
        ("张三", "寮犱笁"),
        ("喆", "鍠\u{FFFD}"),
        ("䶮", "涠\u{FFFD}"),
    ] {
        let decoded = decode_strict(meant.as_bytes(), Charset::Gb18030);
        assert_eq!(decoded.text, shown);
        let n_lost = meant.len() % 2;
        let lost = Span { offset: meant.len() - 1, len: 1 };
        assert_eq!(decoded.malformed, vec![lost; n_lost], "{meant}");
    }
}

#[test]
fn gbk_read_as_utf8_and_written_out_again_is_gone() {
    let gbk = bytes("c8bad6dacbdfc7f3");
    let once = decode_strict(&gbk, Charset::Utf8);
    assert_eq!(once.text, "Ⱥ\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}");
    assert_eq!(once.malformed.len(), 6);
    assert!(!once.damaged);
    let twice = decode_strict(once.text.as_bytes(), Charset::Gb18030);
    assert_eq!(twice.text, "群锟斤拷锟斤拷锟斤拷");
    assert_eq!(twice.malformed, []);
}

#[test]
fn doubly_encoded_utf8_is_decoded_once() {
    let doubled = bytes("c3a7c2bec2a4c3a4c2bcc297c3a8c2afc289c3a6c2b1c282");
    let text = decode_strict(&doubled, Charset::Utf8).text;
    let once: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(decode_strict(&once, Charset::Utf8).text, "群众诉求");
}

#[test]
fn a_replacement_character_of_the_source_is_damage_and_not_malformed() {
    for (hex, charset) in [("e5bca0 efbfbd", Charset::Utf8), ("d5c5 8431a437", Charset::Gb18030)] {
        let bytes = bytes(hex);
        let decoded = decode_strict(&bytes, charset);
        assert_eq!(decoded.text, "张\u{FFFD}");
        assert_eq!(decoded.malformed, []);
        assert!(decoded.damaged);
    }
    let both = bytes("efbfbd ff");
    let decoded = decode_strict(&both, Charset::Utf8);
    assert!(decoded.damaged && decoded.malformed == [Span { offset: 3, len: 1 }]);
}

#[test]
fn other_charsets_decode() {
    check(Charset::Big5, "b8ea aec6", "資料");
    check(Charset::Windows1252, "e9 80 93", "é€“");
    check(Charset::Windows1252, "c8bad6da", "ÈºÖÚ");
}

#[test]
fn ascii_and_utf8_are_not_copied() {
    for text in ["", "hello", "芜湖市镜湖区北京路1号，电话：0553-3800000。😀𠮷䶮"]
    {
        let decoded = decode_strict(text.as_bytes(), Charset::Utf8);
        assert!(matches!(decoded.text, Cow::Borrowed(same) if same == text));
    }
    for charset in CHARSETS {
        assert!(matches!(decode_strict(b"GD20260101\0", charset).text, Cow::Borrowed(_)));
    }
}

/// Characters of one, two and four bytes in GB18030.
const MIXED: &str = "A张䶮㛃1𬭎三𠮷，b喆\u{E000}€";
const MIXED_GB18030: &str =
    "41 d5c5 fe9f 8230b731 31 9933a932 c8fd 9534b235 a3ac 62 86b4 aaa1 a2e3";

#[test]
fn a_cut_at_the_width_drops_half_a_character_and_nothing_else() {
    for (charset, source) in
        [(Charset::Gb18030, bytes(MIXED_GB18030)), (Charset::Utf8, MIXED.as_bytes().to_vec())]
    {
        assert_eq!(decode_strict(&source, charset).text, MIXED);
        for cut in 1..=source.len() {
            let column = decode_column(&source[..cut], charset, Some(cut));
            assert!(column.truncated && column.malformed.is_empty(), "cut at {cut}");
            assert!(MIXED.starts_with(&*column.text), "cut at {cut}");
            let next = &MIXED[column.text.len()..];
            assert!(!next.is_empty() || cut == source.len(), "cut at {cut}");
        }
    }
}

#[test]
fn half_a_character_with_room_left_or_no_width_is_malformed() {
    let source = bytes(MIXED_GB18030);
    for cut in 1..=source.len() {
        let strict = decode_strict(&source[..cut], Charset::Gb18030);
        for width in [None, Some(4000), Some(cut + 1)] {
            assert_eq!(decode_column(&source[..cut], Charset::Gb18030, width), strict);
        }
        let cut_column = decode_column(&source[..cut], Charset::Gb18030, Some(cut));
        let is_whole = strict.malformed.is_empty();
        assert_eq!(is_whole, strict.text == cut_column.text, "cut at {cut}");
        if !is_whole {
            let whole = strict.text.strip_suffix('\u{FFFD}').unwrap();
            assert_eq!(whole, cut_column.text, "cut at {cut}");
        }
    }
}

#[test]
fn malformed_bytes_before_the_cut_are_still_found() {
    let source = bytes("ff d5c5 82");
    let column = decode_column(&source, Charset::Gb18030, Some(4));
    assert_eq!(column.text, "\u{FFFD}张");
    assert_eq!(column.malformed, [Span { offset: 0, len: 1 }]);
    assert!(column.truncated);
}

/// Bytes that are almost GBK, for which decoders have special cases.
fn near_gbk() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0x82), Just(0x30), Just(0xFE), Just(0xFF), Just(0x80), any::<u8>()];
    prop::collection::vec(byte, 0..64)
}

proptest! {
    #[test]
    fn any_bytes_decode_and_spans_are_ordered_and_in_bounds(
        source in prop_oneof![near_gbk(), prop::collection::vec(any::<u8>(), 0..256)],
        width in prop::option::of(0_usize..64),
    ) {
        for charset in CHARSETS {
            let decoded = decode_column(&source, charset, width);
            in_order(&decoded.malformed, source.len())?;
            in_order(&decoded.moved, decoded.text.len())?;
            in_order(&decoded.private_use, decoded.text.len())?;
            for span in decoded.moved.iter().chain(&decoded.private_use) {
                let found = decoded.text.get(span.offset..span.offset + span.len).unwrap();
                prop_assert_eq!(found.chars().count(), 1);
            }
            let n_replaced = decoded.text.matches('\u{FFFD}').count();
            prop_assert_eq!(decoded.damaged, n_replaced > decoded.malformed.len());
        }
    }

    #[test]
    fn text_between_malformed_sequences_decodes_the_same_alone(source in near_gbk()) {
        let decoded = decode_strict(&source, Charset::Gb18030);
        let mut pieces = String::new();
        let mut from = 0;
        for span in &decoded.malformed {
            pieces += &decode_strict(&source[from..span.offset], Charset::Gb18030).text;
            pieces.push('\u{FFFD}');
            from = span.offset + span.len;
        }
        pieces += &decode_strict(&source[from..], Charset::Gb18030).text;
        prop_assert_eq!(decoded.text, pieces);
    }

    #[test]
    fn utf8_text_is_itself(text in any::<String>()) {
        let decoded = decode_strict(text.as_bytes(), Charset::Utf8);
        prop_assert!(decoded.malformed.is_empty());
        prop_assert!(!decoded.moved.is_empty() || decoded.text == text);
    }
}

fn in_order(spans: &[Span], len: usize) -> Result<(), TestCaseError> {
    let mut end = 0;
    for span in spans {
        prop_assert!(span.offset >= end && span.len > 0);
        end = span.offset + span.len;
    }
    prop_assert!(end <= len);
    Ok(())
}
