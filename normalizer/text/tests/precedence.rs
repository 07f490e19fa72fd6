//! Which evidence decides the charset, and how conflicting claims are recorded.

#![allow(clippy::unwrap_used)]

use normalizer_text::{
    Charset::{self, Big5, Gb18030, Utf8, Utf16Be, Utf16Le, Windows1252},
    DecidedBy, Detector, Hints, Span, Stream, decode, decode_strict, detect,
};
use proptest::prelude::*;

const TEXT: &str = "芜湖市镜湖区居民反映：小区电梯坏了三天，物业一直没有修理。";

fn encoded(text: &str, charset: Charset) -> Vec<u8> {
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect();
    match charset {
        Utf8 => text.into(),
        Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
        Big5 => encoding_rs::BIG5.encode(text).0.into_owned(),
        Utf16Le => utf16(u16::to_le_bytes),
        Utf16Be => utf16(u16::to_be_bytes),
        Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
    }
}

#[track_caller]
fn check(bytes: &[u8], hints: Hints<'_>, charset: Charset, by: DecidedBy, conflict: bool) {
    let decoded = decode(bytes, &hints);
    let evidence = &decoded.evidence;
    let found = (evidence.charset, evidence.decided_by, evidence.has_conflict());
    assert_eq!(found, (charset, by, conflict), "{evidence:?}");
    assert!(decoded.malformed.is_empty(), "{:?}", decoded.malformed);
    assert!(decoded.text.contains(TEXT), "{}", decoded.text);
}

fn xml(encoding: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a>{TEXT}</a>")
}

#[test]
fn each_step_decides_if_the_steps_before_make_no_claim() {
    let none = Hints::default();
    let gbk = encoded(TEXT, Gb18030);
    let forced =
        Hints { force: Some(Gb18030), content_type: Some("text/xml; charset=utf-8"), ..none };
    check(&gbk, forced, Gb18030, DecidedBy::Forced, true);
    check(&[b"\xEF\xBB\xBF", TEXT.as_bytes()].concat(), none, Utf8, DecidedBy::Bom, false);
    check(
        &[b"\xFF\xFE", &encoded(TEXT, Utf16Le)[..]].concat(),
        none,
        Utf16Le,
        DecidedBy::Bom,
        false,
    );
    check(
        &[b"\xFE\xFF", &encoded(TEXT, Utf16Be)[..]].concat(),
        none,
        Utf16Be,
        DecidedBy::Bom,
        false,
    );
    check(TEXT.as_bytes(), none, Utf8, DecidedBy::Utf8, false);
    check(&encoded(&xml("gb2312"), Gb18030), none, Gb18030, DecidedBy::XmlProlog, false);
    let header = Hints { content_type: Some("application/json; Charset=\"GB2312\""), ..none };
    check(&gbk, header, Gb18030, DecidedBy::HttpHeader, false);
    // Servers say UTF-8 of everything.
    let utf8 = Some("text/html; charset=UTF-8");
    let both = Hints { declared: Some(Gb18030), content_type: utf8, ..none };
    check(&gbk, both, Gb18030, DecidedBy::Declared, false);
    assert_eq!(decode(&encoded("停水", Gb18030), &both).text, "停水");
    check(&gbk, Hints { declared: Some(Gb18030), ..none }, Gb18030, DecidedBy::Declared, false);
    check(&gbk, none, Gb18030, DecidedBy::Detected, false);
}

#[test]
fn valid_utf8_is_utf8_whatever_is_declared() {
    // A system on the way converted the text and kept the old declaration.
    let hints = Hints { content_type: Some("text/xml;charset=gbk"), ..Hints::default() };
    check(xml("GB2312").as_bytes(), hints, Utf8, DecidedBy::Utf8, true);
    check(
        TEXT.as_bytes(),
        Hints { declared: Some(Gb18030), ..Hints::default() },
        Utf8,
        DecidedBy::Utf8,
        true,
    );
}

#[test]
fn declared_utf8_with_one_damaged_place_is_utf8() {
    let header =
        Hints { content_type: Some("application/json; charset=UTF-8"), ..Hints::default() };
    for damage in [&b"\xE8\xB7"[..], b"\xE9", b"\xC2", b"\xFF", b"\xD6\xA0", b"\xB0\xA1"] {
        for text in ["", "路", "路灯", "路灯坏了"] {
            let body =
                [b"{\"id\":1,\"a\":\"", text.as_bytes(), damage, b"\",\"b\":\"x\"}"].concat();
            assert_eq!(decode(&body, &header).evidence.charset, Utf8, "{text} {damage:02x?}");
        }
    }
}

