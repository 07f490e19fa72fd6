//! 人民网领导留言板: what citizens write to the leaders of their city, read through the signed JSON
//! interface of its public client.
//!
//! `POST /v1/threads/list/df` lists a leader's threads, newest first, `POST /v1/threads/content`
//! gives one in full. A `GET /` first sets the cookie `__jsluid_s`, without which everything is 403.

mod answer;
mod penalty;
mod thread;

use std::collections::BTreeMap;

use self::penalty::Guard;
use self::thread::{STEPS, Thread, tid};
use crate::city::{DISTRICTS, District};
use crate::faults::faults;
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

faults! {
    Fault of items {
        /// Thread: it is written to the leader of a district, in a forum of its own; all others stand in
        /// the forum of the city's leader.
        OtherForum = "other_forum" @ 0,
        /// Thread: its content is cut with `…` in the list; the detail has all of it. The board always
        /// does so, therefore every time in a demonstration.
        Cut = "cut" @ 1,
        /// Thread: `from` begins with a blank.
        LeadingBlank = "leading_blank" @ 2,
        /// Thread: its state has another of the words that mean the same.
        Synonym = "synonym" @ 5,
        /// Thread: tags and entities in the content.
        Entities = "entities" @ 17,
        /// Thread: `createDateline` or `dateline` is missing, by turns.
        OneDateline = "one_dateline" @ 7,
        /// Thread: it is answered, and its state still says 待回复.
        AnsweredUnmarked = "answered_unmarked" @ 13,
        /// Thread: it stands first on the first page too, out of order.
        Pinned = "pinned" @ 37,
        /// Thread: it is removed after it was listed: at the moment its detail is asked for.
        Removed = "removed" @ 41,
        /// Thread: it was deleted before anybody saw it; its number stays unused.
        Gap = "gap" @ 43,
    }
    others {
        /// Request: a list in the other envelope, `data.data` for `resultData.list`.
        OtherEnvelope = "other_envelope" @ 11,
        /// Request: `code` is a text on success too.
        CodeText = "code_text" @ 19,
        /// Request: a page of HTML that asks the reader to prove something, with 200.
        Challenge = "challenge" @ 97,
    }
}

/// The board of one leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forum {
    pub(super) fid: u64,
    pub(super) name: String,
    /// Who answers there.
    pub(super) unit: String,
    /// Area code of the place he leads.
    pub(super) region: &'static str,
}

impl Forum {
    pub(super) fn city() -> Self {
        Self {
            fid: 3_402,
            name: "芜湖市委书记".to_owned(),
            unit: "芜湖市住建局".to_owned(),
            region: "340200",
        }
    }

    pub(super) fn district(district: &District) -> Self {
        Self {
            fid: district.code.parse().unwrap_or_default(),
            name: format!("{}委书记", district.name),
            unit: format!("{}人民政府办公室", district.name),
            region: district.code,
        }
    }
}

/// The numbers of all forums. Those of the districts have threads where
/// [`Fault::OtherForum`] strikes.
#[must_use]
pub fn fids() -> Vec<u64> {
    let mut fids: Vec<_> = DISTRICTS.iter().map(|district| Forum::district(district).fid).collect();
    fids.push(Forum::city().fid);
    fids.sort_unstable();
    fids.dedup();
    fids
}

#[cfg(test)]
mod tests;
