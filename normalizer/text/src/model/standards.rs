//! Estimates the frequency of uncounted Han characters from the standards that contain them.

use encoding_rs::{BIG5, EUC_JP, Encoding, GB18030};

/// A part of a standard: its rows, and the share of all text assumed for its characters.
struct Level {
    encoding: &'static Encoding,
    leads: std::ops::RangeInclusive<u8>,
    share: f64,
}

/// If several levels have a character, the one with the highest frequency counts.
fn levels() -> [Level; 9] {
    let level = |encoding, leads, share| Level { encoding, leads, share };
    [
        // GB 2312: punctuation and wide forms, the common characters, the others; then GBK.
        level(GB18030, 0xA1..=0xA3, 0.01),
        level(GB18030, 0xB0..=0xD7, 0.03),
        level(GB18030, 0xD8..=0xF7, 0.006),
        level(GB18030, 0x81..=0xFE, 0.003),
        // Big5: the common characters, the others; then those of Hong Kong.
        level(BIG5, 0xA4..=0xC6, 0.03),
        level(BIG5, 0xC9..=0xF9, 0.006),
        level(BIG5, 0x87..=0xFE, 0.001),
        // JIS X 0208: the common characters, the others.
        level(EUC_JP, 0xB0..=0xCF, 0.02),
        level(EUC_JP, 0xD0..=0xF4, 0.003),
    ]
}

/// Probability of each character of the basic plane.
pub(super) fn prior() -> Vec<f64> {
    // About thirty thousand are in Unicode but in no two-byte standard.
    let mut prior = vec![0.001 / 30_000.0; 0x1_0000];
    for level in levels() {
        let characters = characters(&level);
        let each = level.share / characters.len() as f64;
        for code in characters {
            prior[code] = f64::max(prior[code], each);
        }
    }
    prior
}

fn characters(level: &Level) -> Vec<usize> {
    let pairs = level.leads.clone().flat_map(|lead| (0x40..=0xFE).map(move |trail| [lead, trail]));
    pairs
        .filter_map(|pair| {
            let text = level.encoding.decode_without_bom_handling_and_without_replacement(&pair)?;
            let mut chars = text.chars();
            let (first, None) = (chars.next()?, chars.next()) else { return None };
            super::basic(first)
        })
        .collect()
}
