//! Which charset bytes are in of which nobody says anything.
//!
//! The bytes are read in each charset that sources use, and the reading that surprises least is
//! taken: the model that judges repairs judges readings too. All readings explain the same bytes,
//! so the difference in bits is how much likelier one is than the other, and where it is small the
//! answer is "unsure". Byte patterns alone, as browsers use them, cannot tell Big5 from GBK in a
//! short text: nearly every text in one is valid in the other.

use contract::DecidedBy;

use crate::{
    Charset,
    evidence::Evidence,
    model::{BIT, Cost, model},
    strict,
};

/// What bytes seem to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// The likeliest charset.
    pub charset: Charset,
    /// Whether no other one is nearly as likely.
    pub certain: bool,
}

/// In their order where two are equally likely.
const CANDIDATES: [Charset; 6] = [
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Big5,
    Charset::Utf16Le,
    Charset::Utf16Be,
    Charset::Windows1252,
];

/// The next likely charset must be so much less likely: one in four thousand million.
const CERTAIN: Cost = 32 * BIT;
/// Cost of a malformed sequence: text has hardly any.
const MALFORMED: Cost = 40 * BIT;
/// Text of people costs less for each byte, in whatever charset.
const PLAUSIBLE: Cost = 8 * BIT;
/// So many bytes decide.
const SAMPLE: usize = 4096;

/// Finds the likeliest charset. ASCII is UTF-8.
pub fn detect(bytes: &[u8]) -> Detected {
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) {
        return Detected { charset: Charset::Utf8, certain: true };
    }
    let sample = sample(bytes);
    let mut costs = CANDIDATES.map(|charset| (cost(sample, charset), charset));
    costs.sort_by_key(|(cost, _)| *cost);
    let [(best, charset), (next, _), ..] = costs;
    let len = Cost::try_from(sample.len()).unwrap_or(Cost::MAX);
    let is_text = best <= PLAUSIBLE.saturating_mul(len);
    Detected { charset, certain: is_text && next - best >= CERTAIN }
}

/// From shortly before the first byte that is not ASCII: a long head in English says nothing.
fn sample(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| !byte.is_ascii() || *byte == 0).unwrap_or(0);
    // Whole units of UTF-16.
    let start = first.saturating_sub(64) & !1;
    &bytes[start..bytes.len().min(start + SAMPLE)]
}

fn cost(sample: &[u8], charset: Charset) -> Cost {
    // The sample, and perhaps the body, ends in the middle of a character.
    let decoded = strict::decode(sample, Evidence::of(charset, DecidedBy::Detected), true);
    let n_malformed = Cost::try_from(decoded.malformed.len()).unwrap_or(Cost::MAX);
    model().cost_of(&decoded.text).saturating_add(MALFORMED.saturating_mul(n_malformed))
}
