//! The signatures of requests that were taken. A signature like that of `X-BG` does not cover the body, so whoever
//! sees one could send another body with it, as long as its date is new enough; one that covers the body could bring
//! an old state of a record once more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::TimeDelta;
use contract::Timestamp;

/// How long a signature is accepted for further requests after its first. The date that it covers has no fractions
/// of a second, so all requests that a sender signs within the same second have the same signature.
const FRESH: TimeDelta = TimeDelta::seconds(15);
/// How much longer signatures are remembered than their dates are accepted: a body takes its time to arrive.
const MARGIN: TimeDelta = TimeDelta::seconds(20);
/// Maximum number of requests that are remembered.
const MAX_REQUESTS: usize = 100_000;

/// The signatures of one channel. They must be remembered as long as their dates are accepted, so if there are too
/// many, the senders of further requests are asked to try again later.
#[derive(Debug)]
pub struct Signatures {
    remembered: Mutex<Remembered>,
    /// How long each is remembered.
    kept: TimeDelta,
    /// Whether each serves for one request.
    is_used_once: bool,
}

#[derive(Debug, Default)]
struct Remembered {
    by_signature: HashMap<String, Uses>,
    n_requests: usize,
}

/// What a signature was used for.
#[derive(Debug)]
struct Uses {
    /// When the first request with it was taken.
    since: Timestamp,
    /// How many records were taken, by the digest of the request.
    taken: HashMap<[u8; 32], usize>,
}

/// What is known about a signed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It may be taken.
    New,
    /// It was taken, with this number of records, which are in custody: the sender did not get the answer.
    Taken(usize),
    /// Its signature was used for something else.
    Replayed,
    /// There is no room to remember it.
    Full,
}

impl Signatures {
    /// None yet. Their dates may be ahead of us or behind by `window`: what came early is accepted twice as long. If
    /// each `is_used_once`, none serves for a second request, not even at once.
    pub fn new(window: TimeDelta, is_used_once: bool) -> Self {
        Self { remembered: Mutex::default(), kept: window + window + MARGIN, is_used_once }
    }

    /// What is known about the request with this signature and this digest.
    pub(super) fn look_up(&self, signature: &str, digest: &[u8; 32], now: Timestamp) -> Known {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = remembered.by_signature.get(signature);
        if let Some(uses) = uses.filter(|uses| self.is_used_once || now - uses.since > FRESH) {
            return uses.taken.get(digest).map_or(Known::Replayed, |n| Known::Taken(*n));
        }
        if remembered.n_requests >= MAX_REQUESTS {
            remembered.forget(now, self.kept);
        }
        if remembered.n_requests >= MAX_REQUESTS { Known::Full } else { Known::New }
    }

    /// Remembers a request whose `n_records` records were taken.
    pub(super) fn remember(
        &self,
        signature: &str,
        digest: [u8; 32],
        n_records: usize,
        now: Timestamp,
    ) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { by_signature, n_requests } = &mut *remembered;
        let uses = by_signature
            .entry(signature.to_owned())
            .or_insert_with(|| Uses { since: now, taken: HashMap::new() });
        if uses.taken.insert(digest, n_records).is_none() {
            *n_requests += 1;
        }
    }
}

impl Remembered {
    /// Forgets the signatures whose dates are too old to be accepted again.
    fn forget(&mut self, now: Timestamp, kept: TimeDelta) {
        self.by_signature.retain(|_, uses| now - uses.since <= kept);
        self.n_requests = self.by_signature.values().map(|uses| uses.taken.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::default() + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_signature_serves_for_the_requests_of_its_second_and_not_for_another_body_later() {
        let signatures = Signatures::new(TimeDelta::seconds(90), false);
        let (one, two) = ([1; 32], [2; 32]);
        signatures.remember("s1", one, 3, at(0));
        for (signature, digest, seconds, expected) in [
            ("s1", one, 2, Known::New),
            ("s1", one, 61, Known::Taken(3)),
            ("s1", two, 2, Known::New),
            ("s1", two, 16, Known::Replayed),
            ("s1", two, 179, Known::Replayed),
            ("s2", two, 61, Known::New),
        ] {
            let known = signatures.look_up(signature, &digest, at(seconds));
            assert_eq!(known, expected, "{signature}, {digest:?}, {seconds} s");
        }
        signatures.remember("s1", two, 1, at(2));
        assert_eq!(signatures.look_up("s1", &two, at(100)), Known::Taken(1));
    }

    #[test]
    fn a_signature_that_is_used_once_serves_for_no_other_request_even_at_once() {
        let signatures = Signatures::new(TimeDelta::seconds(300), true);
        let (one, two) = ([1; 32], [2; 32]);
        signatures.remember("s1", one, 3, at(0));
        for (signature, digest, seconds, expected) in [
            ("s1", one, 0, Known::Taken(3)),
            ("s1", one, 599, Known::Taken(3)),
            ("s1", two, 0, Known::Replayed),
            ("s1", two, 599, Known::Replayed),
            ("s2", two, 0, Known::New),
        ] {
            let known = signatures.look_up(signature, &digest, at(seconds));
            assert_eq!(known, expected, "{signature}, {digest:?}, {seconds} s");
        }
    }

    #[test]
    fn no_signature_is_forgotten_that_could_be_used_again() {
        let signatures = Signatures::new(TimeDelta::seconds(90), false);
        for n in 0..MAX_REQUESTS {
            signatures.remember(&n.to_string(), [0; 32], 1, at(0));
        }
        assert_eq!(signatures.look_up("new", &[0; 32], at(180)), Known::Full);
        assert_eq!(signatures.look_up("7", &[1; 32], at(180)), Known::Replayed);
        assert_eq!(signatures.look_up("new", &[0; 32], at(201)), Known::New);
        assert_eq!(signatures.look_up("7", &[1; 32], at(201)), Known::New, "its date is too old");
    }
}
