//! What the limits of an upstream promise. Tokio's clock is paused, so days pass in an instant.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Asia::Shanghai;
use connector_wire::gate::{Limits, retry_after};
use contract::{Budget, Clock, Fault, FaultKind, Gate as _, Timestamp};
use futures_util::future::{FutureExt as _, join_all, ready};
use proptest::prelude::*;
use rand::SeedableRng as _;
use tokio::time::{Instant, advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A clock that follows tokio's clock and can be set.
#[derive(Clone)]
struct TestClock {
    started_at: Instant,
    start: Timestamp,
    /// Seconds that the clock is ahead.
    offset: Arc<AtomicI64>,
}

impl TestClock {
    fn starting_at(start: &str) -> Self {
        let started_at = Instant::now();
        Self { started_at, start: start.parse().unwrap(), offset: Arc::default() }
    }

    fn now(&self) -> Timestamp {
        let passed = TimeDelta::from_std(self.started_at.elapsed()).unwrap();
        self.start + passed + TimeDelta::seconds(self.offset.load(SeqCst))
    }

    fn gate(&self, budget: Budget) -> Limits {
        let clock = self.clone();
        Limits::new("inspection", budget, Shanghai, Clock::new(move || clock.now()))
    }
}

/// Ten in the morning in Beijing.
fn morning() -> TestClock {
    TestClock::starting_at("2026-11-25T02:00:00Z")
}

fn pause_of(fault: &Fault) -> Duration {
    match fault.kind() {
        FaultKind::Throttled(wait) => wait,
        kind => panic!("{kind:?}: {fault}"),
    }
}

/// Enters; after each refusal, waits as long as the fault says and retries.
async fn enter_with_retries(gate: &Limits) -> contract::Permit {
    loop {
        match gate.enter().await {
            Ok(permit) => return permit,
            Err(fault) => sleep(pause_of(&fault)).await,
        }
    }
}

fn http_date(moment: Timestamp, form: u32) -> String {
    match form {
        0 => httpdate::fmt_http_date(SystemTime::from(moment)),
        1 => moment.format("%A, %d-%b-%y %H:%M:%S GMT").to_string(),
        _ => moment.format("%a %b %e %H:%M:%S %Y").to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_thousand_refusals_no_request_is_early() {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(429);
    let clock = morning();
    let gate = clock.gate(Budget { concurrent: 2, ..Budget::default() });
    for round in 0..1_000 {
        let permit = enter_with_retries(&gate).await;
        sleep(Duration::from_millis(random.random_range(0..1_500))).await;
        // The source's clock may differ by up to an hour; its answers say its time.
        let skew = if random.random() { random.random_range(-3_600..3_600) } else { 0 };
        let source_now = clock.now() + TimeDelta::seconds(skew);
        let n_seconds = random.random_range(0..400);
        let seconds = source_now.timestamp() + i64::from(n_seconds);
        let until = Timestamp::from_timestamp(seconds, 0).unwrap();
        let (value, wait_in_value) = match random.random_range(0..5) {
            0 => (n_seconds.to_string(), TimeDelta::seconds(n_seconds.into())),
            1 => (
                format!("{n_seconds}.25"),
                TimeDelta::milliseconds(i64::from(n_seconds) * 1_000 + 250),
            ),
            form => (http_date(until, form - 2), until - source_now),
        };
        let date = http_date(source_now, 0);
        let wait = retry_after(&value, Some(&date), clock.now()).expect(&value);
        let not_before = Instant::now() + wait_in_value.to_std().unwrap_or_default();
        gate.hold(wait);
        // A shorter pause that is asked for later changes nothing.
        gate.hold(SECOND / 2);
        drop(permit);
        let others = (0..2).map(|_| async {
            let _permit = enter_with_retries(&gate).await;
            assert!(Instant::now() >= not_before, "round {round}: {value} at {date}");
        });
        join_all(others).await;
        assert!(
            Instant::now() <= not_before + 2 * SECOND,
            "round {round}: {value} was waited for too long"
        );
    }
}

/// Every time at which one of two channels entered.
async fn entries(gate: &Limits, pauses: &[Vec<(u64, u64)>]) -> Vec<Instant> {
    let channels = pauses.iter().map(|pauses| async move {
        let mut entries = Vec::new();
        for (pause, answer) in pauses {
            sleep(Duration::from_millis(*pause)).await;
            let _permit = enter_with_retries(gate).await;
            entries.push(Instant::now());
            sleep(Duration::from_millis(*answer)).await;
        }
        entries
    });
    let mut all = join_all(channels).await.concat();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_channels_together_never_exceed_the_budget_in_any_window(
        interval in 1_u64..500,
        burst in 1_u32..6,
        pauses in prop::collection::vec(prop::collection::vec((0_u64..900, 0_u64..300), 40), 2),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let entries = runtime.block_on(async {
            let interval = Some(Duration::from_millis(interval));
            let gate = morning().gate(Budget { interval, burst, concurrent: 2, ..Budget::default() });
            entries(&gate, &pauses).await
        });
        prop_assert_eq!(entries.len(), 80);
        for (first, from) in entries.iter().enumerate() {
            for (last, to) in entries.iter().enumerate().skip(first) {
                let n_requests = u128::try_from(last - first + 1).unwrap();
                let allowed = u128::from(burst) + (*to - *from).as_millis() / u128::from(interval);
                prop_assert!(n_requests <= allowed, "{} requests, {} allowed", n_requests, allowed);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_open_than_the_source_allows() {
    let gate = morning().gate(Budget { concurrent: 2, ..Budget::default() });
    let first = gate.enter().await.unwrap();
    let second = gate.enter().await.unwrap();
    assert!(timeout(HOUR, gate.enter()).await.is_err(), "three at once");
    drop(first);
    let third = gate.enter().now_or_never().expect("a slot is free").unwrap();
    drop((second, third));
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_in_order() {
    // A sleep may end up to a millisecond late.
    let interval = Some(Duration::from_micros(1_000_500));
    let gate = morning().gate(Budget { interval, concurrent: 9, ..Budget::default() });
    drop(gate.enter().await.unwrap());
    let mut first = gate.enter();
    assert!((&mut first).now_or_never().is_none());
    advance(Duration::from_micros(1_000_600)).await;
    assert!(gate.enter().now_or_never().is_none(), "it overtook the request in front of it");
    drop(first.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stops_waiting_uses_no_budget() {
    let budget = Budget { interval: Some(10 * SECOND), per_day: Some(3), ..Budget::default() };
    let gate = morning().gate(budget);
    drop(gate.enter().await.unwrap());
    let started_at = Instant::now();
    for _ in 0..5 {
        assert!(timeout(SECOND, gate.enter()).await.is_err());
    }
    drop(gate.enter().await.unwrap());
    assert_eq!(started_at.elapsed(), 10 * SECOND);
    assert_eq!(gate.requests_today().1, 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_refused_with_its_time() {
    let gate = morning().gate(Budget { interval: Some(HOUR), ..Budget::default() });
    drop(gate.enter().await.unwrap());
    let fault = gate.enter().now_or_never().expect("no waiting").unwrap_err();
    assert_eq!(pause_of(&fault), HOUR, "{fault}");
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_a_day_is_renewed_on_the_next_day() {
    let clock = morning();
    let gate = clock.gate(Budget { per_day: Some(2_000), ..Budget::default() });
    for _ in 0..2_000 {
        drop(gate.enter().await.unwrap());
    }
    let fault = gate.enter().await.unwrap_err();
    assert_eq!(pause_of(&fault), 14 * HOUR);
    assert_eq!(
        fault.to_string(),
        "upstream inspection: the upstream allows 2000 requests a day, and those of 2026-11-25 are used up"
    );
    advance(14 * HOUR - SECOND).await;
    assert_eq!(pause_of(&gate.enter().await.unwrap_err()), SECOND);
    advance(SECOND).await;
    for _ in 0..2_000 {
        drop(gate.enter().await.unwrap());
    }
    assert_eq!(gate.requests_today(), (NaiveDate::from_ymd_opt(2026, 11, 26).unwrap(), 2_000));
    assert_eq!(pause_of(&gate.enter().await.unwrap_err()), 24 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_neither_frees_requests_nor_ends_a_pause() {
    let clock = TestClock::starting_at("2026-11-25T16:10:00Z");
    let gate = clock.gate(Budget { per_day: Some(1), ..Budget::default() });
    drop(gate.enter().await.unwrap());
    // From ten past midnight to ten to.
    clock.offset.store(-1_200, SeqCst);
    assert_eq!(pause_of(&gate.enter().await.unwrap_err()), 24 * HOUR + 600 * SECOND);
    gate.hold(HOUR);
    clock.offset.store(7_200, SeqCst);
    assert_eq!(pause_of(&gate.enter().await.unwrap_err()), HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_used_budget() {
    let clock = morning();
    let budget = Budget { per_day: Some(10), ..Budget::default() };
    let before = clock.gate(budget);
    for _ in 0..4 {
        drop(before.enter().await.unwrap());
    }
    let after = clock.gate(budget);
    let (date, n_requests) = before.requests_today();
    after.restore(date, n_requests);
    for _ in 0..6 {
        drop(after.enter().await.unwrap());
    }
    pause_of(&after.enter().await.unwrap_err());
    after.restore(date.pred_opt().unwrap(), 3);
    assert_eq!(after.requests_today(), (date, 10));
}

#[tokio::test(start_paused = true)]
async fn every_request_is_stored_before_it_is_sent() {
    let gate = morning().gate(Budget { per_day: Some(400), ..Budget::default() });
    let booked: Arc<Mutex<Vec<u32>>> = Arc::default();
    let book = {
        let booked = Arc::clone(&booked);
        move |_, n_requests| {
            booked.lock().unwrap().push(n_requests);
            ready(Ok(())).boxed()
        }
    };
    gate.book_with(Some(Box::new(book))).await;
    for n_sent in 1..=400 {
        drop(gate.enter().await.unwrap());
        let n_booked = *booked.lock().unwrap().last().unwrap();
        assert!(
            (n_sent..=(n_sent + 4).min(400)).contains(&n_booked),
            "{n_sent} sent, {n_booked} booked"
        );
    }
    assert!(booked.lock().unwrap().len() <= 81, "{booked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_stored_is_not_sent() {
    let gate = morning().gate(Budget { per_day: Some(400), ..Budget::default() });
    let fail = |_, _| ready(Err(Fault::transient("the store cannot be reached"))).boxed();
    gate.book_with(Some(Box::new(fail))).await;
    assert!(gate.enter().await.unwrap_err().is_transient());
    gate.book_with(None).await;
    drop(gate.enter().await.unwrap());
    assert_eq!(gate.requests_today().1, 1);
}

#[tokio::test(start_paused = true)]
async fn no_request_is_sent_outside_the_hours_of_an_upstream() {
    let clock = TestClock::starting_at("2026-11-25T14:59:30Z");
    let window = Some("06:00-23:00".parse().unwrap());
    let gate = clock.gate(Budget { window, ..Budget::default() });
    drop(gate.enter().await.unwrap());
    advance(30 * SECOND).await;
    let fault = gate.enter().await.unwrap_err();
    assert_eq!(pause_of(&fault), 7 * HOUR);
    assert_eq!(
        fault.to_string(),
        "upstream inspection: the upstream accepts requests only at 06:00-23:00"
    );
    sleep(pause_of(&fault)).await;
    drop(gate.enter().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_pause_also_holds_a_request_that_waits() {
    let interval = Some(10 * SECOND);
    let gate = morning().gate(Budget { interval, ..Budget::default() });
    drop(gate.enter().await.unwrap());
    let waiting = async { gate.enter().await.map(drop) };
    let pausing = async {
        sleep(SECOND).await;
        gate.hold(HOUR);
    };
    let (entered, ()) = tokio::join!(waiting, pausing);
    assert_eq!(pause_of(&entered.unwrap_err()), HOUR - 9 * SECOND);
}