#[test]
fn nearly_utf8_is_utf8_with_malformed_places_whatever_is_declared() {
    let lines: Vec<String> = (0..40).map(|n| format!("{n},{TEXT}\r\n")).collect();
    let whole = lines.concat().into_bytes();
    // A column was cut in the middle of a character, or of an emoji written as two surrogates.
    for damage in [&b"\xE8\xAF"[..], b"\xFF", b"\xED\xA0\xBD", b"\xC3"] {
        let damaged = [&whole[..], damage, b",\r\n", &whole].concat();
        for declared in [Gb18030, Big5, Windows1252, Utf16Le] {
            let hints = Hints { declared: Some(declared), ..Hints::default() };
            let decoded = decode(&damaged, &hints);
            let evidence = &decoded.evidence;
            assert_eq!((evidence.charset, evidence.decided_by), (Utf8, DecidedBy::Utf8));
            assert!(decoded.malformed.iter().all(|span| span.offset >= whole.len()
                && span.offset + span.len <= whole.len() + damage.len()));
            assert!(!decoded.malformed.is_empty());
        }
        assert_eq!(detect(&damaged).charset, Utf8);
    }
    // Text that is damaged in every third character is not taken as UTF-8.
    let gbk = Hints { declared: Some(Gb18030), ..Hints::default() };
    let half = encoded(TEXT, Gb18030);
    assert_eq!(decode(&[&half[..], TEXT.as_bytes()].concat(), &gbk).evidence.charset, Gb18030);
}

#[test]
fn a_damaged_place_in_a_short_text_does_not_change_its_charset() {
    let declarations = [None, Some(Utf8), Some(Gb18030)];
    for text in ["编号,标题\n1,路灯不亮", "id,title\n1,路灯", "id,title\n1,井盖松动\n2,噪音"]
    {
        for damage in [&b"\xE8\xE8\xE8"[..], b"\xE8", b"\xE8\xB7", b"\xFF\xFE"] {
            let bytes = [text.as_bytes(), b"\n3,", damage, b",x\n"].concat();
            for declared in declarations {
                let decoded = decode(&bytes, &Hints { declared, ..Hints::default() });
                let found = (decoded.evidence.charset, decoded.malformed.is_empty());
                assert_eq!(found, (Utf8, false), "{text} {damage:?} {declared:?}");
                assert!(decoded.text.starts_with(text));
            }
        }
    }
    // A single byte in ASCII is damage too, and no letter of another charset.
    for declared in [None, Some(Utf8)] {
        let hints = Hints { declared, ..Hints::default() };
        let decoded = decode(b"id,title\n1,street lamp\n2,caf\xE8,x\n", &hints);
        assert_eq!((decoded.evidence.charset, decoded.malformed.len()), (Utf8, 1), "{declared:?}");
    }
}

#[test]
fn gbk_that_is_valid_utf8_by_accident_is_gbk_where_it_is_declared() {
    let declared = Hints { declared: Some(Gb18030), ..Hints::default() };
    for text in ["1,楼漏\n", "id,title\n1,楼漏\n2,street lamp\n3,楼漏\n", "一,x\n", "联通,x"]
    {
        let bytes = encoded(text, Gb18030);
        assert_eq!(decode(&bytes, &declared).text, text, "{:?}", decode(&bytes, &declared));
    }
    // One other character in a long file shows that the file is GBK.
    let mixed = format!("{}9,中\n", "1,楼漏\n".repeat(100));
    assert_eq!(decode(&encoded(&mixed, Gb18030), &declared).text, mixed);
    // But the shortest Chinese text in UTF-8 is UTF-8.
    for text in ["1,市\n", "1,市民\n", "张三,x", "龘龖", "喆", "北京"] {
        assert_eq!(decode(text.as_bytes(), &declared).text, text);
    }
}

#[test]
fn a_short_text_is_chinese_where_its_letters_make_no_word_in_utf8() {
    let none = Hints::default();
    for text in ["停水", "学校", "医院", "停业", "违约", "水", "1,停水\n", "{\"a\":\"停水\"}"]
    {
        let bytes = encoded(text, Gb18030);
        let decoded = decode(&bytes, &none);
        assert_eq!((&*decoded.text, decoded.evidence.is_certain), (text, false), "{decoded:?}");
        // UTF-8 that is declared decides.
        let utf8 = Hints { declared: Some(Utf8), ..none };
        assert_eq!(decode(&encoded(text, Gb18030), &utf8).evidence.charset, Utf8, "{text}");
    }
    for text in [
        "да",
        "нет",
        "үй",
        "қала",
        "Ѣ",
        "ё",
        "α",
        "λ=3",
        "ϵ=1",
        "ϕ=2π",
        "Ω",
        "café",
        "e\u{301}",
        "Škoda",
        "š",
        "ə",
        "šə",
        "ʼn",
        "ˈtʃaɪ",
        "ɑ",
        "ˉ ˇ ˋ",
        "ǎ ǐ ǒ ǔ",
        "nǚ",
        "ı",
        "ƒ(x)",
        "ư",
        "հայ",
        "הוא",
        "نعم",
        "a·b",
        "°",
        "µ",
    ] {
        let decoded = decode(text.as_bytes(), &none);
        assert_eq!(decoded.text, text, "{decoded:?}");
    }
}

