//! Even at the most verbose level, the log contains no text of a demand and no overlong line. Libraries log
//! most about a message that the broker returns, and about a slow statement, so the test causes both.

use std::fs;

use gateway::log::MAX_LINE_BYTES;
use sandbox::{Clock, Settings};
use sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar};
use system_tests::{
    gateway_process::{Gateway, Server, event, rabbitmqctl},
    world::{STORE, World},
};

use crate::faults::{address, golden, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_message_a_slow_statement_and_a_full_queue_leave_no_demand_in_the_log() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let start = |name: &str| Server::start(name, folder.path()).unwrap();
    let (database, broker) = (start("postgres"), start("rabbitmq"));
    let mut world = World::open(Settings::new(12, Clock::machine())).await.unwrap();
    world.hotline.file(300).await.unwrap();
    let store = database.property("TONGHUI_TEST_POSTGRES").unwrap();
    let bus = broker.property("TONGHUI_TEST_AMQP").unwrap();
    world.use_servers(Some(store), Some(bus)).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"1s\"").unwrap();
    world.store().await.unwrap();
    let settings = fs::read_to_string(world.config().join("gateway.toml")).unwrap();
    let prefix = settings.split_once("prefix = \"").unwrap().1.split('"').next().unwrap();
    let queue = format!("{prefix}.hotline");

    let mut log = Log(Vec::new());
    // The first batch has found its queue; then the queue is deleted while the publisher runs.
    let mut ingest = Gateway::start_with(&world, "ingest", "trace").unwrap();
    log.until(&mut ingest, |line| event(line) == Some("settled"));
    rabbitmqctl(&broker, &["delete_queue", &queue]).unwrap();
    world.hotline.advance_random(100).await.unwrap();
    log.until(&mut ingest, |line| line.contains("no queue takes message"));
    log.until(&mut ingest, |line| event(line) == Some("confirmed"));
    // A queue that holds one message refuses the rest of a batch.
    let policy = ["set_operator_policy", "golden", &queue, "{\"max-length\":1}"];
    rabbitmqctl(&broker, &[&policy[..], &["--apply-to", "queues"]].concat()).unwrap();
    let mut n_filed = 0;
    let full = loop {
        assert!(n_filed < 50, "the queue takes everything");
        n_filed += 1;
        // The broker applies a policy some time after it has accepted it.
        world.hotline.advance_random(100).await.unwrap();
        let is_full = |line: &str| line.contains("the queue is full");
        let line = log.until(&mut ingest, |line| is_full(line) || event(line) == Some("settled"));
        if is_full(&line) {
            break line;
        }
    };
    rabbitmqctl(&broker, &["clear_operator_policy", "golden"]).unwrap();
    ingest.stop().unwrap();

    // The sink waits for a lock: its statement is a slow one.
    let url = world.environment().find(|(name, _)| *name == STORE).unwrap().1.to_owned();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE demand IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let mut sink = Gateway::start_with(&world, "sink", "trace").unwrap();
    log.until(&mut sink, |line| event(line) == Some("taken"));
    sqlx::query("SELECT pg_sleep(1.5)").execute(&mut *lock).await.unwrap();
    lock.commit().await.unwrap();
    log.until(&mut sink, |line| event(line) == Some("acked"));
    sink.stop().unwrap();

    let said: Vec<String> = query_scalar(AssertSqlSafe(
        "SELECT unnest(ARRAY[title, content]) FROM demand WHERE length(title) > 3",
    ))
    .fetch_all(&mut other)
    .await
    .unwrap();
    assert!(said.len() > 40, "{} texts", said.len());
    for line in &log.0 {
        assert!(line.len() <= MAX_LINE_BYTES, "{} bytes: {line}", line.len());
        for text in &said {
            let bytes = format!("{:?}", text.as_bytes());
            let bytes = bytes.trim_matches(['[', ']']);
            assert!(!line.contains(text.as_str()) && !line.contains(bytes), "{text}: {line}");
        }
        assert!(!line.contains("INSERT INTO") && !line.contains("SELECT "), "SQL: {line}");
    }
    let host = address(bus);
    let (_, counts) = full.split_once("it refused ").unwrap();
    let counts = counts.split_once(" messages").unwrap().0;
    let known = [(queue.as_str(), "QUEUE"), (&host, "HOST:PORT"), (counts, "N of M")];
    golden("queue_full", &world, message(&full), &known);
}

/// All lines so far.
struct Log(Vec<String>);

impl Log {
    /// Reads until a line for which `matches` returns true.
    fn until(&mut self, gateway: &mut Gateway, matches: impl Fn(&str) -> bool) -> String {
        tokio::task::block_in_place(|| {
            loop {
                let line = gateway.line().unwrap().expect("the gateway ended");
                self.0.push(line.clone());
                if matches(&line) {
                    return line;
                }
            }
        })
    }
}
