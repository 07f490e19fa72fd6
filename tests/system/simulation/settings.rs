//! What a seed decides once for a run.

use std::time::Duration;

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use super::source::{Listing, Order};

/// How the source, the channel and the faults of a run are.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) is_embedded: bool,
    pub(crate) listing: Listing,
    pub(crate) order: Order,
    pub(crate) n_records: usize,
    pub(crate) n_changes: usize,
    pub(crate) max_entries: usize,
    pub(crate) max_messages: usize,
    /// How long the channel waits between two passes; `None`: the loop ends after each.
    pub(crate) every: Option<Duration>,
    pub(super) n_faults: usize,
    pub(super) fault_rate: f64,
    pub(super) max_changes: usize,
    pub(super) max_ticks: u64,
    /// How much slower the sink is than ingest.
    pub(super) slowness: u64,
}

impl Settings {
    pub(crate) fn new(dice: &mut ChaCha8Rng) -> Self {
        // Only a large batch has several messages.
        let is_large = dice.random_bool(0.2);
        let (max_entries, max_changes) =
            if is_large { (220..450, 60..250) } else { (3..60, 4..16) };
        let every =
            dice.random_bool(0.6).then(|| Duration::from_millis(8) * dice.random_range(1..200));
        Self {
            is_embedded: dice.random_bool(0.5),
            listing: *[Listing::Changes, Listing::Pages, Listing::Queue].choose(dice).unwrap(),
            order: *[Order::Reads, Order::Numbers, Order::Times].choose(dice).unwrap(),
            n_records: dice.random_range(200..260),
            n_changes: dice.random_range(60..200),
            max_entries: dice.random_range(max_entries),
            max_messages: dice.random_range(1..8),
            every,
            n_faults: dice.random_range(3..25),
            fault_rate: dice.random_range(0.02..0.15),
            max_changes: dice.random_range(max_changes),
            max_ticks: dice.random_range(1..30),
            slowness: *[1, 1, 3, 10].choose(dice).unwrap(),
        }
    }
}
