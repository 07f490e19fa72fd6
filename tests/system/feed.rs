//! The change feed with RabbitMQ and PostgreSQL: what a system that follows it hears.

mod ear;

use std::{collections::BTreeSet, thread};

use sandbox::Clock;
use sink::{
    bus::{Amqp, AmqpSettings},
    store::{Database, Feed, Outcome},
};
use system_tests::{
    gateway_process::{Gateway, Server, command, server},
    world::World,
};

use crate::repair::{run, world};
use ear::{Ear, Heard};

fn broker() -> String {
    server("TONGHUI_TEST_AMQP").unwrap()
}

/// The event ids of all versions in history that became or would have become the current state, in order.
async fn versions(store: &Database) -> Vec<String> {
    let mut versions = Vec::new();
    for (_, row) in store.demands(0, contract::Timestamp::UNIX_EPOCH, u32::MAX).await.unwrap() {
        let id = row.demand.id;
        for state in store.history(&id).await.unwrap() {
            if state.outcome != Outcome::Stale {
                let version = state.version;
                let (read_no, mapping) = (version.read_no.0, version.mapping.0);
                versions.push((state.seq, format!("{id}/-/{read_no}/{mapping}")));
            }
        }
    }
    versions.sort();
    versions.into_iter().map(|(_, version)| version).collect()
}

/// The ids of events without repeats.
fn first_ids(heard: &[Heard]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let first = heard.iter().filter(|event| known.insert(&event.id));
    first.map(|event| event.id.clone()).collect()
}

