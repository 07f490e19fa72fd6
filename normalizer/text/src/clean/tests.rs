use proptest::prelude::*;
use unicode_normalization::is_nfc;

use super::{strip::keep, *};

/// What [`strip::strip`] gives for a text without escapes, one character after another.
fn stripped(text: &str, profile: Profile, found: &mut Found) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        let kept_c = if strip::may_join(&kept, c) { Some(c) } else { keep(c, profile, found) };
        kept.extend(kept_c);
    }
    kept
}

/// What [`tidy`] gives, one character after another.
fn tidied(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let line = |line: &str| {
        let words: Vec<_> = line.split(is_blank).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    };
    let mut result = text.split('\n').map(line).collect::<Vec<_>>().join("\n");
    while result.contains("\n\n\n") {
        result = result.replace("\n\n\n", "\n\n");
    }
    result.trim_matches('\n').to_owned()
}

fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "群众",
        "诉求，",
        "。",
        "a",
        "B2",
        "_",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\u{7F}",
        "\u{85}",
        "\u{A0}",
        "\u{AD}",
        "\u{3000}",
        "\u{200B}",
        "\u{200D}",
        "\u{FE0F}",
        "👨",
        "\u{FEFF}",
        "\u{2F00}",
        "\u{F900}",
        "１Ａ",
        "e\u{301}",
        "é",
        "か\u{3099}",
        "한",
        "\u{1112}\u{1161}",
        "\u{212A}",
        "①",
        "𠮷",
        "\u{2F800}",
        "नि\u{200D}",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..24).prop_map(|all| all.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn many_characters_at_once_are_cleaned_like_one_after_another(text in texts()) {
        for profile in [Profile::Plain, Profile::Code] {
            let (mut found, mut expected_found) = (Found::default(), Found::default());
            let expected = stripped(&text, profile, &mut expected_found);
            prop_assert_eq!(strip::strip(&text, profile, false, &mut found), expected);
            prop_assert_eq!(found, expected_found);
        }
        prop_assert_eq!(tidy(&text), tidied(&text));
        prop_assert_eq!(scan::is_composed(&text), is_nfc(&text));
    }
}
