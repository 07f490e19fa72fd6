//! 人民网领导留言板: what citizens write to the leaders of their city, read through the signed JSON
//! interface of its public client.
//!
//! `POST /v1/threads/list/df` lists a leader's threads, newest first, `POST /v1/threads/content`
//! gives one in full. A `GET /` first sets the cookie `__jsluid_s`, without which everything is 403.

mod answer;
mod faults;
mod forum;
mod penalty;
mod thread;

use std::collections::BTreeMap;

pub use self::faults::Fault;
pub use self::forum::fids;
use self::penalty::Guard;
use self::thread::{STEPS, Thread, tid};
use crate::sign;
use crate::source::register::{Entry, Mark};
use crate::source::site::{Ask, Reply};
use crate::source::{Conduct, Office, Upstream};
use crate::truth::Told;

/// The code the simulated client is known by.
const APP_CODE: &str = "SIM0a1b2c3d4e5f60";

/// The message board.
#[derive(Debug)]
pub struct Board {
    /// The value of the cookie it gives out.
    cookie: String,
    guard: Guard,
    /// Numbers of each forum's threads, oldest first.
    by_fid: BTreeMap<u64, Vec<u64>>,
    /// Numbers of the pinned ones among them.
    pinned: BTreeMap<u64, Vec<u64>>,
}

impl Upstream for Board {
    type Fault = Fault;
    const CHANNEL: &'static str = "message_board";

    fn new(conduct: &Conduct<Fault>) -> Self {
        Self {
            cookie: sign::md5_hex(&format!("cookie {}", conduct.seed)),
            guard: Guard::new(conduct.limits),
            by_fid: BTreeMap::new(),
            pinned: BTreeMap::new(),
        }
    }

    fn key(number: u64) -> String {
        tid(number).to_string()
    }

    fn steps(_: &Conduct<Fault>, _: u64) -> usize {
        STEPS
    }

    fn told(conduct: &Conduct<Fault>, entry: &Entry, mark: Mark) -> Told {
        Thread::new(conduct, entry, mark).told(mark)
    }

    fn filed(&mut self, office: &mut Office<Fault>, number: u64) {
        if office.conduct.spoils(Fault::Gap, number) {
            let now = office.now();
            office.register.take_away(number, now);
            return;
        }
        let mut dice = office.conduct.dice(number);
        let (_, district) = office.conduct.essay(&mut dice, number);
        let fid = thread::forum(&office.conduct, number, district).fid;
        self.by_fid.entry(fid).or_default().push(number);
        if office.conduct.spoils(Fault::Pinned, number) {
            self.pinned.entry(fid).or_default().push(number);
        }
    }

    fn answer(&mut self, office: &mut Office<Fault>, ask: &Ask) -> Reply {
        answer::answer(self, office, ask)
    }

    fn environment() -> Vec<(&'static str, String)> {
        vec![("MESSAGE_BOARD_APP_CODE", APP_CODE.to_owned())]
    }
}

#[cfg(test)]
mod tests;
