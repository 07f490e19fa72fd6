//! What a pass could not read, and when it is asked for again.
//!
//! A gap must not be forgotten, and a source that never fills it must not be read from there for ever. So
//! the next pass begins where the one with the gap began. If the gap is still there, the position moves on,
//! and later passes go back to it: after one hour, two, four and so on. Until one of them finds no gap,
//! passes are reported as incomplete.

use chrono::{NaiveDate, TimeDelta};
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{cursor::Progress, pages::Paging, time::MAX_CLOCK_JITTER};

/// Maximum time until a gap is asked for again, in hours.
const MAX_WAIT: u32 = 24 * 7;

/// Where a pass with a gap began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behind {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_day: Option<NaiveDate>,
    /// When a pass begins there again; `None` if the current one did, and has found no gap so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<Timestamp>,
    /// How long the next wait is, in hours.
    wait: u32,
}

/// Where a pass begins, apart from its pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Start {
    since: Option<Timestamp>,
    closed_day: Option<NaiveDate>,
}

impl Start {
    pub(crate) fn of(progress: &Progress) -> Self {
        Self { since: progress.since, closed_day: progress.closed_day }
    }
}

impl Progress {
    /// Notes a gap in a walk of a pass that began at `start`; this is the progress after the walk.
    pub(crate) fn note_gap(&mut self, start: Start, now: Timestamp) {
        let begins_elsewhere = start != Start::of(self) || self.pages != Paging::start(&self.pages);
        match &mut self.behind {
            Some(behind) if behind.again.is_none() => {
                let hours = TimeDelta::hours(behind.wait.into());
                behind.again = Some(now.checked_add_signed(hours).unwrap_or(now));
                behind.wait = behind.wait.saturating_mul(2).min(MAX_WAIT);
            }
            // The next pass that goes back will ask for this one too.
            Some(_) => {}
            None if begins_elsewhere => {
                let Start { since, closed_day } = start;
                self.behind = Some(Behind { since, closed_day, again: Some(now), wait: 1 });
            }
            // The next pass begins there anyway.
            None => {}
        }
    }

    /// Ends a pass over the sequence: the next one may begin at the gap.
    pub(crate) fn end_pass(&mut self, now: Timestamp) {
        let Some(behind) = &mut self.behind else { return };
        let Some(again) = behind.again else {
            self.behind = None;
            return;
        };
        // Two answers of a source may differ by a second, and its clock may have been set back.
        let longest = TimeDelta::hours(MAX_WAIT.into()) + MAX_CLOCK_JITTER;
        if again - now <= MAX_CLOCK_JITTER || again - now > longest {
            behind.again = None;
            (self.since, self.closed_day) = (behind.since, behind.closed_day);
            self.pages = Paging::start(&self.pages);
        }
    }

    /// What to say of a gap that an earlier pass has found, and the current one does not ask for.
    pub(crate) fn open_gap(&self) -> Option<String> {
        let behind = self.behind.as_ref()?;
        let again = behind.again?.format("%Y-%m-%d %H:%M");
        Some(format!(
            "records were missing in an earlier pass; they are asked for again after {again} UTC"
        ))
    }
}

#[cfg(test)]
mod tests;
