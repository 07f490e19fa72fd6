//! The brake: a source that no longer says what it always said is stopped before anything of it is
//! delivered, because demands without a title, or without a status, look right one by one.
//!
//! What "always" means is counted over the last thousand demands, each once however often the source
//! gives it again: those in the store when the loop begins, and those that were read since. Whoever
//! accepts the new shape lets the counting begin anew.

use std::{
    array,
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use contract::{ChannelId, DemandId, Fault, Shape};

/// Over so many of the last demands is counted.
const WINDOW: usize = 1_000;
/// With fewer, nothing is known of what is usual.
const ENOUGH: usize = 100;
/// What so many of a hundred have is usual.
const USUAL: usize = 95;
/// So many in a row may lack it by chance: of ten, one time in ten million million.
const IN_A_ROW: usize = 10;

/// The brake of one channel.
#[derive(Debug, Default)]
pub struct Brake(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    shapes: HashMap<DemandId, Shape>,
    /// The same, the newest last.
    order: VecDeque<DemandId>,
    /// Of each field, how many in a row have lacked it.
    lacking: [usize; Shape::FIELDS.len()],
}

impl Brake {
    /// Knows the last demands of the channel, the newest first.
    pub fn new(last: Vec<(DemandId, Shape)>) -> Self {
        let run = |at| last.iter().take_while(|(_, shape)| !shape.has(at)).count();
        let mut seen = Seen { lacking: array::from_fn(run), ..Seen::default() };
        last.into_iter().rev().for_each(|(id, shape)| seen.add(id, shape));
        Self(Mutex::new(seen))
    }

    /// Looks at the demands of a batch of `channel` that is about to be delivered.
    ///
    /// # Errors
    /// `Stopped`: none of them has what all had before.
    pub fn look(&self, channel: &ChannelId, batch: &[(DemandId, Shape)]) -> Result<(), Fault> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is read again as it was says nothing new: a source at rest gives its last demand for ever.
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
            "none of the last {run} demands has {gone}, which nearly all had before"
        ))
        .remedy(format!(
            "look at `tonghui preview {channel}` and correct [demand]; if the source is right, run \
                 `tonghui accept {channel}`"
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

    /// Whether nearly all had the field before it began to be lacking.
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
    fn a_field_that_all_had_and_none_has_stops_the_channel() {
        let brake = Brake::new(batch(0..1_000, true));
        assert!(looks(&brake, &batch(1_000..1_500, true)));
        assert!(!looks(&brake, &batch(1_500..1_510, false)));
        assert!(!looks(&brake, &batch(1_500..1_510, false)), "it stays stopped");
        assert!(looks(&brake, &batch(1_500..1_501, true)), "until the source says it again");
    }

    #[test]
    fn a_few_in_small_batches_are_counted_together() {
        for known in [100, 1_000] {
            let brake = Brake::new(batch(0..known, true));
            let n = (known..known + 100)
                .take_while(|n| looks(&brake, &batch(*n..n + 1, false)))
                .count();
            assert_eq!(n, 9, "of {known}");
        }
    }

    #[test]
    fn who_begins_anew_goes_on_counting_behind_what_is_stored() {
        let mut stored = batch(1_000..1_009, false);
        stored.extend(batch(0..1_000, true));
        for _ in 0..2 {
            assert!(!looks(&Brake::new(stored.clone()), &batch(1_009..1_010, false)));
        }
        assert!(looks(&Brake::new(stored.clone()), &batch(1_009..1_010, true)));
        assert!(looks(&Brake::new(stored), &batch(1_000..1_009, false)), "nothing new");
    }

    #[test]
    fn a_source_at_rest_that_gives_one_demand_again_and_again_goes_on() {
        let brake = Brake::new(batch(0..1_000, true));
        assert!((0..100).all(|_| looks(&brake, &batch(1_000..1_001, false))));
        let n = (1_001..1_100).take_while(|n| looks(&brake, &batch(*n..n + 1, false))).count();
        assert_eq!(n, 8, "what is usual was not forgotten, and the one was counted once");
    }

    #[test]
    fn what_is_given_again_beside_it_hides_nothing() {
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
    fn what_was_never_usual_and_what_is_new_stops_nothing() {
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
