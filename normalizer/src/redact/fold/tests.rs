use super::*;

#[test]
fn folded_letters_lead_back_to_what_was_written() {
    for (text, letters) in [
        ("", ""),
        ("王 小_明,１３９.0000", "王小明1390000"),
        ("\u{200B}张\u{301}三℃", "张3"),
        ("一〇①⑨⁹₀𝟎𝟗٣Ａ", "101990093a"),
        ("1\u{FE0F}\u{20E3}張\u{E0100}國📞、……華", "1张国华"),
        ("%E7%8E%8B小\\u660e<br/>&#49;&nbsp;&#x32;%2D3", "王小明123"),
    ] {
        let folded = Folded::new(text);
        assert_eq!(folded.letters(), letters);
        for (at, letter) in folded.letters().char_indices() {
            let (range, c) = folded.character(at);
            assert!(matches!(fold(c), Fold::Letter(folded) if folded == letter), "{text}");
            assert_eq!(characters(&text[range]).count(), 1, "{text}");
        }
    }
}

#[test]
fn the_table_says_of_every_character_what_the_rules_say() {
    for c in '\0'..=char::MAX {
        assert_eq!(fold(c), fold_of(c), "U+{:04X}", u32::from(c));
    }
}

#[test]
fn a_range_of_letters_has_the_separators_between_them() {
    let text = "找 王 小%20明。";
    let folded = Folded::new(text);
    let start = folded.letters().find('王').unwrap();
    let range = folded.range(start..start + "王小明".len());
    assert_eq!(&text[range.clone()], "王 小%20明");
    assert_eq!(folded.separators(range).collect::<String>(), "  ");
}
