//! A table of pairs that is asked for every character of a broken text: open addressing, nothing
//! in it but the keys and the costs.

/// Costs of pairs of characters of the basic plane.
pub(super) struct Pairs {
    /// 0 where there is none: U+0000 is in no pair.
    keys: Vec<u32>,
    costs: Vec<u8>,
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

    pub(super) fn get(&self, first: usize, second: usize) -> Option<u8> {
        let slot = self.slot(key(first, second));
        (self.keys[slot] != 0).then(|| self.costs[slot])
    }

    /// Where the key is, or the free place where it would be. Half of the places are free.
    fn slot(&self, key: u32) -> usize {
        // Knuth's multiplicative hashing.
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        while self.keys[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & (self.keys.len() - 1);
        }
        slot
    }
}

/// Both codes are below 2^16.
fn key(first: usize, second: usize) -> u32 {
    u32::try_from((first << 16) | (second & 0xFFFF)).unwrap_or(0)
}
