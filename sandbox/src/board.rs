//! 人民网领导留言板: what citizens write to the leaders of their city, read through the signed JSON
//! interface of its public client.
//!
//! `POST /v1/threads/list/df` lists the threads of a leader, newest first; `POST
//! /v1/threads/content` returns one in full. `GET /` sets the cookie `__jsluid_s`; every request
//! without it gets 403.

mod answer;
mod thread;

use std::collections::BTreeMap;

use self::answer::Guard;
use self::thread::{STEPS, Thread, tid};
use crate::city::{District, any_district};
use crate::dice::Dice;
use crate::faults::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

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
    type Quirk = Quirk;
    const CHANNEL: &'static str = "message_board";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] =
        &[("MESSAGE_BOARD_APP_CODE", APP_CODE)];

    fn new(behaviour: &Behaviour<Quirk>) -> Self {
        Self {
            cookie: sign::md5_hex(&format!("cookie {}", behaviour.seed)),
            guard: Guard::new(behaviour.limits),
            by_fid: BTreeMap::new(),
            pinned: BTreeMap::new(),
        }
    }

    fn key(number: u64) -> String {
        tid(number).to_string()
    }

    fn steps(_: u64) -> usize {
        STEPS
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Thread::new(behaviour, entry, change).served_state()
    }

    fn on_filed(&mut self, source: &mut Source, number: u64) {
        let behaviour = &source.behaviour;
        if behaviour.faults.strikes(Quirk::Gap, number) {
            source.register.delete(number, source.now());
            return;
        }
        let is_other = behaviour.faults.strikes(Quirk::OtherForum, number);
        let district = any_district(&mut Dice::new(behaviour.seed, number));
        let forum = if is_other { Forum::district(district) } else { Forum::city() };
        self.by_fid.entry(forum.fid).or_default().push(number);
        if behaviour.faults.strikes(Quirk::Pinned, number) {
            self.pinned.entry(forum.fid).or_default().push(number);
        }
    }

    fn answer(&mut self, source: &mut Source, request: &Request) -> Reply {
        answer::answer(self, source, request)
    }
}

type Source = SourceState<Quirk>;

quirks! {
    Quirk of items {
        /// Thread: it is written to the leader of a district, in the forum of that district; all
        /// others are in the forum of the city's leader.
        OtherForum = "other_forum" @ 0,
        /// Thread: its content is cut with `…` in the list; the detail has all of it. The real
        /// board always does so, so a demonstration does too.
        Cut = "cut" @ 1,
        /// Thread: `from` begins with a blank.
        LeadingBlank = "leading_blank" @ 2,
        /// Thread: its state is a synonym of the usual word.
        Synonym = "synonym" @ 5,
        /// Thread: tags and entities in the content.
        Entities = "entities" @ 17,
        /// Thread: `createDateline` or `dateline` is missing, by turns.
        OneDateline = "one_dateline" @ 7,
        /// Thread: it is answered, and its state still says 待回复.
        AnsweredUnmarked = "answered_unmarked" @ 13,
        /// Thread: it is also first on the first page, out of order.
        Pinned = "pinned" @ 37,
        /// Thread: it is removed at the moment its detail is requested.
        Removed = "removed" @ 41,
        /// Thread: it was deleted before it was listed; its number stays unused.
        Gap = "gap" @ 43,
    }
    others {
        /// Request: a list in another envelope, `data.data` instead of `resultData.list`.
        OtherEnvelope = "other_envelope" @ 11,
        /// Request: `code` is a string on success too.
        CodeText = "code_text" @ 19,
        /// Request: an HTML page with a browser challenge, with 200.
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
    /// Area code of the leader's city or district.
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

#[cfg(test)]
mod tests;
