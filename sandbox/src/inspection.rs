//! 互联网+督查: clues from citizens for the government's inspectors, on the national or the provincial
//! platform.
//!
//! `GET /sysapi/dcxs` with signed headers returns the clues of one day as a JSON array. The reader signs it
//! with a secret, which is valid for a day. `POST /sysapi/getsecret`, signed with the app key, returns that
//! secret encrypted. The interface of the real platform for clues is not public; this one follows the
//! interfaces through which provinces read other data.

mod answer;
mod clue;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};

use self::clue::{Clue, STEPS, clue_id};
use crate::quirk::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::limit::Window;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

/// The service id, the app key and the region of the only client.
const SID: &str = "s_340200000000_0001";
const APP_KEY: &str = "SIMAPPKEY340200";
const REGION: &str = "340200";
/// The table of clues that the client may read.
const TABLE: &str = "dcxs_340200";
/// The key that encrypts rows with [`Quirk::Sealed`].
const ROW_KEY: &str = "0123456789abcdef";

/// The level of government that inspects. Each level has its own platform.
pub trait Level: Copy + std::fmt::Debug + Send + 'static {
    /// The name of the channel.
    const CHANNEL: &'static str;
    /// The prefix of the names of the signed headers.
    const HEADER_PREFIX: &'static str;
    /// The environment variable with the app key.
    const APP_KEY: &'static str;
}

/// 国务院互联网+督查 (the State Council), on the platform 国家政务服务平台.
#[derive(Clone, Copy, Debug)]
pub struct National;

/// 省政府互联网+督查 (the province), on the data exchange platform of the province.
#[derive(Clone, Copy, Debug)]
pub struct Province;

impl Level for National {
    const CHANNEL: &'static str = "inspection_state";
    const HEADER_PREFIX: &'static str = "gjzwfwpt";
    const APP_KEY: &'static str = "INSPECTION_STATE_APPKEY";
}

impl Level for Province {
    const CHANNEL: &'static str = "inspection_province";
    const HEADER_PREFIX: &'static str = "gjgxjhpt";
    const APP_KEY: &'static str = "INSPECTION_PROVINCE_APPKEY";
}

/// An inspection platform.
#[derive(Debug)]
pub struct Platform<L> {
    level: PhantomData<L>,
    secret: Secret,
    minute_limit: Window,
    day_limit: Window,
    /// The day on which each clue was received, and the clue's number.
    by_day: BTreeSet<(NaiveDate, u64)>,
}

impl<L: Level> Upstream for Platform<L> {
    type Quirk = Quirk;
    const CHANNEL: &'static str = L::CHANNEL;
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[(L::APP_KEY, APP_KEY), ("INSPECTION_ROW_KEY", ROW_KEY)];

    fn new(behaviour: &Behaviour<Quirk>) -> Self {
        Self {
            level: PhantomData,
            secret: Secret::new(behaviour.seed),
            minute_limit: Window::new(behaviour.limits, 60, Duration::from_secs(60)),
            day_limit: Window::new(behaviour.limits, 2_000, Duration::from_secs(86_400)),
            by_day: BTreeSet::new(),
        }
    }

    fn key(number: u64) -> String {
        clue_id(number)
    }

    fn steps(number: u64) -> usize {
        // One clue in three goes through all states; the others end in the second one.
        if number.is_multiple_of(3) { STEPS } else { STEPS - 2 }
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Clue::new(behaviour, entry, change).served_state()
    }

    fn on_filed(&mut self, source: &mut Source, number: u64) {
        let is_late = source.behaviour.quirks.applies(Quirk::LateRow, number);
        if let Some(entry) = source.register.entry_mut(number) {
            // A late clue is received before noon, and shows a time of the day before.
            if is_late && entry.received.hour() < 12 {
                entry.received -= TimeDelta::days(1);
            }
            self.by_day.insert((entry.received.date(), number));
        }
    }

    fn answer(&mut self, source: &mut Source, request: &Request) -> Reply {
        answer::answer(self, source, request)
    }
}

type Source = SourceState<Quirk>;

quirks! {
    Quirk of items {
        /// Clue: the name and the telephone number are masked. The real platform always does this, so
        /// a demonstration does too.
        Masked = "masked" @ 1,
        /// Clue: if it is received before noon, its time is a day too early.
        LateRow = "late_row" @ 9,
        /// Clue: after a change, an answer contains both the previous and the newest state.
        Reissued = "reissued" @ 4,
    }
    others {
        /// Request: the array is a string in `{"code":200,"data":"…"}`.
        Wrapped = "wrapped" @ 5,
        /// Request: a byte order mark before the array.
        Bom = "bom" @ 7,
        /// Request: the answer is 502, with an HTML page of the proxy.
        BadGateway = "bad_gateway" @ 13,
        /// Request: the secret changes with this request.
        Rotated = "rotated" @ 29,
        /// Request: the header `Date` is an hour behind the clock of the platform.
        WrongDate = "wrong_date" @ 0,
        /// Request: every row is encrypted (`encdata`), with a digest (`signdata`).
        Sealed = "sealed" @ 0,
    }
}

/// The secret with which the reader signs requests. It is valid for a day.
#[derive(Debug)]
pub(super) struct Secret {
    seed: u64,
    /// How many secrets there were before this one.
    n_rotations: u64,
    /// When a reader first requested this secret; `None` if none did, so it is not valid yet.
    valid_from: Option<NaiveDateTime>,
}

impl Secret {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, n_rotations: 0, valid_from: None }
    }

    /// The secret if it is valid at the time `now`.
    pub(super) fn valid(&self, now: NaiveDateTime) -> Option<String> {
        let valid_from = self.valid_from?;
        (now - valid_from < TimeDelta::hours(24)).then(|| self.current())
    }

    /// Returns the valid secret, or a new one if none is valid.
    pub(super) fn get_or_renew(&mut self, now: NaiveDateTime) -> String {
        if self.valid(now).is_none() {
            if self.valid_from.is_some() {
                self.n_rotations += 1;
            }
            self.valid_from = Some(now);
        }
        self.current()
    }

    /// Replaces the secret by a new one, which is not valid before a reader requests it.
    pub(super) fn rotate(&mut self) {
        self.n_rotations += 1;
        self.valid_from = None;
    }

    fn current(&self) -> String {
        match self.n_rotations {
            // The secret in the published test vectors.
            0 => "0123456789abcdef0123456789abcdef".to_owned(),
            n => sign::md5_hex(&format!("secret {} {n}", self.seed)),
        }
    }
}

#[cfg(test)]
mod tests;
