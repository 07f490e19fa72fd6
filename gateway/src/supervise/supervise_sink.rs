//! The sink, again and again.

use std::panic::AssertUnwindSafe;

use contract::{Consumer, Retry, Store};
use futures_util::FutureExt;

use super::panicked;
use crate::{report, stop::Stop};

/// Messages that the sink keeps in one transaction at most.
const MAX_INTAKE: usize = 32;

/// Runs the sink until it is asked to stop.
pub(super) async fn supervise_sink(mut consumer: impl Consumer, store: impl Store, stop: Stop) {
    let mut retry = Retry::default();
    loop {
        let mut acked = 0;
        let run = sink::run(&mut consumer, &store, stop.token(), MAX_INTAKE, &mut acked);
        let fault = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(fault)) => fault,
            Err(_) => panicked(),
        };
        if acked > 0 {
            retry.reset();
        }
        let wait = retry.wait(fault.kind());
        report::retry(None, &fault.at("sink"), wait);
        stop.or_sleep(wait).await;
        if stop.is_requested() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::{Fault, Intake, Kept};
    use sink::store::{
        Memory,
        suite::sample::{intake, read, record},
    };
    use tokio::time::Instant;

    use super::*;

    /// Breaks so many times, behind a message each or at once.
    struct Flaky {
        faults_left: u64,
        gives: bool,
        is_broken: bool,
        stop: Stop,
    }

    impl Consumer for Flaky {
        async fn take(&mut self, _: usize) -> Result<Intake, Fault> {
            if self.faults_left == 0 {
                self.stop.request();
                std::future::pending::<()>().await;
            }
            if self.gives && !std::mem::replace(&mut self.is_broken, true) {
                return Ok(intake([&read(self.faults_left, [record("a", "text")])]));
            }
            (self.faults_left, self.is_broken) = (self.faults_left - 1, false);
            Err(Fault::transient("the bus is gone"))
        }

        async fn ack(&mut self, _: Kept) -> Result<(), Fault> {
            Ok(())
        }
    }

    /// How long `faults` keep it from its work.
    async fn away(faults: u64, gives: bool) -> Duration {
        let (began, stop) = (Instant::now(), Stop::default());
        let flaky = Flaky { faults_left: faults, gives, is_broken: false, stop: stop.clone() };
        supervise_sink(flaky, Memory::new(), stop).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_keeps_messages_between_its_faults_is_back_in_a_second_each_time() {
        let away = away(20, true).await;
        assert!(away <= Duration::from_secs(20), "{away:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_keeps_nothing_waits_longer_each_time() {
        // 1 + 2 + 4 + … + 128 s, and of each half at least.
        let away = away(8, false).await;
        assert!(away >= Duration::from_secs(127), "{away:?}");
    }
}