#[test]
fn encodings_that_are_not_decoded_are_named() {
    let utf32 = |to_bytes: fn(u32) -> [u8; 4], text: &str| -> Vec<u8> {
        text.chars().flat_map(|c| to_bytes(c.into())).collect()
    };
    for (bytes, name) in [
        (b"id,title\n1,~{VPND~}\n".to_vec(), Some("HZ (HZ-GB-2312)")),
        (b"\x1b$)A\x0eVPND\x0f\n".to_vec(), Some("ISO-2022-CN")),
        (b"\x1b$)C\x0eVPND\x0f\n".to_vec(), Some("ISO-2022-KR")),
        (b"1,\x1b$B4A;z\x1b(B\n".to_vec(), Some("ISO-2022-JP")),
        (utf32(u32::to_le_bytes, "\u{FEFF}id,编号"), Some("UTF-32LE")),
        (utf32(u32::to_be_bytes, "id,编号"), Some("UTF-32BE")),
        (encoded("id,编号\n1,楼", Utf16Le), None),
        (encoded("id,编号\n1,楼", Utf16Be), None),
        (b"a ~{ template ~} and ~{x}, \x1b[0m, ~{VPN~}".to_vec(), None),
        ("~{VPND~}编号".into(), None),
    ] {
        assert_eq!(decode(&bytes, &Hints::default()).evidence.foreign, name, "{bytes:?}");
        let mut pieces = Detector::default();
        bytes.chunks(1).for_each(|byte| pieces.push(byte));
        assert_eq!(pieces.evidence(&Hints::default()).0.foreign, name, "{bytes:?}");
    }
}

#[test]
fn utf16_without_a_mark_is_known_by_its_zeros() {
    let hints = Hints { declared: Some(Gb18030), ..Hints::default() };
    let table = format!("编号\t标题\r\n1\t{TEXT}\r\n");
    let ascii = "id\tname\r\n1\tgarbage collection\r\n2\tstreet lamps\r\n";
    for text in [table.as_str(), ascii] {
        for charset in [Utf16Le, Utf16Be] {
            let bytes = encoded(text, charset);
            let decoded = decode(&bytes, &hints);
            assert_eq!((decoded.evidence.charset, &*decoded.text), (charset, text));
        }
    }
    // Zero bytes that fill up a column do not mean UTF-16.
    for text in ["1\0\0\0\0,张三\0\0,x\r\n", "1,a\0,b\r\n2,张\0,c\r\n"] {
        assert_eq!(decode(&encoded(text, Gb18030), &hints).evidence.charset, Gb18030, "{text:?}");
    }
}

#[test]
fn a_declaration_of_utf8_is_ignored_if_the_bytes_are_not_utf8() {
    let hints = Hints { declared: Some(Utf8), ..Hints::default() };
    check(&encoded(&xml("utf-8"), Gb18030), hints, Gb18030, DecidedBy::Detected, true);
    let header = Hints { content_type: Some("text/xml; charset=gbk"), ..Hints::default() };
    check(&encoded(&xml("utf-8"), Gb18030), header, Gb18030, DecidedBy::HttpHeader, true);
    // This also holds if some of them are valid in no charset.
    let spoilt = [&encoded(&xml("utf-8"), Gb18030)[..], b"\xFF\xFF"].concat();
    let hints = Hints { declared: Some(Gb18030), ..Hints::default() };
    assert_eq!(decode(&spoilt, &hints).evidence.charset, Gb18030);
    let hints = Hints { declared: Some(Utf8), ..Hints::default() };
    // But damaged UTF-8 stays UTF-8, and the damage is reported with its position.
    let damaged = [TEXT.as_bytes(), b"\xFF", TEXT.as_bytes()].concat();
    let decoded = decode(&damaged, &hints);
    assert_eq!(decoded.evidence.charset, Utf8);
    assert_eq!(decoded.malformed, [Span { offset: TEXT.len(), len: 1 }]);
}

#[test]
fn a_prolog_that_contradicts_its_own_bytes_is_ignored() {
    check(&encoded(&xml("UTF-16"), Gb18030), Hints::default(), Gb18030, DecidedBy::Detected, true);
    check(
        &encoded(&xml("x-unknown"), Gb18030),
        Hints::default(),
        Gb18030,
        DecidedBy::Detected,
        true,
    );
}

