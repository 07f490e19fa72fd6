//! Reproducible random numbers: every record has its own stream, so that record 700 is the same
//! whether it was filed alone or as one of 50,000.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded random number generator.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of one record (or of another purpose) under a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number from 0 to `end - 1`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }

    /// True once in `n` on average.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.between(1, n) == 1
    }

    /// One of the texts.
    ///
    /// # Panics
    /// When `texts` is empty: all callers pass tables of this crate.
    pub(crate) fn pick<'a, T: AsRef<str>>(&mut self, texts: &'a [T]) -> &'a str {
        texts[self.below(texts.len())].as_ref()
    }

    /// One character of a string of choices.
    pub(crate) fn letter(&mut self, choices: &str) -> char {
        let index = self.below(choices.chars().count());
        choices.chars().nth(index).unwrap_or_default()
    }

    /// `count` decimal digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.letter("0123456789")).collect()
    }

    /// A version-4 UUID as the product of the hotline writes its keys.
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
