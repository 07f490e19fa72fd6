//! 互联网+督查: clues for the government's inspectors, pulled a day at a time from the national
//! or the provincial platform.
//!
//! `GET /sysapi/dcxs` with the platform's signed headers gives one day as a bare array; the secret
//! that signs comes wrapped from `POST /sysapi/getsecret`, which the app key signs, and holds for a
//! day. No interface of the real platform is public: this one is put together from how provinces
//! pull other data of it.

mod answer;
mod clue;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};

use self::clue::{Clue, STEPS, dcxsbh};
use crate::faults::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::limit::Window;
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

/// Service, key and region of the simulated client. Any requester may use them.
const SID: &str = "s_340200000000_0001";
const APP_KEY: &str = "SIMAPPKEY340200";
const REGION: &str = "340200";
const TABLE: &str = "dcxs_340200";
/// The key of sealed rows.
const ROW_KEY: &str = "0123456789abcdef";

/// Whose inspection it is: they differ in the platform that carries it.
pub trait Level: Copy + std::fmt::Debug + Send + 'static {
    /// The name of the channel.
    const CHANNEL: &'static str;
    /// What the names of the signed headers begin with.
    const HEADERS: &'static str;
    /// The variable with the app key.
    const APP_KEY: &'static str;
}

/// 国务院互联网+督查, through 国家政务服务平台.
#[derive(Clone, Copy, Debug)]
pub struct State;

/// 省政府互联网+督查, through the province's data exchange platform.
#[derive(Clone, Copy, Debug)]
pub struct Province;

impl Level for State {
    const CHANNEL: &'static str = "inspection_state";
    const HEADERS: &'static str = "gjzwfwpt";
    const APP_KEY: &'static str = "INSPECTION_STATE_APPKEY";
}

impl Level for Province {
    const CHANNEL: &'static str = "inspection_province";
    const HEADERS: &'static str = "gjgxjhpt";
    const APP_KEY: &'static str = "INSPECTION_PROVINCE_APPKEY";
}

/// An inspection platform.
#[derive(Debug)]
pub struct Platform<L> {
    level: PhantomData<L>,
    secret: Secret,
    per_minute: Window,
    per_day: Window,
    /// Number of every clue under the day it was received.
    days: BTreeSet<(NaiveDate, u64)>,
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
            per_minute: Window::new(behaviour.limits, 60, Duration::from_secs(60)),
            per_day: Window::new(behaviour.limits, 2_000, Duration::from_secs(86_400)),
            days: BTreeSet::new(),
        }
    }

    fn key(number: u64) -> String {
        dcxsbh(number)
    }

    fn steps(number: u64) -> usize {
        // Few are returned and closed after that; most end in the work.
        if number.is_multiple_of(3) { STEPS } else { STEPS - 2 }
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Clue::new(behaviour, entry, change).served_state()
    }

    fn on_filed(&mut self, source: &mut Source, number: u64) {
        let is_late = source.behaviour.faults.strikes(Quirk::LateRow, number);
        if let Some(entry) = source.register.entry_mut(number) {
            // Yesterday grows until noon; what comes after that is today's.
            if is_late && entry.received.hour() < 12 {
                entry.received -= TimeDelta::days(1);
            }
            self.days.insert((entry.received.date(), number));
        }
    }

    fn answer(&mut self, source: &mut Source, request: &Request) -> Reply {
        answer::answer(self, source, request)
    }
}

type Source = SourceState<Quirk>;

quirks! {
    Quirk of items {
        /// Clue: name and telephone are masked. The real platform always does so, so a
        /// demonstration does too.
        Masked = "masked" @ 1,
        /// Clue: it has yesterday's time and becomes visible only today.
        LateRow = "late_row" @ 9,
        /// Clue: after a change, the earlier state is in the same answer as the newest.
        Reissued = "reissued" @ 4,
    }
    others {
        /// Request: the array as a string inside `{"code":200,"data":"…"}`.
        Wrapped = "wrapped" @ 5,
        /// Request: a byte order change before the array.
        Bom = "bom" @ 7,
        /// Request: 502 from the proxy, with an HTML page.
        BadGateway = "bad_gateway" @ 13,
        /// Request: the secret changes with this request.
        Rotated = "rotated" @ 29,
        /// Request: the `Date` of the proxy is an hour behind the platform.
        WrongDate = "wrong_date" @ 0,
        /// Request: every row sealed, `encdata` and `signdata`.
        Sealed = "sealed" @ 0,
    }
}

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

    /// The valid secret, if there is one.
    pub(super) fn valid(&self, now: NaiveDateTime) -> Option<String> {
        let since = self.handed_out?;
        (now - since < TimeDelta::hours(24)).then(|| self.current())
    }

    /// Hands out the valid secret, or a new one.
    pub(super) fn hand_out(&mut self, now: NaiveDateTime) -> String {
        if self.valid(now).is_none() {
            if self.handed_out.is_some() {
                self.rotations += 1;
            }
            self.handed_out = Some(now);
        }
        self.current()
    }

    /// Invalidates the secret that was handed out.
    pub(super) fn rotate(&mut self) {
        self.rotations += 1;
        self.handed_out = None;
    }

    fn current(&self) -> String {
        match self.rotations {
            // The secret of the published test vectors.
            0 => "0123456789abcdef0123456789abcdef".to_owned(),
            n => sign::md5_hex(&format!("secret {} {n}", self.seed)),
        }
    }
}

#[cfg(test)]
mod tests;
