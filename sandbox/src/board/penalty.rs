//! What happens to a reader who asks too often: 429 for 30 seconds, and 403 for ten minutes after
//! that if he did not listen.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use crate::Switch;
use crate::source::limit::Bucket;
use crate::source::site::Reply;
use crate::source::{Limits, Office};

const BETWEEN: Duration = Duration::from_millis(1_500);
const BURST: i32 = 3;
const THROTTLED: Duration = Duration::from_secs(30);
const BANNED: Duration = Duration::from_secs(600);

/// The guard at the door.
#[derive(Debug)]
pub(super) struct Guard {
    bucket: Bucket,
    throttled: TimeDelta,
    banned: TimeDelta,
    penalty: Option<Penalty>,
}

#[derive(Clone, Copy, Debug)]
enum Penalty {
    /// 429 until then; whether somebody asked meanwhile.
    Throttled { until: NaiveDateTime, insisted: bool },
    /// 403 until then.
    Banned { until: NaiveDateTime },
}

impl Guard {
    pub(super) fn new(limits: Limits) -> Self {
        let scaled = |span| TimeDelta::from_std(limits.between(span)).unwrap_or_default();
        Self {
            bucket: Bucket::new(limits, BETWEEN, BURST),
            throttled: scaled(THROTTLED),
            banned: scaled(BANNED),
            penalty: None,
        }
    }

    /// The refusal, if this request is refused.
    pub(super) fn stop<F: Switch>(&mut self, office: &mut Office<F>) -> Option<Reply> {
        let now = office.now();
        match self.penalty {
            Some(Penalty::Throttled { until, .. }) if now < until => {
                office.calls.early += 1;
                self.penalty = Some(Penalty::Throttled { until, insisted: true });
                return Some(throttled(office, until - now));
            }
            Some(Penalty::Throttled { until, insisted: true }) if now < until + self.banned => {
                self.penalty = Some(Penalty::Banned { until: until + self.banned });
                return Some(banned(office));
            }
            Some(Penalty::Banned { until }) if now < until => {
                office.calls.early += 1;
                return Some(banned(office));
            }
            _ => self.penalty = None,
        }
        if self.bucket.allows(now) {
            return None;
        }
        office.calls.over_budget += 1;
        self.penalty = Some(Penalty::Throttled { until: now + self.throttled, insisted: false });
        Some(throttled(office, self.throttled))
    }
}

fn throttled<F: Switch>(office: &mut Office<F>, wait: TimeDelta) -> Reply {
    office.refuse("limit");
    let mut reply = Reply::html(429, "Too Many Requests");
    // Rounded up: who waits as long as told must not come early.
    let seconds = (wait.num_milliseconds() + 999) / 1_000;
    reply.headers.push(("retry-after", seconds.to_string()));
    reply
}

fn banned<F: Switch>(office: &mut Office<F>) -> Reply {
    office.refuse("ban");
    Reply::html(403, "访问被拒绝")
}
