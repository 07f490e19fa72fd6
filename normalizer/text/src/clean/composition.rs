//! Unicode's composed form (NFC): `é` typed as two characters and `é` as one are the same name.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The composed form, if the text is not in it.
pub(super) fn compose(text: &str) -> Option<String> {
    (!is_composed(text)).then(|| text.nfc().collect())
}

/// Whether the text is in composed form.
pub(super) fn is_composed(text: &str) -> bool {
    is_nfc(text)
}

/// Whether the character that begins with `lead` is in composed form in whatever company, told
/// from its first three bytes. It is for what Chinese text is made of; `false` means "look".
pub(super) fn is_surely_composed(lead: u8, second: u8, third: u8) -> bool {
    match lead {
        0x00..=0xCB => true,
        // U+2000 and U+2001 are other characters' doubles; then come ①, │, ■.
        0xE2 => (second == 0x80 && third >= 0x82) || matches!(second, 0x90..=0x97),
        // 、to〩, then ㈱ to ㏿, then Han. In between are kana, which have marks.
        0xE3 => (second == 0x80 && third <= 0xA9) || second >= 0x88,
        0xE4..=0xE9 | 0xEE => true,
        // Full-width forms; the Han doubles and half marks are below.
        0xEF => second >= 0xB9,
        // Emoji and rare Han, without the doubles in U+2F800.
        0xF0 => second >= 0x9F && second != 0xAF,
        0xF3 | 0xF4 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::{IsNormalized, char::canonical_combining_class, is_nfc_quick};

    use super::*;

    #[test]
    fn what_is_called_surely_composed_is() {
        let mut n_sure = 0;
        for c in '\0'..=char::MAX {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            if is_surely_composed(bytes[0], bytes[1], bytes[2]) {
                n_sure += 1;
                assert_eq!(is_nfc_quick([c].into_iter()), IsNormalized::Yes, "U+{:04X}", c as u32);
                assert_eq!(canonical_combining_class(c), 0, "U+{:04X}", c as u32);
            }
        }
        assert!(n_sure > 200_000, "{n_sure}");
    }
}
