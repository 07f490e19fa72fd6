//! What happens in a source: all states of its records, in the order in which they come.

use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

/// What becomes of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    /// The connector cannot read it.
    Unreadable,
    /// The mapping rejects it.
    Invalid,
    /// A rule of the channel skips it.
    Skipped,
}

/// One state of a record.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) nature: Nature,
    /// In milliseconds, by the clock of the source; several states have the same.
    pub(super) time: i64,
}

/// All states, in the order in which they come.
pub(crate) fn script(n_records: usize, n_changes: usize, dice: &mut ChaCha8Rng) -> Vec<State> {
    let mut steps: Vec<bool> = vec![true; n_records];
    steps.extend(vec![false; n_changes]);
    steps[1..].shuffle(dice);
    let mut states: Vec<State> = Vec::new();
    let (mut n, mut time) = (0, 0);
    for is_new in steps {
        if dice.random_bool(0.6) {
            time += dice.random_range(1..50);
        }
        let earlier = (!is_new).then(|| dice.random_range(0..states.len()));
        let key = earlier.map_or_else(|| format!("K{n:04}"), |index| states[index].key.clone());
        n += usize::from(is_new);
        let nature = match dice.random_range(0..100) {
            0..85 => Nature::Good,
            85..91 => Nature::Unreadable,
            91..96 => Nature::Invalid,
            _ => Nature::Skipped,
        };
        // Some changes give a record back a content that it had.
        let text = match earlier.filter(|_| dice.random_bool(0.2)) {
            Some(index) => states[index].text.clone(),
            None => format!("{key} 的诉求内容，第 {} 个状态", states.len()),
        };
        states.push(State { key, text, nature, time });
    }
    states
}
