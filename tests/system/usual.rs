//! Tests what is usual for a channel: the channel stops if fields disappear that its demands always had, and
//! `status` shows its volume beside the usual one.

use std::time::Duration;

use contract::{Checkpoints as _, FaultKind, RecordKey};
use sandbox::{Clock, Gbk, Settings};
use serde_json::Value;
use system_tests::{gateway_process::command, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_records_lose_what_all_had_stops_until_that_is_accepted() {
    let world = World::open(Settings::new(11, Clock::machine())).await.unwrap();
    let keys = world.hotline.file(150).await.unwrap();
    world.pull().await.unwrap();
    // Every row that is read again has lost it.
    let lost = &keys[135..];
    for key in lost {
        world.hotline.change(key, |row| row.rqsttitle = Gbk::new("")).await.unwrap();
    }
    let title = async |key: &str| {
        let (store, _) = world.store().await.unwrap();
        let channel = "hotline".parse().unwrap();
        store.current(&channel, &RecordKey::new(key)).await.unwrap().unwrap().body.title
    };
    for _ in 0..2 {
        let error = world.pull().await.unwrap_err();
        let fault: &contract::Fault = error.downcast_ref().unwrap();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains("nearly all earlier ones had it"), "{fault}");
        assert!(fault.to_string().contains("title"), "{fault}");
        assert!(title(&lost[0]).await.is_some(), "it was delivered");
    }

    // Another fault comes after it: what is to be accepted is the same.
    let (store, _) = world.store().await.unwrap();
    let gone = contract::Fault::transient("the source is gone");
    store.note(&"hotline".parse().unwrap(), &gone, gateway::clock::now()).await.unwrap();
    assert!(accept(&world).contains("accepted; read the channel now"));
    assert!(accept(&world).contains("nothing to accept"));
    world.pull().await.unwrap();
    assert_eq!(title(&lost[0]).await, None);
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
}

/// What `tonghui accept` says.
fn accept(world: &World) -> String {
    let mut accept = command().unwrap();
    accept.args(["accept", "hotline", "--config"]).arg(world.config()).envs(world.environment());
    let output = accept.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn demands_that_come_one_by_one_without_a_title_are_counted_over_all_runs() {
    let world = World::open(Settings::new(11, Clock::machine())).await.unwrap();
    world.hotline.file(150).await.unwrap();
    world.pull().await.unwrap();
    // The newest one is read again in every run, and counted once.
    for delivered in 0..9 {
        let keys = world.hotline.file(1).await.unwrap();
        world.hotline.change(&keys[0], |row| row.rqsttitle = Gbk::new("")).await.unwrap();
        world.pull().await.unwrap_or_else(|error| panic!("after {delivered}: {error:#}"));
        world.pull().await.unwrap_or_else(|error| panic!("after {delivered}, again: {error:#}"));
    }
    let keys = world.hotline.file(1).await.unwrap();
    world.hotline.change(&keys[0], |row| row.rqsttitle = Gbk::new("")).await.unwrap();
    for _ in 0..2 {
        let error = world.pull().await.unwrap_err();
        let fault: &contract::Fault = error.downcast_ref().unwrap();
        assert!(
            fault
                .to_string()
                .contains("none of the last 10 demands has title; nearly all earlier ones had it"),
            "{fault}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_puts_todays_demands_beside_those_of_the_same_weekday_before() {
    let mut settings = Settings::new(11, Clock::machine());
    settings.spread = Duration::from_secs(29 * 86_400);
    let world = World::open(settings).await.unwrap();
    world.hotline.file(29 * 24).await.unwrap();
    world.pull().await.unwrap();
    let mut status = command().unwrap();
    status.args(["status", "--format", "json", "--config"]).arg(world.config());
    let output = status.envs(world.environment()).output().unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| rows[0][name].as_u64().unwrap_or_else(|| panic!("{name}: {rows}"));
    // One an hour, today as in the weeks before.
    let (received, expected) = (number("received_today"), number("expected_today"));
    assert!(received.abs_diff(expected) <= 2, "{received} and {expected}");
    assert!(expected <= 25, "{expected}");
}
