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
/// With fewer demands, no field is usual.
const MIN_DEMANDS: usize = 100;
/// A field is usual if at least this many of 100 demands have it.
const USUAL_PERCENT: usize = 95;
/// The channel stops when this many new demands in a row lack a usual field. If one demand in twenty
/// lacks it, ten in a row happen once in 10^13 by chance.
const MAX_LACKING: usize = 10;

/// The brake of one channel.
#[derive(Debug, Default)]
pub struct Brake(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
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
        let mut counted = Counted { lacking: array::from_fn(run), ..Counted::default() };
        last.into_iter().rev().for_each(|(id, shape)| counted.add(id, shape));
        Self(Mutex::new(counted))
    }

    /// Checks the demands of a batch of `channel` that is about to be delivered.
    ///
    /// # Errors
    /// `Stopped`: a usual field is missing from all new demands.
    pub fn check(&self, channel: &ChannelId, batch: &[(DemandId, Shape)]) -> Result<(), Fault> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A repeated demand is no news: an idle source may give its last demand for ever.
        let is_news = |(id, shape): &&(DemandId, Shape)| counted.shapes.get(id) != Some(shape);
        let news: Vec<_> = batch.iter().filter(is_news).copied().collect();
        if news.is_empty() {
            return Ok(());
        }
        let lacking = array::from_fn(|at| {
            let has_field = news.iter().any(|(_, shape)| shape.has(at));
            if has_field { 0 } else { counted.lacking[at] + news.len() }
        });
        let is_gone = |at: &usize| lacking[*at] >= MAX_LACKING && counted.is_usual(*at);
        let gone: Vec<_> = (0..Shape::FIELDS.len()).filter(is_gone).collect();
        let Some(run) = gone.iter().map(|at| lacking[*at]).min() else {
            counted.lacking = lacking;
            news.into_iter().for_each(|(id, shape)| counted.add(id, shape));
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

impl Counted {
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
        before >= MIN_DEMANDS && having * 100 >= before * USUAL_PERCENT
    }
}

#[cfg(test)]
mod tests;
