//! Frequencies of characters: the counts in `model/chinese.txt` (its first lines say how they were
//! made), and an estimate, from the standards that contain it, for each Han character without count.

use encoding_rs::{BIG5, EUC_JP, Encoding, GB18030};

use super::{bmp_index, cost_of_probability, is_counted};

const SHIPPED: &str = include_str!("../../model/chinese.txt");

/// How often characters of the basic plane, and pairs of them, occurred.
pub(super) struct Counts {
    characters: Vec<Character>,
    /// The sum of the counts of all Han characters and Chinese punctuation.
    total: f64,
}

/// A character, its count, and the counts of the characters that followed it.
struct Character {
    code: u16,
    n: f64,
    followers: Vec<(u16, f64)>,
}

impl Counts {
    pub(super) fn shipped() -> Self {
        Self::read(SHIPPED)
    }

    /// Parses one line for each character: the character, its count, then each follower with its
    /// count.
    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut characters: Vec<_> = lines.filter_map(character).collect();
        characters.sort_unstable_by_key(|character| character.code);
        let counted = |c: &&Character| char::from_u32(u32::from(c.code)).is_some_and(is_counted);
        let total = characters.iter().filter(counted).map(|character| character.n).sum();
        Self { characters, total }
    }

    /// The relative frequency of a character.
    pub(super) fn share(&self, code: usize) -> f64 {
        let found =
            self.characters.binary_search_by_key(&code, |character| usize::from(character.code));
        found.map_or(0.0, |index| self.characters[index].n / self.total)
    }

    /// The costs of the pairs that were seen; and for each character, the extra cost if one follows
    /// that was not seen after it. `alone` has the cost of each character without context. The method
    /// is that of Witten and Bell (1991): a character with many different followers will have new ones.
    pub(super) fn pairs(&self, alone: &[u8]) -> (Pairs, Vec<u8>) {
        let n_pairs = self.characters.iter().map(|character| character.followers.len()).sum();
        let mut pairs = Pairs::with_capacity(n_pairs);
        let mut escape = vec![0; alone.len()];
        for Character { code, n, followers } in &self.characters {
            let n_followers = followers.len() as f64;
            let n_pairs_seen: f64 = followers.iter().map(|(_, n)| n).sum();
            let total = n + n_followers + 1.0;
            let others = (total - n_pairs_seen) / total;
            escape[usize::from(*code)] = cost_of_probability(others);
            for (follower, n) in followers {
                let unigram = f64::exp2(-f64::from(alone[usize::from(*follower)]) / 8.0);
                pairs.insert(
                    (*code).into(),
                    (*follower).into(),
                    cost_of_probability(n / total + others * unigram),
                );
            }
        }
        (pairs, escape)
    }
}

/// Parses a line; `None` if it has no followers or a character outside the basic plane.
fn character(line: &str) -> Option<Character> {
    let mut words = line.splitn(3, ' ');
    let c = words.next()?.chars().next()?;
    let n = words.next()?.parse().ok()?;
    let mut followers = Vec::new();
    let mut rest = words.next()?;
    while let Some(follower) = rest.chars().next() {
        let digits = &rest[follower.len_utf8()..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if let (Ok(code), Ok(n)) = (u16::try_from(u32::from(follower)), digits[..end].parse()) {
            followers.push((code, n));
        }
        rest = &digits[end..];
    }
    Some(Character { code: u16::try_from(u32::from(c)).ok()?, n, followers })
}

/// Costs of pairs of characters of the basic plane. A hash table with open addressing is fast: it is
/// used for every character of a broken text.
pub(super) struct Pairs {
    /// The key of the pair in each slot; 0 if the slot is free, because U+0000 is in no pair.
    keys: Vec<u32>,
    costs: Vec<u8>,
    /// A hash is shifted right by this number of bits, so that it is a valid index.
    shift: u32,
}

impl Pairs {
    pub(super) fn with_capacity(n: usize) -> Self {
        let size = (2 * n).next_power_of_two().max(2);
        Self { keys: vec![0; size], costs: vec![0; size], shift: u32::BITS - size.ilog2() }
    }

    pub(super) fn insert(&mut self, first: usize, second: usize, cost: u8) {
        let slot = self.slot(key(first, second));
        self.keys[slot] = key(first, second);
        self.costs[slot] = cost;
    }

    /// For each code, whether any pair begins with it, and whether any ends with it.
    pub(super) fn members(&self) -> (Vec<bool>, Vec<bool>) {
        let (mut begins, mut ends) = (vec![false; 0x1_0000], vec![false; 0x1_0000]);
        for key in self.keys.iter().filter(|key| **key != 0) {
            let [first, second] = [key >> 16, key & 0xFFFF].map(|code| code as usize);
            (begins[first], ends[second]) = (true, true);
        }
        (begins, ends)
    }

    pub(super) fn get(&self, first: usize, second: usize) -> Option<u8> {
        let slot = self.slot(key(first, second));
        (self.keys[slot] != 0).then(|| self.costs[slot])
    }

    /// The slot of the key, or the free slot where it would be. Half of the slots are free.
    fn slot(&self, key: u32) -> usize {
        // Knuth's multiplicative hashing.
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        while self.keys[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & (self.keys.len() - 1);
        }
        slot
    }
}

/// The key of a pair. Both codes are below 2^16.
fn key(first: usize, second: usize) -> u32 {
    u32::try_from((first << 16) | (second & 0xFFFF)).unwrap_or(0)
}

/// A part of a standard: its lead bytes, and the assumed share of its characters in all text.
struct Level {
    encoding: &'static Encoding,
    leads: std::ops::RangeInclusive<u8>,
    share: f64,
}

/// If several levels contain a character, the one that gives the highest probability counts.
fn levels() -> [Level; 9] {
    let level = |encoding, leads, share| Level { encoding, leads, share };
    [
        // GB 2312: punctuation and full-width forms, common characters, other characters; then GBK.
        level(GB18030, 0xA1..=0xA3, 0.01),
        level(GB18030, 0xB0..=0xD7, 0.03),
        level(GB18030, 0xD8..=0xF7, 0.006),
        level(GB18030, 0x81..=0xFE, 0.003),
        // Big5: common characters, other characters; then those of Hong Kong.
        level(BIG5, 0xA4..=0xC6, 0.03),
        level(BIG5, 0xC9..=0xF9, 0.006),
        level(BIG5, 0x87..=0xFE, 0.001),
        // JIS X 0208: common characters, other characters.
        level(EUC_JP, 0xB0..=0xCF, 0.02),
        level(EUC_JP, 0xD0..=0xF4, 0.003),
    ]
}

/// Probability of each character of the basic plane, estimated from the standards.
pub(super) fn prior() -> Vec<f64> {
    // About thirty thousand characters are in no two-byte standard; together they get a share of 0.001.
    let mut prior = vec![0.001 / 30_000.0; 0x1_0000];
    for level in levels() {
        let characters = characters(&level);
        let probability = level.share / characters.len() as f64;
        for code in characters {
            prior[code] = f64::max(prior[code], probability);
        }
    }
    prior
}

/// The codes of all characters of a level.
fn characters(level: &Level) -> Vec<usize> {
    let pairs = level.leads.clone().flat_map(|lead| (0x40..=0xFE).map(move |trail| [lead, trail]));
    pairs
        .filter_map(|pair| {
            let text = level.encoding.decode_without_bom_handling_and_without_replacement(&pair)?;
            let mut chars = text.chars();
            let (first, None) = (chars.next()?, chars.next()) else { return None };
            bmp_index(first)
        })
        .collect()
}
