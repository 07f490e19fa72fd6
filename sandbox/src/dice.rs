//! Reproducible random numbers. Every record has its own random stream, so record 700 does not depend on
//! how many other records there are.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded random number generator.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The random stream `stream` of `seed`; usually, `stream` is the number of a record.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number from 0 to `end - 1`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }

    /// Returns true with a probability of one in `n`.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.between(1, n) == 1
    }

    /// A random one of these texts.
    ///
    /// # Panics
    /// If `texts` is empty. All callers pass tables of this crate, which are not empty.
    pub(crate) fn pick<'a, T: AsRef<str>>(&mut self, texts: &'a [T]) -> &'a str {
        texts[self.below(texts.len())].as_ref()
    }

    /// A random character of `choices`.
    pub(crate) fn letter(&mut self, choices: &str) -> char {
        let index = self.below(choices.chars().count());
        choices.chars().nth(index).unwrap_or_default()
    }

    /// A string of `count` random decimal digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.letter("0123456789")).collect()
    }

    /// A random version-4 UUID, the format of the hotline's keys.
    pub(crate) fn guid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random::<u128>().to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_its_neighbour() {
        assert_eq!(Dice::new(1, 7).digits(40), Dice::new(1, 7).digits(40));
        assert_ne!(Dice::new(1, 7).digits(40), Dice::new(1, 8).digits(40));
        assert_ne!(Dice::new(1, 7).digits(40), Dice::new(2, 7).digits(40));
    }

    #[test]
    fn guids_are_version_four() {
        let guid = Dice::new(1, 1).guid();
        assert_eq!(guid.len(), 36);
        assert_eq!(&guid[14..15], "4");
        assert!("89ab".contains(&guid[19..20]));
    }
}
