//! 互联网+督查: clues for the government's inspectors, pulled a day at a time from the national
//! platform.
//!
//! `GET /sysapi/dcxs` with the platform's signed headers gives one day as a bare array; the secret
//! that signs comes wrapped from `POST /sysapi/getsecret`, which the app key signs, and holds for a
//! day. No interface of the real platform is public: this one is put together from how provinces
//! pull other data of it.

mod answer;
mod clue;
mod faults;
mod secret;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime, TimeDelta};

use self::clue::{Clue, STEPS, dcxsbh};
pub use self::faults::Fault;
use self::secret::Secret;
use crate::source::limit::Window;
use crate::source::register::{Entry, Mark};
use crate::source::site::{Ask, Reply};
use crate::source::{Conduct, Office, Upstream};
use crate::truth::Told;

/// Requester, service, key and region of the simulated client.
const RID: &str = "11111111-2222-3333-4444-555555555555@340200";
const SID: &str = "s_340200000000_0001";
const APP_KEY: &str = "SIMAPPKEY340200";
const REGION: &str = "340200";
const TABLE: &str = "dcxs_340200";
/// The key of sealed rows.
const ROW_KEY: &[u8; 16] = b"0123456789abcdef";

/// The inspection platform.
#[derive(Debug)]
pub struct Platform {
    secret: Secret,
    per_minute: Window,
    per_day: Window,
    /// Number of every clue under the days in whose answers it stands.
    days: BTreeSet<(NaiveDate, u64)>,
}

impl Upstream for Platform {
    type Fault = Fault;
    const CHANNEL: &'static str = "inspection";

    fn new(conduct: &Conduct<Fault>) -> Self {
        Self {
            secret: Secret::new(conduct.seed),
            per_minute: Window::new(conduct.limits, 60, Duration::from_secs(60)),
            per_day: Window::new(conduct.limits, 2_000, Duration::from_secs(86_400)),
            days: BTreeSet::new(),
        }
    }

    fn key(number: u64) -> String {
        dcxsbh(number)
    }

    fn steps(_: &Conduct<Fault>, number: u64) -> usize {
        // Few are returned and closed after that; most end in the work.
        if number.is_multiple_of(3) { STEPS } else { STEPS - 2 }
    }

    fn told(conduct: &Conduct<Fault>, entry: &Entry, mark: Mark) -> Told {
        Clue::new(conduct, entry, mark).told()
    }

    fn filed(&mut self, office: &mut Office<Fault>, number: u64) {
        if office.conduct.spoils(Fault::LateRow, number) {
            let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default();
            office.register.redate(number, |at| {
                // Yesterday grows until noon; what comes after that is today's.
                if at.time() < noon { at - TimeDelta::days(1) } else { at }
            });
        }
        if let Some(entry) = office.register.entry(number) {
            self.days.insert((entry.received.date(), number));
        }
    }

    fn answer(&mut self, office: &mut Office<Fault>, ask: &Ask) -> Reply {
        answer::answer(self, office, ask)
    }

    fn environment(url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("INSPECTION_URL", url.to_owned()),
            ("INSPECTION_RID", RID.to_owned()),
            ("INSPECTION_SID", SID.to_owned()),
            ("INSPECTION_APP_KEY", APP_KEY.to_owned()),
            ("INSPECTION_ROW_KEY", String::from_utf8_lossy(ROW_KEY).into_owned()),
        ]
    }
}

#[cfg(test)]
mod tests;
