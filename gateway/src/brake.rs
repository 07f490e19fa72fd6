//! The brake: stops a channel before delivery when a field that nearly all demands had is missing from
//! all new ones. Each such demand looks valid by itself, so nothing else would notice.
//!
//! A field is usual if nearly all of the last thousand demands had it. Each demand counts once, however
//! often the source repeats it: those in the store when the loop begins, and those read since.
//! `tonghui accept` restarts the count.

use std::{
    array,
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use contract::{ChannelId, DemandId, Fault, Shape};

/// Number of last demands that are counted.
const WINDOW: usize = 1_000;
/// Fewest demands from which a field can be called usual.
const ENOUGH: usize = 100;
/// A field is usual if at least this many of 100 demands have it.
const USUAL: usize = 95;
/// The channel stops when this many new demands in a row lack a usual field. If one demand in twenty
/// lacks it, ten in a row happen once in 10^13 by chance.
const IN_A_ROW: usize = 10;

/// The brake of one channel.
#[derive(Debug, Default)]
pub struct Brake(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    shapes: HashMap<DemandId, Shape>,
    /// The same demands, the newest last.
    order: VecDeque<DemandId>,
    /// For each field, how many demands in a row lack it.
    lacking: [usize; Shape::FIELDS.len()],
}

impl Brake {
    /// A brake that knows the last demands of the channel, the newest first.
    pub fn new(last: Vec<(DemandId, Shape)>) -> Self {
        let run = |at| last.iter().take_while(|(_, shape)| !shape.has(at)).count();
        let mut seen = Seen { lacking: array::from_fn(run), ..Seen::default() };
        last.into_iter().rev().for_each(|(id, shape)| seen.add(id, shape));
        Self(Mutex::new(seen))
    }

    /// Checks the demands of a batch of `channel` that is about to be delivered.
    ///
    /// # Errors
    /// `Stopped`: a usual field is missing from all new demands.
    pub fn look(&self, channel: &ChannelId, batch: &[(DemandId, Shape)]) -> Result<(), Fault> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A repeated demand is no news: an idle source may give its last demand for ever.
        let is_news = |(id, shape): &&(DemandId, Shape)| seen.shapes.get(id) != Some(shape);
        let news: Vec<_> = batch.iter().filter(is_news).copied().collect();
        if news.is_empty() {
            return Ok(());
        }
        let lacking = array::from_fn(|at| {
            let is_said = news.iter().any(|(_, shape)| shape.has(at));
            if is_said { 0 } else { seen.lacking[at] + news.len() }
        });
        let is_gone = |at: &usize| lacking[*at] >= IN_A_ROW && seen.is_usual(*at);
        let gone: Vec<_> = (0..Shape::FIELDS.len()).filter(is_gone).collect();
        let Some(run) = gone.iter().map(|at| lacking[*at]).min() else {
            seen.lacking = lacking;
            news.into_iter().for_each(|(id, shape)| seen.add(id, shape));
            return Ok(());
        };
        let gone: Vec<_> = gone.into_iter().map(|at| Shape::FIELDS[at]).collect();
        let gone = gone.join(", ");
        Err(Fault::stopped(format!(
            "none of the last {run} demands has {gone}; nearly all earlier ones had it"
        ))
        .remedy(format!(
            "check the records with `tonghui preview {channel}` and correct [demand]; if the source is \
                 right, run `tonghui accept {channel}`"
        )))
    }
}

