//! Notices a sender who tries out numbers.
//!
//! Equal numbers have equal tokens. So whoever may push to a channel and read the store can find the number behind a
//! mask and its token: by pushing all ten thousand numbers that the mask may stand for, and looking which one gets the
//! token. All of these have the same mask, and nobody else sends so many that do. Slowly enough, it takes weeks.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use contract::{
    ChannelId, Clock, DemandId, Normalizer, RawRecord, Sealed, SealedBytes, Timestamp, Verdict,
};
use sink::store::{AuditEntry, Database};
use tokio::{sync::Notify, time::sleep};
use tracing::warn;

use crate::instance;

/// So many different numbers with one mask in one hour are an alarm. Of fifty thousand landline numbers in an hour, of
/// which a mask shows only four digits, five have the same mask.
const MAX_ALIKE: u32 = 20;
/// The hour ends early after this number of different numbers, so that a load of very many raises no alarm.
const MAX_NUMBERS: usize = 50_000;
/// How long the numbers of one mask are counted, and the least time between two reports.
const HOUR: Duration = Duration::from_hours(1);
/// Pause before a report that could not be stored is stored again.
const RETRY: Duration = Duration::from_secs(60);

/// The numbers (telephone and identity numbers) that a push channel received in the last hour.
pub struct Guesses {
    clock: Clock,
    /// Makes hashes of numbers, which a sender cannot predict.
    hasher: RandomState,
    hour: Mutex<Hour>,
    found: Notify,
}

/// What came in an hour.
#[derive(Default)]
struct Hour {
    began: Timestamp,
    /// The different numbers: hashes of their tokens and masks.
    numbers: HashSet<u64>,
    /// How many of them have one mask, by the hash of the mask.
    alike: HashMap<u64, u32>,
}

impl Guesses {
    /// Nothing has come yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, hasher: RandomState::new(), hour: Mutex::default(), found: Notify::new() }
    }

    /// Counts a number; one without a token tells nobody anything.
    fn count(&self, number: &Sealed) {
        let Sealed { mask, token: Some(token), .. } = number else { return };
        let now = self.clock.now();
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now - hour.began;
        let is_over = age < TimeDelta::zero() || age.to_std().is_ok_and(|age| age >= HOUR);
        if is_over || hour.numbers.len() >= MAX_NUMBERS {
            *hour = Hour { began: now, ..Hour::default() };
        }
        if hour.numbers.insert(self.hasher.hash_one((mask, token))) {
            let n_alike = hour.alike.entry(self.hasher.hash_one(mask)).or_default();
            *n_alike += 1;
            if *n_alike == MAX_ALIKE {
                self.found.notify_one();
            }
        }
    }
}

/// A mapping whose numbers are counted.
pub struct Counted {
    /// The mapping.
    pub mapping: Arc<dyn Normalizer>,
    /// Counts its numbers.
    pub guesses: Arc<Guesses>,
}

impl Normalizer for Counted {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        let verdict = self.mapping.normalize(record);
        if let Verdict::Accept(accepted) = &verdict {
            let people = accepted.body.people.iter();
            let numbers = people.flat_map(|person| [&person.phone, &person.id_no]).flatten();
            numbers.for_each(|number| self.guesses.count(number));
        }
        verdict
    }

    fn seal(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes {
        self.mapping.seal(id, bytes)
    }
}

/// Says, once an hour at most, that somebody tries out numbers: in the log, and in the audit log, where `status` finds
/// it. Does nothing without `guesses`.
pub async fn report(
    guesses: Option<&Guesses>,
    channel: &ChannelId,
    store: &Database,
) -> Infallible {
    let Some(guesses) = guesses else { return std::future::pending().await };
    loop {
        guesses.found.notified().await;
        let detail = format!(
            "{MAX_ALIKE} different telephone or identity numbers with the same mask came within an hour"
        );
        warn!(
            %channel,
            "{detail}: whoever sends them may be looking for the number behind a token in the store; find out who it \
             is, and change the secret of the channel"
        );
        let entry = AuditEntry {
            at: guesses.clock.now(),
            who: instance::describe(&instance::this_process()),
            action: AuditEntry::GUESSING.to_owned(),
            subject: channel.to_string(),
            detail,
        };
        while let Err(fault) = Box::pin(store.write_audit(&entry)).await {
            let (kind, wait_ms) = (fault.kind().name(), RETRY.as_millis());
            warn!(%channel, kind, wait_ms, "this is not in the audit log yet: {fault}");
            sleep(RETRY).await;
        }
        sleep(HOUR).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    /// Counts numbers, one a second; returns how many of them raised an alarm.
    fn n_alarms(numbers: impl IntoIterator<Item = (String, String)>) -> usize {
        let seconds = Arc::new(AtomicU32::new(0));
        let passed = Arc::clone(&seconds);
        let now = move || {
            Timestamp::UNIX_EPOCH + TimeDelta::seconds(i64::from(passed.load(Ordering::Relaxed)))
        };
        let guesses = Guesses::new(Clock::new(now));
        let is_alarm = |(mask, token)| {
            guesses.count(&Sealed { mask, token: Some(token), sealed: SealedBytes(Vec::new()) });
            seconds.fetch_add(1, Ordering::Relaxed);
            guesses.found.notified().now_or_never().is_some()
        };
        numbers.into_iter().map(is_alarm).filter(|is_alarm| *is_alarm).count()
    }

    fn with_mask(mask: &str, n: u32) -> (String, String) {
        (mask.to_owned(), format!("{mask} {n}"))
    }

    #[test]
    fn numbers_that_a_mask_may_stand_for_are_an_alarm_and_those_of_a_city_are_not() {
        let one_mask = |n: u32| with_mask("138****1234", n);
        assert_eq!(n_alarms((0..20).map(one_mask)), 1);
        assert_eq!(n_alarms((0..19).map(one_mask)), 0);
        assert_eq!(n_alarms((0..10_000).map(one_mask)), 3, "one in each hour that was begun");
        // Between the numbers of others.
        let mixed = (0..2_000).flat_map(|n| [one_mask(n), with_mask(&format!("139****{n:04}"), n)]);
        assert_eq!(n_alarms(mixed), 2);
        assert_eq!(n_alarms((0..200).map(|_| one_mask(7))), 0, "one person who asks often");
        // A landline shows four digits of eight.
        let city = (0..100_000).map(|n: u32| with_mask(&format!("****{:04}", n % 9_973), n));
        assert_eq!(n_alarms(city), 0);
        // One every four minutes.
        let slow =
            (0..40_000).map(|n: u32| if n.is_multiple_of(240) { one_mask(n) } else { one_mask(1) });
        assert_eq!(n_alarms(slow), 0);
    }

    #[test]
    fn a_load_of_very_many_numbers_is_no_alarm() {
        let guesses = Guesses::new(Clock::new(|| Timestamp::UNIX_EPOCH));
        // Their last digits are as uneven as those of real numbers (SplitMix64).
        let last_digits = |n: u32| {
            let mixed = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (mixed ^ (mixed >> 31)) % 10_000
        };
        for n in 0..300_000 {
            let (mask, token) = with_mask(&format!("****{:04}", last_digits(n)), n);
            guesses.count(&Sealed { mask, token: Some(token), sealed: SealedBytes(Vec::new()) });
        }
        assert!(guesses.found.notified().now_or_never().is_none());
    }
}
