use unicode_normalization::{IsNormalized, char::canonical_combining_class, is_nfc_quick};

use super::*;

#[test]
fn characters_called_surely_composed_are_composed() {
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