impl Seen {
    fn add(&mut self, id: DemandId, shape: Shape) {
        if self.shapes.insert(id, shape).is_some() {
            self.order.retain(|known| *known != id);
        }
        self.order.push_back(id);
        if self.order.len() > WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.shapes.remove(&oldest);
        }
    }

    /// Whether nearly all demands had the field before it went missing.
    fn is_usual(&self, at: usize) -> bool {
        let before = self.order.len().saturating_sub(self.lacking[at]);
        let having = self.shapes.values().filter(|shape| shape.has(at)).count();
        before >= ENOUGH && having * 100 >= before * USUAL
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use contract::RecordKey;

    use super::*;

    const TITLE: usize = 1;

    fn channel() -> ChannelId {
        "hotline".parse().unwrap()
    }

    /// These demands, each with all or with nothing.
    fn batch(numbers: Range<u32>, has_title: bool) -> Vec<(DemandId, Shape)> {
        let id = |n: u32| DemandId::of(&channel(), &RecordKey::new(n.to_string()));
        let shape = Shape::new(array::from_fn(|at| at == TITLE && has_title));
        numbers.rev().map(|n| (id(n), shape)).collect()
    }

    fn looks(brake: &Brake, batch: &[(DemandId, Shape)]) -> bool {
        brake.look(&channel(), batch).is_ok()
    }

    #[test]
    fn a_usual_field_that_is_missing_stops_the_channel() {
        let brake = Brake::new(batch(0..1_000, true));
        assert!(looks(&brake, &batch(1_000..1_500, true)));
        assert!(!looks(&brake, &batch(1_500..1_510, false)));
        assert!(!looks(&brake, &batch(1_500..1_510, false)), "it stays stopped");
        assert!(looks(&brake, &batch(1_500..1_501, true)), "until the source says it again");
    }

    #[test]
    fn small_batches_are_counted_together() {
        for known in [100, 1_000] {
            let brake = Brake::new(batch(0..known, true));
            let n = (known..known + 100)
                .take_while(|n| looks(&brake, &batch(*n..n + 1, false)))
                .count();
            assert_eq!(n, 9, "of {known}");
        }
    }

    #[test]
    fn a_restart_continues_the_count_from_the_store() {
        let mut stored = batch(1_000..1_009, false);
        stored.extend(batch(0..1_000, true));
        for _ in 0..2 {
            assert!(!looks(&Brake::new(stored.clone()), &batch(1_009..1_010, false)));
        }
        assert!(looks(&Brake::new(stored.clone()), &batch(1_009..1_010, true)));
        assert!(looks(&Brake::new(stored), &batch(1_000..1_009, false)), "nothing new");
    }

    #[test]
    fn an_idle_source_that_repeats_one_demand_does_not_stop() {
        let brake = Brake::new(batch(0..1_000, true));
        assert!((0..100).all(|_| looks(&brake, &batch(1_000..1_001, false))));
        let n = (1_001..1_100).take_while(|n| looks(&brake, &batch(*n..n + 1, false))).count();
        assert_eq!(n, 8, "what is usual was not forgotten, and the one was counted once");
    }

    #[test]
    fn repeated_demands_beside_new_ones_hide_nothing() {
        let brake = Brake::new(batch(0..1_000, true));
        let beside = |n| [batch(990..1_000, true), batch(n..n + 1, false)].concat();
        assert_eq!((1_000..1_100).take_while(|n| looks(&brake, &beside(*n))).count(), 9);
    }

    #[test]
    fn demands_that_lose_what_they_had_stop_the_channel() {
        let brake = Brake::new(batch(0..1_000, true));
        assert!(!looks(&brake, &batch(985..1_000, false)));
    }

    #[test]
    fn fields_that_were_never_usual_and_new_channels_stop_nothing() {
        let seldom = [batch(940..1_000, true), batch(800..940, false), batch(0..800, true)];
        assert!(looks(&Brake::new(seldom.concat()), &batch(1_000..1_050, false)));
        let few = Brake::new(batch(0..99, true));
        assert!(looks(&few, &batch(99..149, false)), "too few to know");
        assert!(looks(&Brake::default(), &batch(0..500, false)));
        assert!(looks(&Brake::new(batch(0..1_000, true)), &[]));
    }

    #[test]
    fn only_the_last_thousand_count() {
        let brake = Brake::new(batch(0..1_000, false));
        assert!(looks(&brake, &batch(1_000..1_900, true)));
        assert!(looks(&brake, &batch(1_900..1_950, false)), "900 of 1,000 had it");
        let brake = Brake::new(batch(0..1_000, false));
        assert!(looks(&brake, &batch(1_000..2_000, true)));
        assert!(!looks(&brake, &batch(2_000..2_050, false)), "all of 1,000 had it");
    }
}
