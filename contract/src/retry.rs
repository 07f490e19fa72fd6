//! How long to wait after a fault, whoever it happened to.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::FaultKind;

/// The first wait for what may pass by itself.
const FIRST: Duration = Duration::from_secs(1);
/// The longest, and the clock on which what somebody has to mend is tried all the same.
const SLOW: Duration = Duration::from_secs(300);

/// The waits of somebody who tries again.
#[derive(Debug)]
pub struct Retry {
    step: Duration,
    longest: Duration,
}

impl Default for Retry {
    /// Waits up to five minutes.
    fn default() -> Self {
        Self::up_to(SLOW)
    }
}

impl Retry {
    /// Waits up to `longest`: for somebody who holds what others would take away meanwhile.
    pub fn up_to(longest: Duration) -> Self {
        Self { step: FIRST, longest }
    }

    /// Something worked: begin anew.
    pub fn reset(&mut self) {
        self.step = FIRST;
    }

    /// The wait after a fault of this kind. Waits for what may pass double, less up to a half of
    /// themselves: those that failed together must not come back together.
    pub fn wait(&mut self, kind: FaultKind) -> Duration {
        match kind {
            FaultKind::Transient => {
                let step = self.step.min(self.longest);
                self.step = step * 2;
                step / 2 + jitter(step / 2)
            }
            FaultKind::Throttled(wait) => wait + jitter(FIRST),
            FaultKind::Stopped => self.longest,
        }
    }
}

/// A random part of `upto`.
pub fn jitter(upto: Duration) -> Duration {
    // The standard library keys its hash maps at random: good enough for what is no secret.
    let [byte, ..] = RandomState::new().hash_one(()).to_le_bytes();
    upto * u32::from(byte) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_begin_anew_after_success() {
        for (longest, steps) in [
            (SLOW, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
            (Duration::from_secs(30), [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]),
        ] {
            let mut retry = Retry::up_to(longest);
            for step in steps.map(Duration::from_secs) {
                let wait = retry.wait(FaultKind::Transient);
                assert!(wait >= step / 2 && wait <= step, "{wait:?} is not within {step:?}");
            }
            retry.reset();
            assert!(retry.wait(FaultKind::Transient) <= FIRST);
        }
    }

    #[test]
    fn a_source_that_asks_for_a_pause_is_never_asked_earlier() {
        let (mut retry, pause) = (Retry::default(), Duration::from_secs(7));
        for _ in 0..100 {
            let wait = retry.wait(FaultKind::Throttled(pause));
            assert!(wait >= pause && wait <= pause + FIRST, "{wait:?}");
        }
        assert_eq!(retry.wait(FaultKind::Stopped), SLOW);
        assert!(retry.wait(FaultKind::Transient) <= FIRST, "neither of them is a failed attempt");
    }

    #[test]
    fn those_that_failed_together_do_not_come_back_together() {
        let waits: std::collections::HashSet<_> = (0..64).map(|_| jitter(SLOW)).collect();
        assert!(waits.len() > 8, "{waits:?}");
    }
}
