//! The secret that signs: handed out on request, good for a day, another one after a rotation.

use chrono::{NaiveDateTime, TimeDelta};

use crate::sign;

/// The secret of the day.
#[derive(Debug)]
pub(super) struct Secret {
    seed: u64,
    /// How many there were before.
    rotations: u64,
    /// When it was handed out first; before that, none is valid.
    handed_out: Option<NaiveDateTime>,
}

impl Secret {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, rotations: 0, handed_out: None }
    }

    /// The valid one, if there is one.
    pub(super) fn valid(&self, now: NaiveDateTime) -> Option<String> {
        let since = self.handed_out?;
        (now - since < TimeDelta::hours(24)).then(|| self.current())
    }

    /// Hands out the valid one, a new one if need be.
    pub(super) fn hand_out(&mut self, now: NaiveDateTime) -> String {
        if self.valid(now).is_none() {
            if self.handed_out.is_some() {
                self.rotations += 1;
            }
            self.handed_out = Some(now);
        }
        self.current()
    }

    /// Makes the one handed out worthless.
    pub(super) fn rotate(&mut self) {
        self.rotations += 1;
        self.handed_out = None;
    }

    fn current(&self) -> String {
        match self.rotations {
            // The one the published vectors are made with.
            0 => "0123456789abcdef0123456789abcdef".to_owned(),
            n => sign::md5_hex(&format!("secret {} {n}", self.seed)),
        }
    }
}
