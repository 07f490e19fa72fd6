//! The mobile app and the grid workers' terminals: one platform that can be pulled, and that pushes
//! into a given address.
//!
//! `GET /restapi/appeal/page` with X-BG headers pages through reports by time of update. Pushed
//! reports bear the same headers and are sent again until somebody answers 2xx.

mod answer;
mod faults;
mod push;
mod report;

use chrono::{NaiveDateTime, TimeDelta};

pub use self::faults::Fault;
pub use self::push::Pushed;
use self::report::{Report, STEPS, report_id};
use crate::source::register::{Entry, Mark};
use crate::source::site::{Ask, Reply};
use crate::source::{Conduct, Office, Upstream};
use crate::truth::Told;

/// Who the simulated client is, and what it signs with.
const ACCESS_KEY: &str = "BGSIM340200";
const SECRET_KEY: &str = "sim-x-bg-secret-340200";

/// The platform of the mobile app and the grid.
#[derive(Debug)]
pub struct Grid {
    /// Reports pushed so far.
    pushed: u64,
    /// Pushes attempted so far.
    attempts: u64,
    /// Until when the reader was told to wait.
    not_before: Option<NaiveDateTime>,
}

impl Upstream for Grid {
    type Fault = Fault;
    const CHANNEL: &'static str = "mobile";

    fn new(_: &Conduct<Fault>) -> Self {
        Self { pushed: 0, attempts: 0, not_before: None }
    }

    fn key(number: u64) -> String {
        report_id(number)
    }

    fn steps(_: &Conduct<Fault>, _: u64) -> usize {
        STEPS
    }

    fn told(conduct: &Conduct<Fault>, entry: &Entry, mark: Mark) -> Told {
        Report::new(conduct, entry, mark).told()
    }

    fn answer(&mut self, office: &mut Office<Fault>, ask: &Ask) -> Reply {
        answer::answer(self, office, ask)
    }

    fn environment() -> Vec<(&'static str, String)> {
        vec![("MOBILE_SECRET_KEY", SECRET_KEY.to_owned())]
    }
}

/// The time in Beijing of such a date.
fn from_http_date(text: &str) -> Option<NaiveDateTime> {
    let utc = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
    Some(utc + TimeDelta::hours(8))
}

#[cfg(test)]
mod tests;
