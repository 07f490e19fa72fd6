//! How long to wait before trying again: doubling, with jitter so that many channels that failed
//! together do not come back together.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// Growing waits. Without jitter it is a pure sequence.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Begins with the shortest wait.
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Something worked: begin anew.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The next wait: between half of the step and the whole of it.
    pub(crate) fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        step / 2 + jitter(step / 2)
    }
}

/// A random part of `upto`; all of it where the machine gives no randomness.
pub(crate) fn jitter(upto: Duration) -> Duration {
    let mut byte = [u8::MAX];
    let _ = getrandom::fill(&mut byte);
    upto * u32::from(byte[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_begin_anew_after_success() {
        let mut backoff = Backoff::new();
        for step in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = backoff.wait();
            let step = Duration::from_secs(step);
            assert!(wait >= step / 2 && wait <= step, "{wait:?} is not within {step:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }
}
