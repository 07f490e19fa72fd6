//! Where the next request begins if a clock is wrong, or if old records are due to be read again.

use super::{cursors::second_run, *};

#[tokio::test]
async fn a_clock_of_the_source_that_is_set_back_an_hour_loses_nothing() {
    let mut city = city().await;
    city.add(&["before".into()], NOW).await;
    let (_, at) = city.entries(None, 100).await;
    city.state().now -= TimeDelta::hours(1);
    let (_, at) = city.entries(Some(at), 100).await;
    city.state().now += TimeDelta::seconds(30);
    city.add(&["after".into()], NOW).await;
    let (entries, at) = city.entries(Some(at), 100).await;
    assert!(keys_of(&entries).contains("after"));
    city.state().now += TimeDelta::minutes(20);
    city.add(&["still before".into()], NOW).await;
    let (entries, _) = city.entries(Some(at), 100).await;
    assert!(keys_of(&entries).contains("still before"));
}

#[tokio::test]
async fn a_record_with_a_future_time_is_read_and_hides_nothing() {
    let mut city = city().await;
    city.state().add("future", "2062-01-01T00:00:00Z".parse().unwrap());
    city.add(&["now".into()], NOW).await;
    let (entries, at) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["future", "now"]));
    city.state().now += TimeDelta::seconds(10);
    city.add(&["next".into()], NOW).await;
    let (entries, _) = city.entries(Some(at), 100).await;
    assert!(keys_of(&entries).contains("next"));
}

#[tokio::test]
async fn a_gateway_whose_clock_is_hours_ahead_of_the_source_loses_nothing() {
    let window = json!({
        "since": {
            "param": "from", "format": "%Y-%m-%d %H:%M:%S", "start": "2026-10-09",
            "until": { "param": "to", "span": "1d" },
        },
    });
    let mut city = city().await.with(window);
    city.add(&["first".into()], NOW).await;
    let seen = second_run(&mut city, |city| {
        let mut state = city.state();
        state.now += TimeDelta::seconds(10);
        let now = state.now;
        state.add("next", now);
    })
    .await;
    assert!(seen.contains("next"));
}

#[tokio::test]
async fn old_records_are_read_again_when_that_is_due() {
    let mut city = city().await.with(json!({ "reread": { "days": 2, "every": "1h" } }));
    city.add(&["last week".into()], 168 * HOUR).await;
    city.add(&["yesterday".into()], 24 * HOUR).await;
    city.add(&["now".into()], NOW).await;
    let (_, at) = city.entries(None, 100).await;
    let (entries, at) = city.entries(Some(at), 100).await;
    assert_eq!(keys_of(&entries), set(&["now"]), "not due yet");
    city.state().now += TimeDelta::minutes(61);
    let (entries, at) = city.entries(Some(at), 100).await;
    assert_eq!(keys_of(&entries), set(&["now", "yesterday"]));
    let (entries, _) = city.entries(Some(at), 100).await;
    assert_eq!(keys_of(&entries), set(&["now"]), "not due again");
}
