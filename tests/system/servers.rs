//! The same gateway through RabbitMQ into PostgreSQL.

use std::process::Command;

use contract::{ChannelId, DemandId, RecordKey};
use sandbox::{Clock, Faults, Settings};
use serde_json::Value;
use sink::store::{Access, Database, Postgres};
use sqlx::{Connection, SqliteConnection};
use system_tests::{
    gateway_process::Server,
    gateway_process::{Gateway, command, event, server},
    world::World,
};

async fn world(records: u64, faults: &str) -> World {
    let mut settings = Settings::new(12, Clock::machine());
    settings.faults = Faults::parse(faults).unwrap();
    let world = World::open(settings).await.unwrap();
    world.hotline.file(records).await.unwrap();
    world
}

fn postgres() -> String {
    server("TONGHUI_TEST_POSTGRES").unwrap()
}

fn rabbitmq() -> String {
    server("TONGHUI_TEST_AMQP").unwrap()
}

async fn pull_and_compare(world: &World) {
    world.pull().await.unwrap();
    world.hotline.urge(20).await.unwrap();
    world.hotline.touch(30).await.unwrap();
    world.pull().await.unwrap();
    world.pull().await.unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert_eq!((books[0].balanced, books[0].in_flight), (Some(true), 0), "{books:?}");
    assert!(books[0].quarantined > 0, "no poison row: {books:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_arrives_in_a_database_as_it_was_served() {
    let mut world = world(800, "all").await;
    world.use_servers(Some(&postgres()), None).await.unwrap();
    pull_and_compare(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_arrives_through_a_broker_as_it_was_served() {
    let mut world = world(800, "all").await;
    world.use_servers(Some(&postgres()), Some(&rabbitmq())).await.unwrap();
    pull_and_compare(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_in_front_of_one_file_changes_nothing() {
    let mut world = world(800, "all").await;
    world.use_servers(None, Some(&rabbitmq())).await.unwrap();
    pull_and_compare(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_keeps_every_case_in_the_servers_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |records: &str| {
        let mut demo = command().unwrap();
        demo.args(["demo", "--once", "--format", "json", "--records", records, "--dir"]);
        demo.arg(folder.path()).args(["--store", &postgres(), "--broker", &rabbitmq()]);
        demo.output().unwrap()
    };
    // The second one replaces what the first one left.
    for records in ["300", "200"] {
        let ended = demo(records);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let ledger: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        let password = postgres().split(['@', ':']).nth(2).unwrap().to_owned();
        assert!(!said.contains(&password), "{said}");
    }
    let store = Postgres::in_schema(&postgres(), "tonghui_demo");
    let store = Database::Postgres(Postgres::open(&store, Access::ReadOnly).await.unwrap());
    let url = format!("sqlite:{}", folder.path().join("hotline.db").display());
    let mut hotline = SqliteConnection::connect(&url).await.unwrap();
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT ROWGUID FROM CNS_CINFO").fetch_all(&mut hotline).await.unwrap();
    let channel: ChannelId = "hotline".parse().unwrap();
    for key in &keys {
        let key = RecordKey::new(key.as_str());
        let is_kept = store.current(&channel, &key).await.unwrap().is_some();
        let id = DemandId::of(&channel, &key);
        assert!(is_kept || store.quarantine_show(&id).await.unwrap().is_some(), "{key} was lost");
    }
    let demands = store.status().await.unwrap()[0].demands;
    assert!(demands <= keys.len() as u64, "{demands} demands of {} cases", keys.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_waited_for_and_nothing_is_read_meanwhile() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (database, broker) = (start("postgres"), start("rabbitmq"));
    let mut world = world(50, "").await;
    let urls = (database.said("TONGHUI_TEST_POSTGRES"), broker.said("TONGHUI_TEST_AMQP"));
    world.use_servers(Some(urls.0.unwrap()), Some(urls.1.unwrap())).await.unwrap();
    database.stop().unwrap();
    broker.stop().unwrap();

    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        // One clear line per attempt: what, where, when again.
        for _ in 0..3 {
            wait_for(&mut gateway, "127.0.0.1", &["retry in", "kind=\"transient\"", "wait_ms="]);
        }
        let _database = start("postgres");
        for _ in 0..3 {
            wait_for(&mut gateway, "channel=hotline", &["retry in", "127.0.0.1"]);
        }
        let _broker = start("rabbitmq");
        while event(&gateway.line().unwrap().unwrap()) != Some("acked") {}
        gateway.stop().unwrap();
    });
}

/// The next line with `mark`, which must have all `parts`; no record may be read before it.
fn wait_for(gateway: &mut Gateway, mark: &str, parts: &[&str]) {
    loop {
        let line = gateway.line().unwrap().expect("the gateway ended");
        assert_ne!(event(&line), Some("read"), "read although there is nowhere to put it");
        if line.contains(mark) {
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
            return;
        }
    }
}

#[test]
fn a_role_of_its_own_needs_a_broker() {
    let folder = tempfile::tempdir().unwrap();
    gateway::shipped::write(folder.path(), &["hotline"]).unwrap();
    let mut run: Command = command().unwrap();
    run.args(["run", "--role", "sink", "--config"]).arg(folder.path());
    let ended = run.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("[bus]"), "{said}");
}
