//! Detects the charset from the bytes alone. They may come in pieces, and only a few KiB are kept.
//!
//! One pass counts what is valid UTF-8 and takes a sample. Unless nearly all of it is UTF-8, the
//! sample is decoded in each charset that sources use. A [model](crate::model) of characters says
//! how many bits each decoded text costs, and the cheapest text wins. The difference to the second
//! says how much likelier it is; if it is small, the result is uncertain. Byte patterns, as browsers
//! use them, cannot distinguish Big5 from GBK in a short text: nearly every text in one is valid in
//! the other.

use contract::DecidedBy;

use crate::{
    Charset, Decoded,
    cesu8::{self, Pair},
    decode::Evidence,
    foreign::Escapes,
    model::{BIT, Cost, model},
    strict,
};

/// The detected charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// The likeliest charset.
    pub charset: Charset,
    /// Whether no other charset is nearly as likely.
    pub is_certain: bool,
}

/// The charsets that are tried. If two are equally likely, the first one wins.
const CANDIDATES: [Charset; 6] = [
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Big5,
    Charset::Utf16Le,
    Charset::Utf16Be,
    Charset::Windows1252,
];

/// With this lead over the second, the likeliest charset is certain: it is 2^32 times as likely.
const MIN_LEAD: Cost = 32 * BIT;
/// Cost of a damaged place, which is rare in the right charset.
const DAMAGE_COST: Cost = 40 * BIT;
/// Cost of each further malformed byte in a damaged place: it can be any byte.
const BYTE_COST: Cost = 8 * BIT;
/// If the best decoding costs more per byte, the bytes are not text in any of the charsets.
const MAX_COST_PER_BYTE: Cost = 8 * BIT;
/// Size of the sample, in bytes.
const MAX_SAMPLE_BYTES: usize = 4096;
/// The sample begins this number of bytes before the first byte that is not ASCII, and skips what is
/// farther from such bytes.
const BYTES_BEFORE: usize = 64;
/// Bytes kept from the beginning, for a byte order mark and an XML declaration.
const MAX_HEAD_BYTES: usize = 512;
/// Damaged UTF-8 has at least this number of bytes in valid multi-byte characters for each malformed
/// byte. In GBK text, one byte in four is valid UTF-8 by accident.
const MIN_GOOD_PER_MALFORMED: u64 = 8;
/// With this number of characters of three or more bytes, valid UTF-8 is no accident.
const MIN_LONG: u64 = 16;
/// A short text with at most this number of malformed bytes is UTF-8 if it has enough characters of
/// three or more bytes for each damaged place.
const MAX_SHORT_DAMAGE: u64 = 8;
const MIN_LONG_PER_PLACE: u64 = 2;
/// In Windows-1252, a text has at least this number of places that are not ASCII.
const MIN_LATIN_PLACES: u64 = 3;
/// If UTF-8 is unlikely after this number of malformed bytes, counting stops.
const MAX_MALFORMED: u64 = 4096;

/// Finds the likeliest charset. ASCII is UTF-8.
pub fn detect(bytes: &[u8]) -> Detected {
    Detector::of(bytes).0.detected()
}

/// Detects the charset of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Detector {
    n_bytes: u64,
    pub(crate) head: Vec<u8>,
    /// Bytes that are not ASCII, and those around them: a long ASCII text says nothing about the
    /// charset.
    sample: Vec<u8>,
    has_sample_begun: bool,
    /// The number of ASCII characters since the last other byte.
    n_plain: usize,
    pub(crate) has_nul: bool,
    /// The beginning of a character that continues in the next piece.
    unfinished: Vec<u8>,
    /// The number of bytes in valid multi-byte characters.
    n_good: u64,
    /// The number of valid characters of three or more bytes.
    n_long: u64,
    /// The number of malformed bytes.
    n_malformed: u64,
    /// The number of places with malformed bytes, and whether the last byte was malformed.
    n_places: u64,
    is_in_damage: bool,
    pub(crate) escapes: Escapes,
    /// Whether the first piece is the whole input.
    is_complete: bool,
}

impl Detector {
    /// The detector of a complete input. Also returns its text, if all of it is valid UTF-8.
    pub(crate) fn of(bytes: &[u8]) -> (Self, Option<&str>) {
        let mut detector = Self { is_complete: true, ..Self::default() };
        let text = detector.take(bytes);
        (detector, text)
    }

