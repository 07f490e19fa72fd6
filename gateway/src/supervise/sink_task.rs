//! The task of the sink.

use std::{convert::Infallible, panic::AssertUnwindSafe, time::Duration};

use contract::{Consumer, Fault, Retry, Store};
use futures_util::FutureExt;
use sink::{SinkState, Trouble};
use tokio::time::sleep;

use super::panic_fault;
use crate::{log, stop::Stop};

/// Maximum number of messages that the sink stores in one transaction.
const MAX_INTAKE: usize = 32;

/// A sink that has run for this long after a fault is in order, even if nothing came that it could store: connecting
/// fails sooner.
const CALM: Duration = Duration::from_secs(30);

/// Runs the sink, and restarts it after every fault, until stop is requested. Returns the fault at which it stopped.
pub(super) async fn supervise_sink(
    mut consumer: impl Consumer,
    store: impl Store,
    stop: Stop,
    state: SinkState,
) -> Option<Fault> {
    // After a reload, the trouble that the sink before this one noted may be over.
    let (mut retry, mut trouble) = (Retry::default(), state.trouble());
    loop {
        let mut n_acked = 0;
        let run = sink::run(&mut consumer, &store, stop.token(), MAX_INTAKE, &mut n_acked);
        let ended = tokio::select! {
            ended = AssertUnwindSafe(Box::pin(run)).catch_unwind() => ended,
            never = end_when_calm(&state, trouble.take()) => match never {},
        };
        let fault = match ended {
            Ok(Ok(())) => return None,
            Ok(Err(fault)) => fault,
            Err(_) => panic_fault(),
        };
        if n_acked > 0 {
            retry.reset();
        }
        let fault = fault.at("sink");
        let wait = retry.wait(fault.kind());
        log::retry(None, &fault, wait);
        stop.run_until_requested(async { trouble = Some(state.wait(&fault, wait).await) }).await;
        if stop.is_requested() {
            return Some(fault);
        }
    }
}

/// Notes after a while that this trouble of a sink is over; the sink runs again meanwhile.
async fn end_when_calm(state: &SinkState, trouble: Option<Trouble>) -> Infallible {
    if let Some(trouble) = trouble {
        sleep(CALM).await;
        state.end_of(&trouble);
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use contract::{Intake, Kept};
    use sink::store::{
        Memory,
        suite::sample::{intake, read, record},
    };
    use tokio::time::Instant;

    use super::{super::run_sink, *};

    /// Fails `faults_left` times, each time after one message or without any.
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

    /// How long a sink with `faults` faults is unavailable in total.
    async fn away(faults: u64, gives: bool) -> Duration {
        let (began, stop) = (Instant::now(), Stop::default());
        let flaky = Flaky { faults_left: faults, gives, is_broken: false, stop: stop.clone() };
        supervise_sink(flaky, Memory::new(), stop, SinkState::default()).await;
        began.elapsed()
    }

    /// Fails when the process is about to stop.
    struct Failing(Stop);

    impl Consumer for Failing {
        async fn take(&mut self, _: usize) -> Result<Intake, Fault> {
            self.0.request();
            Err(Fault::transient("the disk is full"))
        }

        async fn ack(&mut self, _: Kept) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_stops_before_everything_is_stored_says_why() {
        let (stop, grace) = (Stop::default(), Duration::from_secs(20));
        let state = SinkState::default();
        let why = run_sink(Failing(stop.clone()), Memory::new(), &stop, grace, &state).await;
        assert_eq!(why.unwrap().to_string(), "sink: the disk is full");
        let done = Stop::default();
        done.request();
        assert!(run_sink(Failing(stop), Memory::new(), &done, grace, &state).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_with_progress_between_its_faults_restarts_within_a_second() {
        let away = away(20, true).await;
        assert!(away <= Duration::from_secs(20), "{away:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_is_woken_tries_again_at_once() {
        let (stop, state, began) = (Stop::default(), SinkState::default(), Instant::now());
        let flaky = Flaky { faults_left: 9, gives: false, is_broken: false, stop: stop.clone() };
        let waking = async {
            while !stop.is_requested() {
                state.wake();
                tokio::task::yield_now().await;
            }
        };
        let sink = supervise_sink(flaky, Memory::new(), stop.clone(), state.clone());
        tokio::join!(sink, waking);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }

    /// Fails once, and then waits for messages.
    struct Reconnecting(bool);

    impl Consumer for Reconnecting {
        async fn take(&mut self, _: usize) -> Result<Intake, Fault> {
            if std::mem::replace(&mut self.0, true) {
                std::future::pending::<()>().await;
            }
            Err(Fault::transient("the bus is gone"))
        }

        async fn ack(&mut self, _: Kept) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_runs_again_is_in_order_after_a_while_even_if_nothing_comes() {
        let (stop, state) = (Stop::default(), SinkState::default());
        let watching = async {
            let mut changes = state.subscribe();
            let fault = changes.wait_for(Option::is_some).await.unwrap().clone().unwrap().fault;
            let began = Instant::now();
            changes.wait_for(Option::is_none).await.unwrap();
            stop.request();
            (fault, began.elapsed())
        };
        let sink = supervise_sink(Reconnecting(false), Memory::new(), stop.clone(), state.clone());
        let (ended, (fault, took)) = tokio::join!(sink, watching);
        assert_eq!(fault, "sink: the bus is gone");
        assert!(ended.is_none() && took >= CALM, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_without_progress_waits_longer_each_time() {
        // At least half of 1 + 2 + 4 + … + 128 s.
        let away = away(8, false).await;
        assert!(away >= Duration::from_secs(127), "{away:?}");
    }
}
