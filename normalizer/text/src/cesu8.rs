//! CESU-8: a character outside the basic plane as two surrogates of three bytes each, as the charset
//! "UTF8" of Oracle and old versions of MySQL write it. It is exact, and no valid UTF-8 contains it.

/// The number of bytes of a pair.
pub(crate) const LEN: usize = 6;

/// What the first bytes of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    /// A pair of surrogates, which means this character.
    Whole(char),
    /// The beginning of a pair; more bytes are needed.
    Begun,
    /// Something else.
    None,
}

/// Whether `bytes` begin with a pair.
pub(crate) fn begins(bytes: &[u8]) -> Pair {
    let allowed = [0xED..=0xED, 0xA0..=0xAF, 0x80..=0xBF, 0xED..=0xED, 0xB0..=0xBF, 0x80..=0xBF];
    let is_allowed = bytes.iter().zip(&allowed).all(|(byte, allowed)| allowed.contains(byte));
    match bytes {
        [_, high, high_end, _, low, low_end, ..] if is_allowed => {
            let bits =
                |first: u8, second: u8| u32::from(first & 0xF) << 6 | u32::from(second & 0x3F);
            let code = 0x1_0000 + (bits(*high, *high_end) << 10) + bits(*low & 0xF, *low_end);
            char::from_u32(code).map_or(Pair::None, Pair::Whole)
        }
        _ if is_allowed && !bytes.is_empty() && bytes.len() < LEN => Pair::Begun,
        _ => Pair::None,
    }
}

/// The first pair in `bytes`, or the beginning of one at their end: its offset, and what it is.
pub(crate) fn find(bytes: &[u8]) -> Option<(usize, Pair)> {
    let leads = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0xED);
    let mut found = leads.map(|(at, _)| (at, begins(&bytes[at..])));
    found.find(|(_, pair)| *pair != Pair::None)
}