    /// Takes in the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.take(bytes);
    }

    /// Takes in the next bytes. Returns their text, if all of them are valid UTF-8.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        extend_to(&mut self.head, bytes, MAX_HEAD_BYTES);
        self.has_nul |= bytes.contains(&0);
        let text = self.count(bytes);
        // Nothing compares the sample of an input that is certainly UTF-8, and only ASCII may be a 7-bit
        // encoding: a complete input, which most are, needs neither then.
        if !self.is_complete || self.has_nul || !self.is_surely_utf8() {
            self.take_sample(bytes);
        }
        if !self.is_complete || self.is_ascii() {
            self.escapes.push(bytes);
        }
        self.n_bytes += bytes.len() as u64;
        text
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.n_good == 0 && self.n_malformed() == 0
    }

    /// Whether few bytes are malformed as UTF-8, and not all are ASCII.
    fn is_mostly_valid(&self) -> bool {
        self.n_good > 0 && self.n_good >= MIN_GOOD_PER_MALFORMED * self.n_malformed()
    }

    /// Whether so many characters are valid UTF-8, and so few bytes are malformed, that it is no accident.
    fn is_surely_utf8(&self) -> bool {
        self.is_mostly_valid() && self.n_long >= MIN_LONG
    }

    /// Whether the bytes are UTF-8 except for a few places, and not only ASCII. In a short text, few
    /// bytes decide: it is then compared with the charsets that are `declared`, because two Chinese
    /// characters of GBK may be valid UTF-8.
    pub(crate) fn is_nearly_utf8(&self, declared: &[Charset]) -> bool {
        if self.n_good == 0 || self.is_surely_utf8() {
            return self.n_good > 0;
        }
        if !self.is_mostly_valid() {
            // In a short text, one damaged place is a large part of it.
            let is_short = self.n_malformed() <= MAX_SHORT_DAMAGE;
            return is_short && self.n_long >= MIN_LONG_PER_PLACE * self.n_places;
        }
        let mut rivals = declared.iter().copied().chain([Charset::Gb18030]).enumerate();
        let (utf8, _) = self.cost_in(Charset::Utf8);
        // Letters that make no word are rather Chinese ones, however few there are.
        let lead = if self.has_no_word() { 0 } else { MIN_LEAD };
        !rivals.any(|(index, rival)| {
            // UTF-8 characters of two bytes may as well be Chinese ones in a declared charset.
            let is_trusted = index < declared.len() && self.n_long == 0;
            let (cost, n_malformed) = self.cost_in(rival);
            let (cost, limit) =
                if is_trusted { (cost, utf8 + MIN_LEAD) } else { (cost + lead, utf8) };
            n_malformed == 0 && (cost < limit || is_trusted && self.n_malformed() > 0)
        })
    }

    /// Whether the bytes are valid UTF-8 with characters of one and two bytes only, which make no word. Two
    /// Chinese characters of GBK may be such bytes: 停水 is U+0363 and U+02EE.
    fn has_no_word(&self) -> bool {
        self.n_long == 0
            && self.n_malformed() == 0
            && has_no_word(&self.decoded_in(Charset::Utf8).text)
    }

    /// Whether more than one short place is malformed as UTF-8.
    pub(crate) fn has_much_damage(&self) -> bool {
        self.n_places > 1 || self.n_malformed() > MAX_SHORT_DAMAGE
    }

    /// The variant of UTF-16, if it is certain. Without zero bytes it is none: every line end has one.
    pub(crate) fn utf16(&self) -> Option<Charset> {
        let detected = self.has_nul.then(|| self.detected())?;
        (detected.is_certain && !detected.charset.has_ascii()).then_some(detected.charset)
    }

    /// The number of malformed sequences if the sample is decoded in `charset`.
    pub(crate) fn n_malformed_in(&self, charset: Charset) -> usize {
        self.cost_in(charset).1
    }

    pub(crate) fn detected(&self) -> Detected {
        let is_utf8 = self.is_nearly_utf8(&[]) || self.is_ascii();
        if is_utf8 && !self.has_nul {
            return Detected { charset: Charset::Utf8, is_certain: true };
        }
        let mut costs = CANDIDATES.map(|charset| (self.cost_in(charset).0, charset));
        costs.sort_by_key(|(cost, _)| *cost);
        let [(best, charset), (next, _), ..] = costs;
        let len = Cost::try_from(self.sample.len()).unwrap_or(Cost::MAX);
        let is_text = best <= MAX_COST_PER_BYTE.saturating_mul(len);
        let is_certain = is_text && next - best >= MIN_LEAD;
        // Any byte is a letter in this charset: a few are rather damage.
        let is_little = self.n_places < MIN_LATIN_PLACES && self.n_malformed() <= MAX_SHORT_DAMAGE;
        if charset == Charset::Windows1252 && !self.has_nul && is_little {
            return Detected { charset: Charset::Utf8, is_certain: false };
        }
        Detected { charset, is_certain }
    }

    /// The cost of the sample in a charset, and the number of malformed sequences.
    pub(crate) fn cost_in(&self, charset: Charset) -> (Cost, usize) {
        let decoded = self.decoded_in(charset);
        let (mut cost, mut end) = (model().cost_of(&decoded.text), None);
        for span in &decoded.malformed {
            let is_next = end.replace(span.offset + span.len) == Some(span.offset);
            cost = cost.saturating_add(if is_next { BYTE_COST } else { DAMAGE_COST });
        }
        (cost, decoded.malformed.len())
    }

    /// The sample in a charset. It may end in the middle of a character.
    fn decoded_in(&self, charset: Charset) -> Decoded<'_> {
        strict::decode(&self.sample, Evidence::of(charset, DecidedBy::Detected), true)
    }

    fn n_malformed(&self) -> u64 {
        self.n_malformed + self.unfinished.len() as u64
    }

    fn take_sample(&mut self, bytes: &[u8]) {
        if !self.has_sample_begun {
            let first = bytes.iter().position(|byte| !is_plain(byte));
            let before = &bytes[..first.unwrap_or(bytes.len())];
            self.sample.extend(&before[before.len().saturating_sub(BYTES_BEFORE + 1)..]);
            let position = self.n_bytes + before.len() as u64;
            // The sample must begin with a whole code unit of UTF-16.
            let kept = BYTES_BEFORE + usize::from(position % 2 == 1);
            self.sample.drain(..self.sample.len().saturating_sub(kept));
            self.has_sample_begun = first.is_some();
            if !self.has_sample_begun {
                return;
            }
            self.extend_sample(&bytes[before.len()..], position);
            return;
        }
        self.extend_sample(bytes, self.n_bytes);
    }

    /// Appends bytes, the first of which is at `position`, and skips ASCII that is far from others.
    fn extend_sample(&mut self, bytes: &[u8], position: u64) {
        let mut at = 0;
        while at < bytes.len() && self.sample.len() < MAX_SAMPLE_BYTES {
            let rest = &bytes[at..];
            let plain = rest.iter().take_while(|byte| is_plain(byte)).count();
            let n_kept = plain.min(BYTES_BEFORE.saturating_sub(self.n_plain));
            extend_to(&mut self.sample, &rest[..n_kept], MAX_SAMPLE_BYTES);
            self.n_plain += plain;
            at += plain;
            if let Some(byte) = bytes.get(at) {
                // Whole code units of UTF-16 are skipped.
                let is_odd = (position + at as u64) % 2 == 1;
                if is_odd != (self.sample.len() % 2 == 1) {
                    self.sample.push(b'\n');
                }
                self.sample.push(*byte);
                self.n_plain = 0;
                at += 1;
                // The bytes beside it follow at once: they skip nothing.
                let beside = bytes[at..].iter().take_while(|byte| !is_plain(byte)).count();
                let n_taken = beside.min(MAX_SAMPLE_BYTES.saturating_sub(self.sample.len()));
                self.sample.extend_from_slice(&bytes[at..at + n_taken]);
                at += n_taken;
            }
        }
    }

    /// Whether the bytes can still turn out to be nearly UTF-8; `n_left` of this piece follow.
    fn can_be_utf8(&self, n_left: usize) -> bool {
        let is_open = self.n_malformed < MAX_MALFORMED || self.is_mostly_valid();
        let n_possible = self.n_good + n_left as u64;
        let is_undecided = !self.is_complete || self.n_malformed <= MAX_SHORT_DAMAGE;
        is_open && (is_undecided || n_possible >= MIN_GOOD_PER_MALFORMED * self.n_malformed)
    }

    /// Counts the bytes that are UTF-8 and those that are not, until it is certain that the input is not
    /// UTF-8. Returns their text, if all of them are valid.
    fn count<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        if self.unfinished.is_empty() {
            return self.count_from_start(bytes);
        }
        let joined = [&std::mem::take(&mut self.unfinished)[..], bytes].concat();
        self.count_from_start(&joined);
        None
    }

    /// Like [`Detector::count`]; the bytes do not begin within a character.
    fn count_from_start<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        let mut rest = bytes;
        while self.can_be_utf8(rest.len()) {
            let checked = std::str::from_utf8(rest);
            let n_valid = checked.map_or_else(|error| error.valid_up_to(), str::len);
            let (valid, after) = rest.split_at(n_valid);
            self.n_good += valid.iter().filter(|byte| !byte.is_ascii()).count() as u64;
            self.n_long += valid.iter().filter(|byte| **byte >= 0xE0).count() as u64;
            self.is_in_damage &= n_valid == 0;
            let n_bad = match checked {
                Ok(text) => return (rest.len() == bytes.len()).then_some(text),
                Err(error) => error.error_len(),
            };
            let Some(n_bad) = n_bad else {
                self.unfinished = after.to_vec();
                return None;
            };
            match cesu8::begins(after) {
                Pair::Whole(_) => {
                    self.n_good += cesu8::LEN as u64;
                    self.n_long += 1;
                    self.is_in_damage = false;
                    rest = &after[cesu8::LEN..];
                    continue;
                }
                Pair::Begun => {
                    self.unfinished = after.to_vec();
                    return None;
                }
                Pair::None => {}
            }
            let is_next = self.is_in_damage && n_valid == 0;
            self.n_places += u64::from(!is_next);
            self.is_in_damage = true;
            self.n_malformed += n_bad as u64;
            rest = &after[n_bad..];
        }
        None
    }
}

