//! Makes new inputs from existing ones.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// The maximum length of an input.
pub(crate) const MAX_LEN: usize = 4096;

/// The maximum number of inputs to mutate, including the corpus.
const MAX_POOL: usize = 512;

/// Makes inputs, in an order that the seed determines.
pub(crate) struct Mutator {
    /// The number of inputs from the corpus, which are first in the pool.
    n_corpus: usize,
    /// The inputs to mutate.
    pool: Vec<Vec<u8>>,
    random: StdRng,
}

/// Bytes that have a meaning for decoders and parsers.
const TOKENS: [&[u8]; 40] = [
    b"\x80",
    b"\xFF",
    b"\xFE\xFF",
    b"\xFF\xFE",
    b"\xEF\xBB\xBF",
    b"\x81\x30\x81\x30",
    b"\x84\x31\xA4\x37",
    b"\xE4\xB8",
    b"\xF0\x9F\x98\x80",
    b"\xED\xA0\x80",
    b"\xC3\xA4",
    b"\xC2\xA0",
    b"\0",
    b"\r\n",
    b"_x000D_",
    b"&amp;#1;",
    b"<br>",
    b"<!--",
    b"\xEF\xBF\xBD",
    b"\xA1\xA1",
    b"\xC7\xF8",
    b"<?xml encoding='gbk'?>",
    "锟斤拷".as_bytes(),
    "烫烫烫".as_bytes(),
    b"<![CDATA[",
    b"]]>",
    b"</",
    b"/>",
    b" a='1'",
    b"&lt;",
    b"{\"",
    b"\":",
    b"\",\"",
    b"\"\"",
    b"[[",
    b"\\ud83d",
    b"-1e400",
    b"2026-10-09 10:30:00",
    b"13800001234",
    "１２:３０".as_bytes(),
];

impl Mutator {
    pub(crate) fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { n_corpus: corpus.len(), pool: corpus, random: StdRng::seed_from_u64(seed) }
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.one_of_pool();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(MAX_LEN);
        // New inputs join the pool, so that they are mutated further. The corpus always stays in it.
        if self.pool.len() < MAX_POOL {
            self.pool.push(input.clone());
        } else if self.below(8) == 0 {
            let place = self.n_corpus + self.below(MAX_POOL - self.n_corpus);
            self.pool[place].clone_from(&input);
        }
        input
    }

    fn one_of_pool(&mut self) -> Vec<u8> {
        let place = self.below(self.pool.len().max(1));
        self.pool.get(place).cloned().unwrap_or_default()
    }

    /// Makes one random change.
    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(8)).min(input.len());
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 => input.insert(at, self.byte()),
            2 => drop(input.drain(at..end)),
            3 => {
                let token = TOKENS[self.below(TOKENS.len())];
                drop(input.splice(at..at, token.iter().copied()));
            }
            4 => {
                let piece = input[at..end].to_vec();
                let n = self.below(20);
                drop(input.splice(at..at, piece.repeat(n)));
            }
            5 => {
                let other = self.one_of_pool();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input[at..end].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
        }
    }

    fn byte(&mut self) -> u8 {
        self.random.random()
    }

    /// A number below `n`, which is not 0.
    fn below(&mut self, n: usize) -> usize {
        self.random.random_range(0..n)
    }
}
