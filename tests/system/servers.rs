//! The gateway with RabbitMQ and PostgreSQL.

use contract::{ChannelId, DemandId, RecordKey};
use sandbox::{Clock, QuirkRates, Settings};
use serde_json::Value;
use sink::store::{Access, Database, Postgres};
use sqlx::{Connection, SqliteConnection};
use system_tests::{
    gateway_process::{command, server},
    world::World,
};

pub(super) async fn world(records: u64, quirks: &str) -> World {
    let mut settings = Settings::new(12, Clock::machine());
    settings.quirks = QuirkRates::parse(quirks).unwrap();
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
    world.hotline.add_pressings(20).await.unwrap();
    world.hotline.advance_random(30).await.unwrap();
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
