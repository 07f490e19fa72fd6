//! Tests the channels of 互联网+督查, the inspection platforms: requests by day, secrets, clocks, rate limits.

mod rows;

use std::time::Duration;

use super::*;

type Platform = Scene<StateInspection>;

#[tokio::test]
async fn t08_a_day_without_rows_is_read_and_over() {
    let scene = Platform::new("").await;
    scene.source.file(3);
    scene.pull().await;
    // From the fifth to the ninth of October, four of them empty.
    assert_eq!(scene.source.request_counts().by_kind["list"], 5);
    scene.pull().await;
    // A day is closed twelve hours after the next one: until noon three are asked for again.
    assert_eq!(scene.source.request_counts().by_kind["list"], 5 + 3);
    assert!(scene.pipeline.bus.rejected().is_empty());
}

#[tokio::test]
async fn t09_a_secret_that_changes_is_got_once_more_and_no_day_is_lost() {
    let scene = Platform::new("rotated@3").await;
    scene.source.file(3);
    scene.pull().await;
    let calls = scene.source.request_counts();
    assert!(calls.refused["signature"] >= 1, "{calls:?}");
    assert_eq!(calls.by_kind["secret"], 1 + calls.refused["signature"], "{calls:?}");

    let province = Scene::<ProvinceInspection>::new("rotated@3").await;
    province.source.file(3);
    province.pull().await;
    assert!(province.source.request_counts().refused["signature"] >= 1);
}

#[tokio::test]
async fn t09_a_secret_that_was_valid_for_a_day_is_got_anew_on_the_next() {
    let scene = Platform::new("").await;
    // One and the same connector: a new one would begin with a new secret.
    let mut connector = scene.pipeline.connector().unwrap();
    let mut read = 0;
    for _ in 0..3 {
        scene.source.file(1);
        let mut at = None;
        loop {
            let batch = connector.read(at.as_ref(), 100).await.unwrap();
            read += batch.entries.len();
            if batch.end.is_some() {
                break;
            }
            at = Some(batch.upto);
        }
        // The connector counts from what the platform last said, by a clock that nobody sets.
        let day = Duration::from_secs(24 * 3_600);
        scene.clock.advance(day);
        tokio::time::pause();
        tokio::time::advance(day).await;
        tokio::time::resume();
    }
    assert_eq!(read, 1 + 2 + 3);
    let calls = scene.source.request_counts();
    assert_eq!(calls.by_kind["secret"], 3, "{calls:?}");
    assert!(calls.refused.is_empty(), "got before the old one is refused: {calls:?}");
}

#[tokio::test]
async fn t18_a_clock_that_contradicts_the_signature_stops_clearly_and_not_for_ever() {
    let scene = Platform::new("wrong_date@1").await;
    scene.source.file(1);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("clock"), "{fault}");
    let calls = scene.source.request_counts();
    assert!(calls.by_kind.values().sum::<u64>() < 10, "{calls:?}");
    assert!(calls.refused["clock"] > 0);
}

#[tokio::test]
async fn t18_a_clock_of_ours_that_is_wrong_is_refused_and_named() {
    let scene = Platform::new("").await;
    scene.source.file(2);
    let ahead = contract::Clock::new(|| "2026-10-09T02:37:00Z".parse().unwrap());
    let mut pipeline = scene.pipeline;
    pipeline.context.clock = ahead;
    let fault = pipeline.pull().await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("clock"), "{fault}");
    assert_eq!(scene.source.request_counts().refused["clock"], 1);
}

#[tokio::test]
async fn a_page_of_the_proxy_is_no_day() {
    // The first request gets the secret; from then on every second one meets the proxy.
    let scene = Platform::new("bad_gateway@2").await;
    scene.source.file(1);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert!(scene.pipeline.bus.messages().is_empty());
    assert_eq!(scene.source.request_counts().refused["bad_gateway"], 1);
}

#[tokio::test]
async fn the_requests_of_a_minute_are_not_exceeded_by_a_platform_that_says_so() {
    // A day each: more days than the minute has calls.
    let mut scene = Platform::hurried().await;
    scene.pipeline.edit(START, "2026-07-01").unwrap();
    scene.source.file(1);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert!(!fault.to_string().is_empty());
    let calls = scene.source.request_counts();
    // The page, and twice the secret that its answer seems to ask for.
    assert!(calls.over_budget <= 3, "{calls:?}");
}
