//! Tests the channel of the platform of the mobile app and the grid workers, which the gateway polls.

use std::time::Duration;

use contract::demand::QualityFlag;
use system_tests::compare::has_flag;

use super::*;

type App = Scene<Mobile>;

#[tokio::test]
async fn a_position_of_zero_is_no_place_and_flagged() {
    let (_, struck) = App::struck("zero_position").await;
    assert!(struck.demand().body.location.is_none());
    assert!(has_flag(struck.demand(), "location", QualityFlag::OutOfRange));
}

#[tokio::test]
async fn a_report_without_a_position_has_none_and_no_doubt() {
    let (_, struck) = App::struck("no_position").await;
    assert!(struck.demand().body.location.is_none());
    assert!(!has_flag(struck.demand(), "location", QualityFlag::OutOfRange));
}

#[tokio::test]
async fn longitude_and_latitude_in_each_others_place_are_put_right() {
    let (_, struck) = App::struck("swapped").await;
    let location = struck.demand().body.location.unwrap();
    assert!(location.lon > 118.0 && location.lat < 32.0, "{location:?}");
}

#[tokio::test]
async fn a_source_that_names_a_pause_is_not_asked_before() {
    let scene = App::new("unavailable@2").await;
    scene.source.file(250);
    let (waited, times) = scene.pull_patiently().await;
    assert!(times > 0 && waited == Duration::from_secs(2) * times, "{waited:?} in {times}");
    assert_eq!(scene.pipeline.differences(&scene.source.truth()), [""; 0]);
    assert_eq!(scene.source.request_counts().early, 0);
}

#[tokio::test]
async fn t18_a_clock_more_than_ninety_seconds_off_is_refused_and_says_so() {
    let scene = App::new("").await;
    scene.source.file(1);
    let mut pipeline = scene.pipeline;
    pipeline.context.clock = contract::Clock::new(|| "2026-10-09T02:32:00Z".parse().unwrap());
    let fault = pipeline.pull().await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("clock"), "{fault}");
    assert_eq!(scene.source.request_counts().refused["clock"], 1);
}