/// A world with a feed that has begun, and somebody who listens to it.
async fn told_world(broker: &str) -> (World, Database, Ear) {
    let world = world(Clock::machine(), broker).await;
    let ear = Ear::open(&world, broker).await;
    let (store, _) = world.store().await.unwrap();
    assert!(store.next_feed().await.unwrap().is_none());
    (world, store, ear)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_version_is_told_once_in_order_and_names_nobody() {
    let (world, store, ear) = told_world(&broker()).await;
    world.hotline.file(400).await.unwrap();
    world.pull().await.unwrap();
    world.hotline.advance_random(150).await.unwrap();
    world.pull().await.unwrap();
    let heard = ear.heard().await;
    let ids: Vec<_> = heard.iter().map(|event| event.id.clone()).collect();
    let expected = versions(&store).await;
    assert!(expected.len() > 500, "{}", expected.len());
    assert_eq!(ids, expected);

    let history = world.hotline.case_history().await.unwrap();
    let rows = history.cases().iter().flat_map(|case| &case.states).map(|state| &state.row);
    let numbers = rows.flat_map(|row| [&row.rqstnumber, &row.linknumber]).flatten();
    let numbers: BTreeSet<&str> = numbers.map(|n| n.as_str()).filter(|n| n.len() >= 8).collect();
    assert!(numbers.len() > 100, "{}", numbers.len());
    let mut n_masks = 0;
    for Heard { id, key, data, text } in &heard {
        assert_eq!((&data["cause"], key.split('.').count()), (&"live".into(), 4), "{key}");
        assert!(key.starts_with("hotline."), "{key}");
        n_masks += text.matches("\"mask\"").count();
        for word in ["\"sealed\"", "\"unmasked\"", "\"raw\""] {
            assert!(!text.contains(word), "{word} of {id}");
        }
        for digits in text.split(|c: char| !c.is_ascii_digit()) {
            assert!(!numbers.contains(digits), "a number in {id}");
        }
    }
    assert!(n_masks > 400, "{n_masks}");
    // Whoever hears everything ends with what is stored.
    for (_, row) in store.demands(0, contract::Timestamp::UNIX_EPOCH, u32::MAX).await.unwrap() {
        let id = serde_json::to_value(row.demand.id).unwrap();
        let last = heard.iter().rev().find(|event| event.data["id"] == id).unwrap();
        let content = last.data["demand"]["content"].as_str();
        assert_eq!(content, row.demand.body.content.as_deref(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_ended_before_the_position_moved_repeats_only_that_stretch() {
    let (world, store, ear) = told_world(&broker()).await;
    world.hotline.file(350).await.unwrap();
    ear.close_the_feed(&world);
    world.pull().await.unwrap();
    ear.open_the_feed(&world);

    // What a relay does until it is killed.
    let urls = vec![broker()];
    let settings =
        AmqpSettings { urls, ca: None, prefix: "other".into(), queue_bytes: 1, declare: true };
    let mut killed = Amqp::new(settings).feed(ear.exchange.clone());
    let Feed { rows, .. } = store.next_feed().await.unwrap().unwrap();
    for row in &rows {
        let change = store.change(row).await.unwrap().unwrap();
        killed.publish(&change.event().unwrap()).await.unwrap();
    }
    let n_told = rows.len();
    assert!((1..350).contains(&n_told), "{n_told}");

    world.pull().await.unwrap();
    let heard = ear.heard().await;
    let expected = versions(&store).await;
    assert_eq!(first_ids(&heard), expected);
    assert_eq!(heard.len(), expected.len() + n_told);
    assert_eq!(heard[..n_told], heard[n_told..2 * n_told], "a repeat is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_relays_lose_nothing_and_tell_in_order_what_is_new() {
    const KILLS: usize = 8;
    let (world, store, ear) = told_world(&broker()).await;
    world.edit_channel("every = \"6h\"", "every = \"50ms\"").unwrap();
    let mut sink = Gateway::start_as(&world, "sink").unwrap();
    let ingest = Gateway::start_as(&world, "ingest").unwrap();
    for _ in 0..KILLS {
        world.hotline.file(230).await.unwrap();
        sink = tokio::task::block_in_place(|| {
            told(&mut sink);
            drop(sink); // SIGKILL
            Gateway::start_as(&world, "sink").unwrap()
        });
    }
    world.hotline.file(10).await.unwrap();
    tokio::task::block_in_place(|| {
        told(&mut sink); // it has the lease, so the pull below gets it
        ingest.stop().unwrap();
        sink.stop().unwrap();
    });
    // What was left in the queue when the last sink ended.
    world.pull().await.unwrap();
    let (heard, expected) = (ear.heard().await, versions(&store).await);
    assert!(expected.len() >= 230 * KILLS, "{}", expected.len());
    assert_eq!(first_ids(&heard), expected);
    let n_repeated = heard.len() - expected.len();
    assert!(n_repeated <= 100 * KILLS, "{n_repeated} repeats");
}

/// Waits until a gateway has told something.
fn told(gateway: &mut Gateway) {
    while !gateway.line().unwrap().expect("it ended").contains("tonghui: told") {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_change_during_a_replay_keeps_its_place_and_its_cause() {
    let (world, store, ear) = told_world(&broker()).await;
    let [right, wrong] = ["RQSTTITLE", "SERIALNUM"].map(|column| format!("{{ at = \"$.{column}\""));
    world.edit_channel(&right, &wrong).unwrap();
    world.hotline.file(600).await.unwrap();
    assert_eq!(run(&world, &["sync", "hotline"]).0, Some(0));
    world.edit_channel(&wrong, &right).unwrap();
    let ingest = Gateway::start_as(&world, "ingest").unwrap();
    let sink = Gateway::start_as(&world, "sink").unwrap();
    world.hotline.advance_random(100).await.unwrap();
    let (replayed, synced) = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let replay = scope.spawn(|| run(&world, &["replay", "hotline"]));
            let synced = run(&world, &["sync", "hotline"]);
            (replay.join().unwrap(), synced)
        })
    });
    assert_eq!((replayed.0, synced.0), (Some(0), Some(0)), "{replayed:?} {synced:?}");
    ingest.stop().unwrap();
    sink.stop().unwrap();
    let (code, _, said) = run(&world, &["sync", "hotline", "--from", "2000-01-01"]);
    assert_eq!(code, Some(0), "{said}");

    let heard = ear.heard().await;
    assert_eq!(first_ids(&heard), versions(&store).await);
    let of = |cause: &str| heard.iter().filter(|event| event.data["cause"] == cause).count();
    let n_replayed = replayed.1["changed"].as_u64().unwrap();
    assert!(n_replayed > 100, "{}", replayed.1);
    assert_eq!(of("replay") as u64, n_replayed);
    assert_eq!(of("live") + of("replay") + of("backfill"), heard.len());
    for event in &heard {
        let cause = event.data["cause"].as_str().unwrap();
        let parts: Vec<_> = event.key.split('.').collect();
        let expected = if cause == "live" { "hotline" } else { cause };
        assert_eq!((parts[0], parts.len()), (expected, 4 + usize::from(cause != "live")));
    }
    // Of each demand, a later event has a newer version.
    let version = |event: &Heard| {
        let version = &event.data["version"];
        (version["read_no"].as_u64().unwrap(), version["mapping"].as_u64().unwrap())
    };
    let demands: BTreeSet<_> = heard.iter().filter_map(|event| event.data["id"].as_str()).collect();
    for id in demands {
        let states = heard.iter().filter(|event| event.data["id"] == id);
        let versions: Vec<_> = states.map(version).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{id}: {versions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_delays_the_feed_and_loses_nothing() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let broker = Server::start("rabbitmq", folder.path()).unwrap();
    let url = broker.property("TONGHUI_TEST_AMQP").unwrap().to_owned();
    let (world, store, ear) = told_world(&url).await;
    world.hotline.file(300).await.unwrap();
    ear.close_the_feed(&world);
    world.pull().await.unwrap();
    ear.open_the_feed(&world);
    broker.kill().unwrap();

    let mut sink = Gateway::start_as(&world, "sink").unwrap();
    tokio::task::block_in_place(|| {
        let is_late = |line: &str| line.contains("change feed") && line.contains("nobody listens");
        while !is_late(&sink.line().unwrap().expect("it ended")) {}
    });
    let mut status = command().unwrap();
    status.args(["status", "--config"]).arg(world.config()).envs(world.environment());
    let status = tokio::task::block_in_place(|| status.output()).unwrap();
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(shown.contains("change feed: 300 versions behind, the oldest read"), "{shown}");

    let _broker = Server::start("rabbitmq", folder.path()).unwrap();
    // A stretch has a hundred versions; a stop would not wait for the others.
    tokio::task::block_in_place(|| (0..3).for_each(|_| told(&mut sink)));
    sink.stop().unwrap();
    let ear = ear.again(&url).await;
    assert_eq!(first_ids(&ear.heard().await), versions(&store).await);
    assert_eq!(store.feed_lag().await.unwrap().rows, 0);
}

#[test]
fn a_feed_without_a_broker_is_a_problem_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &["hotline"]).unwrap();
    let file = folder.path().join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap() + "\n[feed]\n";
    let check = |more: &str| {
        std::fs::write(&file, format!("{text}{more}")).unwrap();
        let mut check = command().unwrap();
        let check = check.args(["check", "--config"]).arg(folder.path());
        let ended = check
            .env("HOTLINE_DATABASE_URL", "sqlite:none")
            .env("BROKER", "amqp://u:p@localhost/v")
            .output()
            .unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = check("");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("[feed] needs a broker, and there is no [bus]"), "{said}");
    assert!(said.contains("add [bus] with the URL of a broker, or remove [feed]"), "{said}");
    for taken in ["tonghui", "tonghui.dead", "amq.topic", "变更"] {
        let bus = "[bus]\namqp = { env = \"BROKER\" }\n";
        let (code, said) = check(&format!("exchange = \"{taken}\"\n{bus}"));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("choose another name"), "{said}");
    }
    let (_, said) = check("[bus]\namqp = { env = \"BROKER\" }\n");
    assert!(!said.contains("[feed]"), "{said}");
}
