use proptest::prelude::*;

use super::*;

/// Like [`scan`], without a short way for common characters.
fn scanned(text: &str, threshold: i16) -> Suspicion {
    let mut suspicion = Suspicion { windows: Vec::new(), has_replacement: false };
    let (mut sum, mut start, mut is_suspicious) = (0_i16, 0, false);
    for (at, c) in text.char_indices() {
        let weight = weights().get(c as usize).copied().unwrap_or(OTHER_PLANE_WEIGHT);
        suspicion.has_replacement |= weight == REPLACEMENT_WEIGHT;
        start = if sum == 0 { at } else { start };
        sum = (sum + i16::from(weight)).clamp(0, MAX_SUM);
        is_suspicious |= sum >= threshold;
        if sum == 0 && is_suspicious {
            suspicion.add(text, start..at);
            is_suspicious = false;
        }
    }
    if is_suspicious {
        suspicion.add(text, start..text.len());
    }
    suspicion
}

proptest! {
    #[test]
    fn common_characters_are_passed_over_without_any_difference(
        parts in prop::collection::vec(
            "[ -~]{0,3}|[的一是在有，。]{0,9}|[\u{80}-\u{FF}锟烫\u{FFFD}]{0,3}|[缇や紬璇夋眰𠮷]{0,4}|\\PC{0,2}",
            0..12,
        ),
        is_broken in any::<bool>(),
    ) {
        let text = parts.concat();
        let is_short = is_broken || text.len() <= SHORT_TEXT_BYTES;
        let expected = scanned(&text, if is_short { SHORT_TEXT_THRESHOLD } else { THRESHOLD });
        let found = scan(&text, is_broken);
        prop_assert_eq!(found.windows, expected.windows);
        prop_assert_eq!(found.has_replacement, expected.has_replacement);
    }
}