/// Whether this byte says nothing about the charset.
fn is_plain(byte: &u8) -> bool {
    byte.is_ascii() && *byte != 0
}

/// Appends bytes until `into` has `max` bytes.
fn extend_to(into: &mut Vec<u8>, bytes: &[u8], max: usize) {
    into.extend_from_slice(&bytes[..bytes.len().min(max.saturating_sub(into.len()))]);
}

/// Whether the letters of a text that are not ASCII make no word: no two of one alphabet stand side by side,
/// nor one beside an ASCII letter, and some are in no alphabet of a living language. A single letter of an
/// alphabet may be a symbol, and so are those of Latin-1: λ, µ, ·.
fn has_no_word(text: &str) -> bool {
    let (mut before, mut has_strange) = (' ', false);
    for c in text.chars() {
        let is_beside_ascii = !c.is_ascii() && before.is_ascii_alphabetic()
            || !before.is_ascii() && c.is_ascii_alphabetic();
        let is_word = is_beside_ascii || alphabet(c).is_some_and(|of| alphabet(before) == Some(of));
        if is_word || matches!(c, '\u{80}'..='\u{FF}') {
            return false;
        }
        has_strange |= !c.is_ascii() && alphabet(c).is_none();
        before = c;
    }
    has_strange
}

/// An alphabet of a living language that has characters of two bytes in UTF-8.
#[derive(PartialEq, Eq)]
enum Alphabet {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
}

/// The alphabet of a letter that is not ASCII; `None` for marks, historic letters and phonetic signs.
fn alphabet(c: char) -> Option<Alphabet> {
    match c {
        '\u{100}'..='\u{17F}' => Some(Alphabet::Latin),
        '\u{386}'..='\u{3CE}' => Some(Alphabet::Greek),
        '\u{400}'..='\u{45F}' => Some(Alphabet::Cyrillic),
        '\u{5D0}'..='\u{5EA}' => Some(Alphabet::Hebrew),
        '\u{620}'..='\u{6FF}' => Some(Alphabet::Arabic),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
