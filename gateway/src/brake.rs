//! The brake: stops a channel before delivery when a field that nearly all demands had is missing from
//! all new ones. Each of these demands looks valid by itself, so no other check would notice.
//!
//! A field is usual if nearly all of the latest thousand demands had it: those in the store when the loop
//! begins, and those read since. Each counts once, however often the source repeats it. `tonghui accept`
//! restarts the count.

use std::{
    array,
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use contract::{ChannelId, DemandId, DemandShape, Fault, Obstacle};

/// Number of the latest demands that are counted.
const WINDOW: usize = 1_000;
/// With fewer demands, no field is usual.
const MIN_DEMANDS: usize = 30;
/// A field is usual if at least this many of 100 demands have it.
const USUAL_PERCENT: usize = 95;
/// The channel stops when this many new demands lack a usual field since the last batch in which one had
/// it. If one demand in twenty lacks it, ten in a row happen once in 10^13 by chance.
const MAX_LACKING: usize = 10;

/// The brake of one channel.
#[derive(Debug, Default)]
pub struct Brake(Mutex<Counts>);

/// The latest demands, and how many of them came since each field was last seen.
#[derive(Debug, Default)]
struct Counts {
    /// The fields that each of the latest demands has.
    shapes: HashMap<DemandId, DemandShape>,
    /// The ids of these demands, the newest last.
    order: VecDeque<DemandId>,
    /// For each field, how many demands came since the last batch in which one had it.
    lacking: [usize; DemandShape::FIELDS.len()],
}

impl Brake {
    /// A brake with the latest demands of the channel, the newest first.
    pub fn new(latest: Vec<(DemandId, DemandShape)>) -> Self {
        let n_lacking = |field| latest.iter().take_while(|(_, shape)| !shape.has(field)).count();
        let mut counts = Counts { lacking: array::from_fn(n_lacking), ..Counts::default() };
        latest.into_iter().rev().for_each(|(id, shape)| counts.add(id, shape));
        Self(Mutex::new(counts))
    }

    /// Checks the demands of a batch of `channel` that is about to be delivered, and counts them if the
    /// batch may pass.
    ///
    /// # Errors
    /// `Stopped`: a usual field is missing from all new demands.
    pub fn check(
        &self,
        channel: &ChannelId,
        batch: &[(DemandId, DemandShape)],
    ) -> Result<(), Fault> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A repeated demand does not count: an idle source may send its last demand for ever.
        let is_new = |(id, shape): &&(DemandId, DemandShape)| counts.shapes.get(id) != Some(shape);
        let new: Vec<_> = batch.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let lacking = array::from_fn(|field| {
            let has_field = new.iter().any(|(_, shape)| shape.has(field));
            if has_field { 0 } else { counts.lacking[field] + new.len() }
        });
        let is_missing = |&field: &usize| lacking[field] >= MAX_LACKING && counts.is_usual(field);
        let missing: Vec<_> = (0..DemandShape::FIELDS.len()).filter(is_missing).collect();
        let Some(n_lacking) = missing.iter().map(|field| lacking[*field]).min() else {
            counts.lacking = lacking;
            new.into_iter().for_each(|(id, shape)| counts.add(id, shape));
            return Ok(());
        };
        let missing: Vec<_> = missing.into_iter().map(|field| DemandShape::FIELDS[field]).collect();
        let missing = missing.join(", ");
        Err(Fault::stopped(format!(
            "none of the last {n_lacking} demands has {missing}; nearly all earlier ones had it"
        ))
        .remedy(format!(
            "check the records with `tonghui preview {channel}` and correct [demand]; if the source is \
                 right, run `tonghui accept {channel}`"
        ))
        .until(Obstacle::Shape))
    }
}

impl Counts {
    fn add(&mut self, id: DemandId, shape: DemandShape) {
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

    /// Whether nearly all demands had this field (an index into `DemandShape::FIELDS`) before it went missing.
    fn is_usual(&self, field: usize) -> bool {
        let n_earlier = self.order.len().saturating_sub(self.lacking[field]);
        let n_having = self.shapes.values().filter(|shape| shape.has(field)).count();
        n_earlier >= MIN_DEMANDS && n_having * 100 >= n_earlier * USUAL_PERCENT
    }
}

#[cfg(test)]
mod tests;
