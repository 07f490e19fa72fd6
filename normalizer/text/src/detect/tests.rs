use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn many_bytes_at_once_give_the_sample_of_the_same_bytes_one_by_one(
        parts in prop::collection::vec((any::<u8>(), 1_usize..200, any::<bool>()), 0..60),
    ) {
        let part = |(first, len, is_plain): (u8, usize, bool)| {
            let bytes = (0..len).map(move |n| first.wrapping_add(u8::try_from(n % 7).unwrap()));
            bytes.map(move |byte| if is_plain { byte & 0x7F } else { byte | 0x80 })
        };
        let bytes: Vec<u8> = parts.into_iter().flat_map(part).collect();
        let (mut at_once, mut one_by_one) = (Detector::default(), Detector::default());
        at_once.push(&bytes);
        bytes.chunks(1).for_each(|byte| one_by_one.push(byte));
        // What a piece adds to a full sample depends on where the piece ends.
        at_once.sample.truncate(MAX_SAMPLE_BYTES);
        one_by_one.sample.truncate(MAX_SAMPLE_BYTES);
        prop_assert!(at_once.sample == one_by_one.sample);
    }
}
