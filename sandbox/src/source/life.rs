//! The life of a source: items come in, move along their ways, and are taken away.

use std::time::Duration;

use chrono::TimeDelta;

use crate::dice::Dice;
use crate::source::{Simulator, Upstream};

#[expect(private_bounds, reason = "the kinds of sources are a closed set, named beside it")]
impl<U: Upstream> Simulator<U> {
    /// Takes in `n` new items and returns their keys in order; fewer when the corpus is used up.
    /// The first call spreads them over [`Conduct::spread`](crate::Conduct::spread).
    pub fn file(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let shared = &mut *shared;
        let now = shared.office.now();
        let spread =
            if shared.office.filed == 0 { shared.office.conduct.spread } else { Duration::ZERO };
        let mut keys = Vec::new();
        for left in (0..n).rev() {
            let number = shared.office.filed + 1;
            if !shared.office.conduct.has_words(number) {
                break;
            }
            shared.office.filed = number;
            let received = now - part(spread, left, n);
            shared.office.register.add(number, received, received);
            shared.upstream.filed(&mut shared.office, number);
            if shared.office.register.entry(number).is_some_and(|entry| entry.gone.is_none()) {
                keys.push(U::key(number));
            }
        }
        keys
    }

    /// Moves `n` items chosen by chance one step along their ways, now. Returns their keys; the same
    /// one may occur twice, and fewer come back when most are at the end.
    pub fn touch(&self, n: u64) -> Vec<String> {
        let mut shared = self.locked();
        let office = &mut shared.office;
        let now = office.now();
        let mut moved = Vec::new();
        for i in 0..n {
            // A stream of its own: how much is filed in between changes nothing.
            let mut dice = Dice::new(office.conduct.seed ^ TOUCHING, office.touched + i);
            let entries = office.register.entries();
            let chosen = (0..20).find_map(|_| {
                let entry = entries.get(dice.below(entries.len()))?;
                let next = entry.last().step + 1;
                let moves = entry.gone.is_none() && next < U::steps(&office.conduct, entry.number);
                moves.then_some((entry.number, next))
            });
            let Some((number, step)) = chosen else { continue };
            office.register.moved(number, now, step);
            moved.push(U::key(number));
        }
        office.touched += n;
        moved
    }

    /// Moves one item a step along its way, now; false when there is no such item or it is at the
    /// end of its way.
    pub fn advance(&self, key: &str) -> bool {
        let mut shared = self.locked();
        let office = &mut shared.office;
        let now = office.now();
        let entry = office.register.entries().iter().find(|entry| U::key(entry.number) == key);
        let Some(entry) = entry.filter(|entry| entry.gone.is_none()) else { return false };
        let (number, step) = (entry.number, entry.last().step + 1);
        let moves = step < U::steps(&office.conduct, number);
        if moves {
            office.register.moved(number, now, step);
        }
        moves
    }

    /// Takes one item away: nobody is told of it any more. False when there is none.
    pub fn withdraw(&self, key: &str) -> bool {
        let mut shared = self.locked();
        let now = shared.office.now();
        let register = &mut shared.office.register;
        let entry = register.entries().iter().find(|entry| U::key(entry.number) == key);
        let Some(number) = entry.filter(|e| e.gone.is_none()).map(|e| e.number) else {
            return false;
        };
        register.take_away(number, now);
        true
    }
}

/// Keeps the choices of what moves apart from those of what is filed.
const TOUCHING: u64 = 0x746f_7563_6869_6e67;

/// `nth / of` of the span.
fn part(span: Duration, nth: u64, of: u64) -> TimeDelta {
    let ms = span.as_millis() * u128::from(nth) / u128::from(of.max(1));
    TimeDelta::milliseconds(i64::try_from(ms).unwrap_or_default())
}
