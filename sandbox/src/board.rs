//! 人民网领导留言板: a message board on which citizens write to leaders, with the signed JSON interface that
//! its public client uses.
//!
//! `POST /v1/threads/list/df` lists the threads in the forum of a leader, newest first;
//! `POST /v1/threads/content` returns one thread in full. `GET /` sets the cookie `__jsluid_s`; any other
//! request without the cookie is answered with 403.

mod answer;
mod thread;

use std::collections::BTreeMap;

use self::answer::RateLimiter;
use self::thread::{STEPS, Thread, thread_id};
use crate::dice::Dice;
use crate::faker::{District, any_district};
use crate::quirk::quirks;
use crate::sign;
use crate::source::http::{Reply, Request};
use crate::source::register::{Change, Entry};
use crate::source::{Behaviour, SourceState, Upstream};
use crate::truth::ServedState;

/// The code with which the only client signs requests.
const APP_CODE: &str = "SIM0a1b2c3d4e5f60";

/// The message board.
#[derive(Debug)]
pub struct Board {
    /// The value of the cookie.
    cookie: String,
    limiter: RateLimiter,
    /// The numbers of the threads of each forum, oldest first.
    threads: BTreeMap<u64, Vec<u64>>,
    /// The numbers of the pinned threads of each forum.
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
            limiter: RateLimiter::new(behaviour.limits),
            threads: BTreeMap::new(),
            pinned: BTreeMap::new(),
        }
    }

    fn key(number: u64) -> String {
        thread_id(number).to_string()
    }

    fn steps(_: u64) -> usize {
        STEPS
    }

    fn served_state(behaviour: &Behaviour<Quirk>, entry: &Entry, change: Change) -> ServedState {
        Thread::new(behaviour, entry, change).served_state()
    }

    fn on_filed(&mut self, source: &mut Source, number: u64) {
        let behaviour = &source.behaviour;
        if behaviour.quirks.applies(Quirk::Gap, number) {
            source.register.delete(number, source.now());
            return;
        }
        let is_other = behaviour.quirks.applies(Quirk::OtherForum, number);
        let district = any_district(&mut Dice::new(behaviour.seed, number));
        let forum = if is_other { Forum::district(district) } else { Forum::city() };
        self.threads.entry(forum.fid).or_default().push(number);
        if behaviour.quirks.applies(Quirk::Pinned, number) {
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
        /// Thread: it is in the forum of a district; all others are in the forum of the city.
        OtherForum = "other_forum" @ 0,
        /// Thread: the list shows only the beginning of the content, with `…`; the detail shows all of
        /// it. The real board always does this, so a demonstration does too.
        Cut = "cut" @ 1,
        /// Thread: `from` begins with a blank.
        LeadingBlank = "leading_blank" @ 2,
        /// Thread: its states have other names than usual, with the same meanings.
        Synonym = "synonym" @ 5,
        /// Thread: the content has tags and entities.
        Entities = "entities" @ 17,
        /// Thread: `createDateline` or `dateline` is missing.
        OneDateline = "one_dateline" @ 7,
        /// Thread: it is answered, but its state is still 待回复 (waiting for an answer).
        AnsweredUnmarked = "answered_unmarked" @ 13,
        /// Thread: it is also at the top of the first page.
        Pinned = "pinned" @ 37,
        /// Thread: it is deleted when its detail is requested.
        Removed = "removed" @ 41,
        /// Thread: it is deleted before it is listed, so its number never appears.
        Gap = "gap" @ 43,
    }
    others {
        /// Request: the list is at `data.data` instead of `resultData.list`.
        OtherEnvelope = "other_envelope" @ 11,
        /// Request: `code` is a string instead of a number.
        CodeText = "code_text" @ 19,
        /// Request: the answer is an HTML page with a browser challenge, with status 200.
        Challenge = "challenge" @ 97,
    }
}

/// The forum of one leader: the party secretary of the city or of a district.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forum {
    /// The id of the forum.
    pub(super) fid: u64,
    pub(super) name: String,
    /// The organisation that answers.
    pub(super) unit: String,
    /// The area code of the leader's city or district.
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
