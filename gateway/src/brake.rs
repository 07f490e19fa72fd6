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
mod tests;
