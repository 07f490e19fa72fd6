//! The sink, again and again.

use std::panic::AssertUnwindSafe;

use contract::{Consumer, FaultKind, Store};
use futures_util::FutureExt;

use super::{SLOW_CLOCK, panicked, report};
use crate::{backoff::Backoff, stop::Stop};

/// Messages that the sink keeps in one transaction at most.
const MAX_INTAKE: usize = 32;

/// Runs the sink until it is asked to stop.
pub(super) async fn tend_sink(mut consumer: impl Consumer, store: impl Store, stop: Stop) {
    let mut backoff = Backoff::new();
    loop {
        let mut acked = 0;
        let run = sink::run(&mut consumer, &store, stop.token(), MAX_INTAKE, &mut acked);
        let fault = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(fault)) => fault,
            Err(_) => panicked(),
        };
        if acked > 0 {
            backoff.reset();
        }
        let wait = match fault.kind() {
            FaultKind::Transient => backoff.wait(),
            FaultKind::Throttled(wait) => wait,
            FaultKind::Stopped => SLOW_CLOCK,
        };
        report("sink", &fault, wait);
        stop.or_sleep(wait).await;
        if stop.is_asked() {
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

    /// Breaks behind every message.
    struct Flaky {
        messages_left: u64,
        is_broken: bool,
        stop: Stop,
    }

    impl Consumer for Flaky {
        async fn take(&mut self, _: usize) -> Result<Intake, Fault> {
            if std::mem::take(&mut self.is_broken) {
                return Err(Fault::transient("the bus is gone"));
            }
            if self.messages_left == 0 {
                self.stop.ask();
                std::future::pending::<()>().await;
            }
            self.messages_left -= 1;
            self.is_broken = true;
            Ok(intake([&read(self.messages_left, [record("a", "text")])]))
        }

        async fn ack(&mut self, _: Kept) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_keeps_messages_between_its_faults_is_back_in_a_second_each_time() {
        let began = Instant::now();
        let stop = Stop::default();
        let flaky = Flaky { messages_left: 20, is_broken: false, stop: stop.clone() };
        tend_sink(flaky, Memory::new(), stop).await;
        assert!(began.elapsed() <= Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
