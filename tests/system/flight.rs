//! Messages that are not stored have an age. RabbitMQ loses a queue: `status` says so, and `flight` puts it right.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::Duration,
};

use sandbox::Clock;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use system_tests::{
    gateway_process::{Gateway, Server, command, rabbitmqctl, server},
    world::{STORE, World},
};
use tempfile::TempDir;
use tokio::time::interval;

use crate::{
    console::{address, get},
    repair::{book, run, until, world},
};

/// Replaces a text in gateway.toml.
fn edit_settings(world: &World, from: &str, to: &str) {
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// The limit from which on a message is too old.
fn limit_to_a_second(world: &World) {
    edit_settings(world, "flight = \"15m\"", "flight = \"1s\"");
}

/// A city whose 300 demands were published and were in a queue that was deleted; the broker in its folder; and the
/// process that has read them.
async fn lost() -> (World, (Server, TempDir), Gateway) {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let broker = Server::start("rabbitmq", folder.path()).unwrap();
    let world = world(Clock::machine(), broker.property("TONGHUI_TEST_AMQP").unwrap()).await;
    world.hotline.file(300).await.unwrap();
    let mut ingest = Gateway::start_as(&world, "ingest").unwrap();
    until(&mut ingest, "settled");
    let queues = rabbitmqctl(&broker, &["list_queues", "name", "--no-table-headers"]).unwrap();
    let queue = queues.lines().find(|name| name.ends_with(".hotline")).unwrap();
    rabbitmqctl(&broker, &["delete_queue", queue]).unwrap();
    (world, (broker, folder), ingest)
}

/// The status of the hotline.
fn status(world: &World) -> Value {
    let (code, rows, said) = run(world, &["status"]);
    assert_eq!(code, Some(0), "{said}");
    rows[0].clone()
}

/// Waits until a message in flight is too old.
async fn until_in_trouble(world: &World) -> Value {
    let mut again = interval(Duration::from_millis(100));
    loop {
        again.tick().await;
        let status = status(world);
        if status["state"] == "in trouble" {
            return status;
        }
    }
}

/// The actions in the audit log, with what they were done to and their details.
fn audited(world: &World, action: &str) -> Vec<Value> {
    let (_, log, said) = run(world, &["audit"]);
    let entries = log.as_array().unwrap_or_else(|| panic!("{said}")).iter();
    entries.filter(|entry| entry["action"] == action).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_queue_was_deleted_is_in_trouble_until_it_is_republished() {
    let (world, _broker, ingest) = lost().await;
    limit_to_a_second(&world);
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap() + "\n[console]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(file, text).unwrap();
    let (store, _) = world.store().await.unwrap();
    let n_published = book(&store).await.published;
    let sink = Gateway::start_as(&world, "sink").unwrap();
    let mut console = Gateway::start_as(&world, "console").unwrap();
    let console_address = tokio::task::block_in_place(|| address(&mut console));

    let status_row = until_in_trouble(&world).await;
    assert_eq!(status_row["in_flight"], n_published, "{status_row}");
    assert!(status_row["oldest_in_flight_at"].is_string(), "{status_row}");
    let fault = status_row["fault"].as_str().unwrap();
    assert!(fault.starts_with(&format!("{n_published} events of ")), "{fault}");
    assert!(fault.ends_with("see `tonghui flight list hotline`"), "{fault}");
    let metrics = tokio::task::block_in_place(|| get(&console_address, "/metrics", None).1);
    let oldest = "\ntonghui_oldest_in_flight_timestamp_seconds{channel=\"hotline\"} 1";
    assert!(metrics.contains(oldest), "{metrics}");
    assert!(metrics.contains("\ntonghui_channel_in_trouble{channel=\"hotline\"} 1\n"), "{metrics}");
    let (code, report, said) = run(&world, &["sync", "hotline"]);
    assert_eq!((code, &report[0]["became"]), (Some(4), &json!("done")), "{report} {said}");
    assert!(said.contains("see `tonghui flight list hotline`"), "it says so: {said}");

    let (code, list, said) = run(&world, &["flight", "list", "hotline"]);
    let list = list.as_array().unwrap_or_else(|| panic!("{said}")).clone();
    assert_eq!(code, Some(0));
    let events: u64 = list.iter().map(|message| message["events"].as_u64().unwrap()).sum();
    assert_eq!(events, n_published);
    for message in &list {
        assert!(message["message"].as_str().unwrap().starts_with("hotline/"), "{message}");
        assert!(message["read_at"].is_string() && message["age_seconds"].is_i64(), "{message}");
    }

    let (code, report, said) = run(&world, &["flight", "republish", "hotline"]);
    assert_eq!((code, &report["missing"]), (Some(0), &json!([])), "{report} {said}");
    assert_eq!(report["lost"], list.len(), "{report}");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let books = book(&store).await;
    assert_eq!((books.lost, books.in_flight, books.balanced), (n_published, 0, Some(true)));
    let status_row = status(&world);
    assert_eq!((&status_row["state"], &status_row["fault"]), (&json!("running"), &Value::Null));
    assert_eq!(status_row["in_flight"], 0, "{status_row}");
    assert_eq!(run(&world, &["flight", "list"]).1, json!([]));
    assert_eq!(audited(&world, "republish").len(), 1);
    for process in [ingest, sink, console] {
        process.stop().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_off_is_old_audited_lost_in_the_books_and_can_still_be_read_again() {
    let (world, _broker, ingest) = lost().await;
    ingest.stop().unwrap();
    let (store, _) = world.store().await.unwrap();
    let n_published = book(&store).await.published;
    let write_off = &["flight", "write-off", "hotline", "--reason", "the queue was deleted"];
    let (code, report, said) = run(&world, write_off);
    assert_eq!((code, &report["messages"]), (Some(0), &json!(0)), "too young: {report} {said}");
    assert_ne!(report["left"], 0, "{report}");
    assert_eq!(book(&store).await.in_flight, n_published);
    assert_eq!(audited(&world, "write-off"), Vec::<Value>::new());

    limit_to_a_second(&world);
    until_in_trouble(&world).await;
    let (code, report, said) = run(&world, write_off);
    assert_eq!((code, &report["events"]), (Some(0), &json!(n_published)), "{report} {said}");
    assert_eq!(report["left"], 0, "{report}");
    let [entry] = &audited(&world, "write-off")[..] else { panic!("it is not audited once") };
    assert_eq!(entry["subject"], "hotline");
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{n_published} events of ")), "{entry}");
    assert!(detail.ends_with(": the queue was deleted"), "{entry}");
    let books = book(&store).await;
    assert_eq!((books.lost, books.in_flight, books.balanced), (n_published, 0, Some(true)));
    assert_eq!(status(&world)["demands"], 0, "what they contained is not stored");

    let (code, report, said) = run(&world, &["flight", "republish", "hotline"]);
    assert_eq!((code, &report["missing"]), (Some(0), &json!([])), "{report} {said}");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let books = book(&store).await;
    assert_eq!((books.lost, books.balanced), (n_published, Some(true)), "for ever: {books:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_says_what_it_waits_for_and_ends_when_that_is_written_off() {
    let world = world(Clock::machine(), &server("TONGHUI_TEST_AMQP").unwrap()).await;
    world.hotline.file(40).await.unwrap();
    limit_to_a_second(&world);
    edit_settings(&world, "grace  = \"20s\"", "grace  = \"1s\"");
    drop(world.store().await.unwrap());
    let url = world.environment().find(|(name, _)| *name == STORE).unwrap().1.to_owned();
    let mut other = PgConnection::connect(&url).await.unwrap();
    // The sink waits for a lock.
    let mut lock = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE demand IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();

    let (code, report, said) = run(&world, &["sync", "hotline", "--deadline", "8s"]);
    assert_eq!(code, Some(75), "{said}");
    assert!(report[0]["why"].as_str().unwrap().contains("tonghui flight list hotline"), "{report}");

    world.hotline.file(1).await.unwrap();
    let mut sync = command().unwrap();
    sync.args(["sync", "hotline", "--config"]).arg(world.config()).envs(world.environment());
    let sync = sync.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut sync = sync.spawn().unwrap();
    let ended = tokio::task::block_in_place(|| {
        let mut said = BufReader::new(sync.stderr.take().unwrap());
        let mut line = String::new();
        let waits = "messages are not stored yet (`tonghui flight list hotline`)";
        while !(line.contains("hotline: waiting: ") && line.contains(waits)) {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended without a word");
        }
        let (code, report, why) =
            run(&world, &["flight", "write-off", "hotline", "--reason", "a test"]);
        assert_eq!((code, &report["left"]), (Some(0), &json!(0)), "{report} {why}");
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        (sync.wait().unwrap().code(), rest)
    });
    assert_eq!(ended.0, Some(0), "{}", ended.1);
    lock.rollback().await.unwrap();
}
