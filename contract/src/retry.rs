//! How long to wait after a fault.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::FaultKind;

/// The first wait after a transient fault.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The default limit of waits.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The waits between retries.
#[derive(Debug)]
pub struct Retry {
    /// The next wait after a transient fault.
    step: Duration,
    max_wait: Duration,
}

impl Default for Retry {
    /// Waits of at most five minutes.
    fn default() -> Self {
        Self::up_to(MAX_WAIT)
    }
}

impl Retry {
    /// Waits of at most `max_wait`.
    pub fn up_to(max_wait: Duration) -> Self {
        Self { step: FIRST_WAIT, max_wait }
    }

    /// Starts over with the first wait, after a success.
    pub fn reset(&mut self) {
        self.step = FIRST_WAIT;
    }

    /// The wait after a fault of this kind. It doubles with each transient fault, and a random part of it, up
    /// to one half, is subtracted, so that callers that failed together do not retry together. A pause that
    /// the source asked for may exceed the limit. After a fault that somebody must fix, it is the limit.
    pub fn wait(&mut self, kind: FaultKind) -> Duration {
        match kind {
            FaultKind::Transient => {
                let step = self.step.min(self.max_wait);
                self.step = step * 2;
                step / 2 + jitter(step / 2)
            }
            FaultKind::Throttled(wait) => wait + jitter(FIRST_WAIT),
            FaultKind::Stopped => self.max_wait,
        }
    }
}

/// A random duration of at most `upto`.
pub fn jitter(upto: Duration) -> Duration {
    // The standard library seeds its hash maps at random. That is enough, because nobody has to guess
    // this value.
    let [byte, ..] = RandomState::new().hash_one(()).to_le_bytes();
    upto * u32::from(byte) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_start_over_after_success() {
        for (max_wait, steps) in [
            (MAX_WAIT, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
            (Duration::from_secs(30), [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]),
        ] {
            let mut retry = Retry::up_to(max_wait);
            for step in steps.map(Duration::from_secs) {
                let wait = retry.wait(FaultKind::Transient);
                assert!(wait >= step / 2 && wait <= step, "{wait:?} is not within {step:?}");
            }
            retry.reset();
            assert!(retry.wait(FaultKind::Transient) <= FIRST_WAIT);
        }
    }

    #[test]
    fn a_source_that_asks_for_a_pause_is_never_retried_earlier() {
        let (mut retry, pause) = (Retry::default(), Duration::from_secs(7));
        for _ in 0..100 {
            let wait = retry.wait(FaultKind::Throttled(pause));
            assert!(wait >= pause && wait <= pause + FIRST_WAIT, "{wait:?}");
        }
        assert_eq!(retry.wait(FaultKind::Stopped), MAX_WAIT);
        assert!(
            retry.wait(FaultKind::Transient) <= FIRST_WAIT,
            "neither of them is a failed attempt"
        );
    }

    #[test]
    fn callers_that_failed_together_do_not_retry_together() {
        let waits: std::collections::HashSet<_> = (0..64).map(|_| jitter(MAX_WAIT)).collect();
        assert!(waits.len() > 8, "{waits:?}");
    }
}
