//! Tests the scenarios of the city, which have numbers (T01 to T20), and the quirks of its sources. The tests
//! switch on a quirk, read the source, and check the row in the store or in quarantine.
//!
//! The scenarios with files (T10 to T12) are in `enterprise.rs`. T13, T14, T15 and T17 test only the mapping,
//! and are in `normalizer/tests`.

mod board;
mod hotline;
mod inspection;
mod life;
mod mobile;
mod outage;
mod petition;
mod push;
mod twice;
mod upstream;

use std::sync::Arc;

use contract::{Demand, Fault, FaultKind};
use sandbox::{
    Behaviour, Clock, Limits, MessageBoard, Mobile, Petitions, ProvinceInspection, QuirkRates,
    StateInspection, Truth, truth::ServedState,
};
use system_tests::pipeline::Pipeline;

/// The date from which the shipped channels read.
const SHIPPED_START: &str = "2024-01-01";
/// The date that these tests set instead.
const START: &str = "2026-10-05";

/// A simulated source, and the shipped channel that reads it.
struct Scene<S> {
    source: S,
    clock: Clock,
    pipeline: Pipeline,
}

/// A source that the gateway polls over HTTP.
trait Source: Sized {
    const CHANNEL: &str;
    /// The host in the shipped configuration.
    const HOST: &str;
    async fn open(quirks: &str, limits: Limits, clock: &Clock) -> Self;
    fn url(&self) -> &str;
    fn environment(&self) -> Vec<(&'static str, String)>;
    fn truth(&self) -> Truth;
    fn file(&self, n: u64) -> Vec<String>;
}

macro_rules! sources {
    ($($kind:ident, $channel:literal, $host:literal;)*) => {$(
        impl Source for $kind {
            const CHANNEL: &str = $channel;
            const HOST: &str = $host;

            async fn open(quirks: &str, limits: Limits, clock: &Clock) -> Self {
                let plain = Behaviour::new(7, clock.clone());
                let quirks = QuirkRates::parse(quirks).unwrap();
                $kind::open(Behaviour { quirks, limits, ..plain }).await.unwrap()
            }

            fn url(&self) -> &str {
                self.url()
            }

            fn environment(&self) -> Vec<(&'static str, String)> {
                self.environment()
            }

            fn truth(&self) -> Truth {
                self.truth()
            }

            fn file(&self, n: u64) -> Vec<String> {
                self.file(n)
            }
        }
    )*};
}

sources! {
    MessageBoard, "message_board", "https://liuyan.people.com.cn";
    Petitions, "petition", "https://petition.example";
    StateInspection, "inspection_state", "https://gjzwfw.example";
    ProvinceInspection, "inspection_province", "https://exchange.example";
    Mobile, "mobile", "https://mobile.example";
}

impl<S: Source> Scene<S> {
    /// A source with these quirks; its clock advances with each request.
    async fn new(quirks: &str) -> Self {
        Self::open(quirks, |pipeline| pipeline).await
    }

    /// A source without quirks; its clock does not advance with requests.
    async fn hurried() -> Self {
        Self::open("", |pipeline| pipeline.without_delay().unwrap()).await
    }

    async fn open(quirks: &str, pace: impl Fn(Pipeline) -> Pipeline) -> Self {
        let clock = morning();
        let source = S::open(quirks, Limits::Real, &clock).await;
        let pipeline = Pipeline::new(S::CHANNEL, source.environment()).unwrap();
        let mut pipeline = pace(pipeline.with_clock(&clock).unwrap());
        pipeline.edit(S::HOST, source.url()).unwrap();
        let _ = pipeline.edit(SHIPPED_START, START);
        Self { source, clock, pipeline }
    }

    /// Reads three items. `quirk` strikes the second one, and this returns that one.
    async fn struck(quirk: &str) -> (Self, Struck) {
        let scene = Self::new(&format!("{quirk}@2")).await;
        let key = scene.source.file(3).remove(1);
        scene.pull().await;
        let struck = scene.at(&key);
        (scene, struck)
    }

    /// Reads three items from a source whose requests `quirk` strikes, in the format of `QuirkRates::parse`.
    async fn asked(quirk: &str) -> (Self, Vec<String>) {
        let scene = Self::new(quirk).await;
        let keys = scene.source.file(3);
        scene.pull().await;
        (scene, keys)
    }

    /// Reads until the channel has caught up, and checks that nothing is lost or altered.
    async fn pull(&self) {
        self.pipeline.pull().await.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(self.pipeline.differences(&self.source.truth()), [""; 0]);
    }

    /// Reads until the channel has caught up, and waits as long as the source asks, by the clock of the city.
    /// Returns how long it waited in total, and how often.
    async fn pull_patiently(&self) -> (std::time::Duration, u32) {
        let (mut waited, mut times) = (std::time::Duration::ZERO, 0);
        while let Err(fault) = self.pipeline.pull().await {
            let wait = wait_of(&fault);
            self.clock.advance(wait);
            (waited, times) = (waited + wait, times + 1);
            assert!(times < 100, "never caught up: {fault}");
        }
        (waited, times)
    }

    fn at(&self, key: &str) -> Struck {
        let truth = self.source.truth();
        let told = truth.record(key).unwrap().states.last().map(Arc::clone).unwrap();
        let demand = self.pipeline.demand(key);
        Struck { key: key.to_owned(), told, demand }
    }
}

/// An item as the source served it last, and its demand in the store.
struct Struck {
    key: String,
    told: Arc<ServedState>,
    /// `None` if it is not in the store.
    demand: Option<Demand>,
}

impl Struck {
    fn demand(&self) -> &Demand {
        self.demand.as_ref().unwrap_or_else(|| panic!("{} is not in the store", self.key))
    }
}

fn morning() -> Clock {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 10, 9).unwrap();
    Clock::starting(day.and_hms_opt(10, 30, 0).unwrap())
}

fn wait_of(fault: &Fault) -> std::time::Duration {
    match fault.kind() {
        FaultKind::Throttled(wait) => wait,
        kind => panic!("{kind:?}: {fault}"),
    }
}