#[test]
fn the_declaration_decides_the_charset_of_ascii() {
    let hints = Hints { declared: Some(Gb18030), ..Hints::default() };
    let decoded = decode(b"{\"code\":0}", &hints);
    assert_eq!(decoded.evidence.decided_by, DecidedBy::Declared);
    assert!(matches!(decoded.text, std::borrow::Cow::Borrowed(_)));
}

#[test]
fn positions_of_malformed_bytes_include_the_byte_order_mark() {
    let decoded = decode(b"\xEF\xBB\xBF\xE5\xBC\xA0\xFF", &Hints::default());
    assert_eq!(
        (&*decoded.text, &decoded.malformed[..]),
        ("张\u{FFFD}", &[Span { offset: 6, len: 1 }][..])
    );
}

#[test]
fn a_body_is_detected_in_every_charset() {
    let traditional =
        "蕪湖市鏡湖區居民反映：小區電梯壞了三天，物業一直沒有修理，請儘快處理並答覆。";
    for charset in [Utf8, Gb18030, Utf16Le, Utf16Be] {
        let detected = detect(&encoded(TEXT, charset));
        assert_eq!((detected.charset, detected.is_certain), (charset, true));
    }
    let detected = detect(&encoded(traditional, Big5));
    assert_eq!((detected.charset, detected.is_certain), (Big5, true));
    let french = "Le réverbère devant l'école est cassé, où faut-il s'adresser à présent ?";
    assert_eq!(detect(&encoded(french, Windows1252)).charset, Windows1252);
    assert_eq!(detect(b"plain ASCII").charset, Utf8);
}

#[test]
fn a_short_body_may_be_unsure_and_is_never_wrong_with_certainty() {
    for (text, charset) in
        [("张三", Gb18030), ("联通", Gb18030), ("市民", Gb18030), ("王", Gb18030), ("資料", Big5)]
    {
        let detected = detect(&encoded(text, charset));
        assert!(detected.charset == charset || !detected.is_certain, "{text} {detected:?}");
    }
}

#[test]
fn pieces_and_the_whole_agree_when_much_is_malformed_at_first() {
    let bytes = [vec![0xFF; 5_000], "诉求".repeat(20_000).into_bytes()].concat();
    let mut detector = Detector::default();
    bytes.chunks(700).for_each(|piece| detector.push(piece));
    let hints = Hints::default();
    assert_eq!(detector.evidence(&hints).0, decode(&bytes, &hints).evidence);
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_what_the_whole_gives(
        text in "[\\PC\u{4E00}-\u{9FFF}\u{E000}-\u{E864}]{0,40}",
        noise in prop::collection::vec(any::<u8>(), 0..20),
        cuts in prop::collection::vec(0_usize..200, 0..12),
    ) {
        for charset in [Utf8, Gb18030, Big5, Utf16Le, Utf16Be, Windows1252] {
            let mut bytes = encoded(&text, charset);
            bytes.extend(b"\xED\xA1\x82\xED\xBE\xB7\xED\xA1\x82");
            bytes.extend(&noise);
            bytes.extend(encoded(&text, charset));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut stream = Stream::new(charset);
            let mut streamed = String::new();
            let mut from = 0;
            for cut in cuts {
                stream.push(&bytes[from..cut]);
                if cut % 2 == 0 {
                    streamed += &stream.take();
                }
                from = cut;
            }
            stream.push(&bytes[from..]);
            let mut decoded = stream.finish();
            streamed += &decoded.text;
            decoded.text = streamed.into();
            prop_assert_eq!(decoded, decode_strict(&bytes, charset));
        }
    }

    #[test]
    fn bytes_in_pieces_are_in_the_charset_of_the_whole(
        text in "[\\PC\0\u{4E00}-\u{9FFF}]{0,100}",
        noise in prop::collection::vec(any::<u8>(), 0..20),
        cuts in prop::collection::vec(0_usize..300, 0..12),
        declared in prop::option::of(prop::sample::select(vec![Utf8, Gb18030, Big5])),
    ) {
        let hints = Hints { declared, ..Hints::default() };
        for charset in [Utf8, Gb18030, Utf16Le, Windows1252] {
            let bytes = [&b"0123456789".repeat(7)[..], &encoded(&text, charset), &noise].concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut detector, mut from) = (Detector::default(), 0);
            for cut in cuts.into_iter().chain([bytes.len()]) {
                detector.push(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(detector.evidence(&hints).0, decode(&bytes, &hints).evidence);
        }
    }

    #[test]
    fn any_bytes_are_decoded_whatever_is_claimed(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        content_type in prop::option::of("text/xml; ?charset=(utf-8|gbk|big5|utf-16|x)"),
    ) {
        let decoded = decode(&bytes, &Hints { content_type: content_type.as_deref(), ..Hints::default() });
        for span in &decoded.malformed {
            prop_assert!(span.offset + span.len <= bytes.len());
        }
    }
}
