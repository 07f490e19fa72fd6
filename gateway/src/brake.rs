//! The brake: a source that no longer says what it always said is stopped before anything of it is
//! delivered, because demands without a title, or without a status, look right one by one.
//!
//! What "always" means is counted over the last thousand demands: those in the store when the loop
//! begins, and those that were read since. Whoever accepts the new shape lets the counting begin anew.

use std::sync::{Mutex, PoisonError};

use contract::{ChannelId, Fault, Shape};

/// Over so many of the last demands is counted.
const WINDOW: u64 = 1_000;
/// With fewer, nothing is known of what is usual.
const ENOUGH: u64 = 100;
/// What so many of a hundred have is usual.
const USUAL: u64 = 95;
/// So many in a row may lack it by chance: of ten, one time in ten million million.
const IN_A_ROW: u64 = 10;

/// The brake of one channel.
#[derive(Debug, Default)]
pub struct Brake(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Shape,
    /// Of each field, how many in a row have lacked it.
    lacking: [u64; Shape::FIELDS.len()],
}

impl Brake {
    /// Knows the `last` demands of the channel.
    pub fn new(last: Shape) -> Self {
        Self(Mutex::new(Seen { last, ..Seen::default() }))
    }

    /// Looks at a batch of `channel` that is about to be delivered.
    ///
    /// # Errors
    /// `Stopped`: none of its demands has what all had before.
    pub fn look(&self, channel: &ChannelId, batch: &Shape) -> Result<(), Fault> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { last, lacking } = &mut *seen;
        let mut missing = Vec::new();
        for (at, field) in Shape::FIELDS.iter().enumerate() {
            let run = if batch.present[at] == 0 { lacking[at] + batch.demands } else { 0 };
            let is_usual = last.demands >= ENOUGH && last.present[at] * 100 >= last.demands * USUAL;
            if is_usual && run >= IN_A_ROW {
                missing.push(*field);
            }
            lacking[at] = run;
        }
        if missing.is_empty() {
            *last = slid(last, batch);
            return Ok(());
        }
        let missing = missing.join(", ");
        let n = batch.demands;
        Err(Fault::stopped(format!(
            "shape changed: none of {n} records has what all had: {missing}"
        ))
        .at(format!("channel {channel}"))
        .remedy(format!(
            "look with `tonghui preview {channel}` and mend [demand]; if the source is right, \
                 `tonghui accept {channel}`"
        )))
    }
}

/// The window, moved along by a batch.
fn slid(window: &Shape, batch: &Shape) -> Shape {
    let kept = WINDOW.saturating_sub(batch.demands).min(window.demands);
    // The oldest leave in their proportions: which of them had what is not remembered.
    let share = |count: u64| (count * kept).checked_div(window.demands).unwrap_or(0);
    let present = std::array::from_fn(|at| share(window.present[at]) + batch.present[at]);
    Shape { demands: kept + batch.demands, present }
}

#[cfg(test)]
mod tests {
    use contract::DemandBody;

    use super::*;

    fn batch(n: u64, has_title: bool) -> Shape {
        let mut shape = Shape::default();
        let title = has_title.then(|| "路灯不亮".to_owned());
        for _ in 0..n {
            shape.add(&DemandBody { title: title.clone(), ..DemandBody::default() });
        }
        shape
    }

    fn looks(brake: &Brake, batch: &Shape) -> bool {
        brake.look(&"hotline".parse().unwrap(), batch).is_ok()
    }

    #[test]
    fn a_field_that_all_had_and_none_has_stops_the_channel() {
        let brake = Brake::new(batch(1_000, true));
        assert!(looks(&brake, &batch(500, true)));
        assert!(!looks(&brake, &batch(10, false)));
        assert!(!looks(&brake, &batch(10, false)), "it stays stopped");
        assert!(looks(&brake, &batch(1, true)), "until the source says it again");
    }

    #[test]
    fn a_few_in_small_batches_are_counted_together() {
        let brake = Brake::new(batch(1_000, true));
        let n = (1..100).take_while(|_| looks(&brake, &batch(1, false))).count();
        assert_eq!(n, 9);
    }

    #[test]
    fn what_was_never_usual_and_what_is_new_stops_nothing() {
        let seldom = slid(&batch(940, true), &batch(60, false));
        assert!(looks(&Brake::new(seldom), &batch(50, false)));
        assert!(looks(&Brake::new(batch(99, true)), &batch(50, false)), "too few to know");
        assert!(looks(&Brake::default(), &batch(500, false)));
        assert!(looks(&Brake::new(batch(1_000, true)), &batch(0, false)));
    }

    #[test]
    fn the_window_holds_the_last_thousand() {
        let last = slid(&batch(1_000, true), &batch(250, false));
        assert_eq!((last.demands, last.present[1]), (1_000, 750));
        let last = slid(&last, &batch(2_000, true));
        assert_eq!((last.demands, last.present[1]), (2_000, 2_000));
    }
}
