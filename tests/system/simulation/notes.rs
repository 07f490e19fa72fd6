//! What the parts say they did, and what of it may never happen.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use contract::{
    Confirmed, Cursor, DemandId, Digest, Event, Intake, MessageId, Part, ReadNo, Tally, Version,
};

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The highest fence with which the position was loaded.
    pub(crate) fence: u64,
    /// The last read number that was reserved.
    last_number: u64,
    /// The reads past which the position advanced.
    pub(crate) advances: BTreeMap<ReadNo, (Tally, Vec<Part>)>,
    cursors: BTreeSet<String>,
    /// How often each message was kept, and its events.
    pub(crate) kept: BTreeMap<MessageId, (u64, u64)>,
    /// The newest state of each demand that was kept.
    pub(crate) newest: BTreeMap<DemandId, (Version, Digest)>,
    /// What may never happen and did.
    pub(crate) wrong: Vec<String>,
}

impl Notes {
    pub(crate) fn loaded(&mut self, fence: u64) {
        let newest = self.fence;
        self.expect(fence >= newest, || {
            format!("the holder of fence {fence} loads after {newest}")
        });
        self.fence = self.fence.max(fence);
    }

    pub(crate) fn reserved(&mut self, fence: u64, numbers: &Range<u64>) {
        let (newest, last) = (self.fence, self.last_number);
        self.expect(fence == newest, || format!("fence {fence} gets read numbers after {newest}"));
        self.expect(numbers.start > last, || format!("{numbers:?} was reserved before"));
        self.last_number = last.max(numbers.end - 1);
    }

    pub(crate) fn advanced(&mut self, read: &Confirmed) {
        let (fence, step) = (read.from().fence, read.from().step);
        let (newest, n) = (self.fence, self.cursors.len());
        self.expect(fence == newest, || format!("fence {fence} advances after {newest}"));
        self.expect(usize::try_from(step) == Ok(n), || format!("advance {n} from step {step}"));
        let read_no = read.read_no();
        self.cursors.insert(read.upto().as_str().to_owned());
        let before = self.advances.insert(read_no, (read.tally(), read.parts().to_vec()));
        self.expect(before.is_none(), || format!("{read_no:?} advances twice"));
    }

    pub(crate) fn settled(&mut self, upto: &Cursor) {
        let has_advanced = self.cursors.contains(upto.as_str());
        self.expect(has_advanced, || format!("{} is settled too early", upto.as_str()));
    }

    pub(crate) fn kept(&mut self, intake: &Intake) {
        for delivery in intake.deliveries() {
            let message = &delivery.message;
            let (n, events) = self.kept.entry(message.id.clone()).or_default();
            (*n, *events) = (*n + 1, u64::from(message.events));
            for event in &delivery.events {
                let Event::Demand(demand) = event else { continue };
                let state = (demand.version, demand.digest);
                let newest = self.newest.entry(demand.id).or_insert(state);
                if demand.version > newest.0 {
                    *newest = state;
                }
            }
        }
    }

    fn expect(&mut self, is_right: bool, wrong: impl FnOnce() -> String) {
        if !is_right {
            self.wrong.push(wrong());
        }
    }
}
