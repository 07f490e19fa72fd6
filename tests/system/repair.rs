//! `tonghui reconcile --repair` with RabbitMQ and PostgreSQL: it brings back what a deleted queue held and what the
//! source changed in secret, and the books say so.

use std::{collections::BTreeSet, process::Output, time::Duration};

use chrono::TimeDelta;
use contract::{ChannelId, RecordKey};
use sandbox::{Clock, Settings};
use serde_json::{Value, json};
use sink::store::{BooksRow, Database};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use system_tests::{
    gateway_process::{Gateway, Server, command, event, rabbitmqctl, server},
    world::{STORE, World},
};

/// A hotline with this clock, whose gateway uses a broker and a database.
pub(super) async fn world(clock: Clock, broker: &str) -> World {
    let mut world = World::open(Settings::new(21, clock)).await.unwrap();
    let postgres = server("TONGHUI_TEST_POSTGRES").unwrap();
    world.use_servers(Some(&postgres), Some(broker)).await.unwrap();
    // No regular read brings back what a test has taken away.
    world.edit_channel("every = \"15s\"", "every = \"6h\"").unwrap();
    world
}

/// Runs a command to its end; returns its exit code, the JSON document that it printed, and what else it said.
pub(super) fn run(world: &World, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = command().unwrap();
    command.args(arguments).args(["--format", "json", "--config"]).arg(world.config());
    let Output { status, stdout, stderr } =
        tokio::task::block_in_place(|| command.envs(world.environment()).output()).unwrap();
    let report = serde_json::from_slice(&stdout).unwrap_or_default();
    (status.code(), report, String::from_utf8_lossy(&stderr).into_owned())
}

async fn book(store: &Database) -> BooksRow {
    store.books(None, None).await.unwrap().remove(0)
}

fn keys(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn until(gateway: &mut Gateway, verb: &str) {
    tokio::task::block_in_place(|| {
        while event(&gateway.line().unwrap().expect("the gateway ended")) != Some(verb) {}
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_a_queue_that_was_deleted_is_brought_back_and_written_off() {
    let folder = tempfile::Builder::new().prefix("tonghui-servers-").tempdir_in("/tmp").unwrap();
    let broker = Server::start("rabbitmq", folder.path()).unwrap();
    let world = world(Clock::machine(), broker.property("TONGHUI_TEST_AMQP").unwrap()).await;
    let filed: BTreeSet<_> = world.hotline.file(300).await.unwrap().into_iter().collect();
    let (store, _) = world.store().await.unwrap();

    let mut ingest = Gateway::start_as(&world, "ingest").unwrap();
    until(&mut ingest, "settled");
    let n_published = book(&store).await.published;
    assert!(n_published >= 300 && store.status().await.unwrap()[0].demands == 0);
    let queues = rabbitmqctl(&broker, &["list_queues", "name", "--no-table-headers"]).unwrap();
    let queue = queues.lines().find(|name| name.ends_with(".hotline")).unwrap();
    rabbitmqctl(&broker, &["delete_queue", queue]).unwrap();
    let mut sink = Gateway::start_as(&world, "sink").unwrap();

    let (code, report, said) = run(&world, &["reconcile", "hotline"]);
    assert_eq!((code, keys(&report["missing"]) == filed), (Some(1), true), "{report} {said}");
    assert_ne!(report["in_flight"], 0, "they may still come: {report}");
    assert_eq!(report["repaired"], Value::Null);
    let (code, _, said) = run(&world, &["sync", "hotline", "--deadline", "3s"]);
    assert_eq!(code, Some(75), "{said}");

    let (code, report, said) = run(&world, &["reconcile", "hotline", "--repair"]);
    assert_eq!((code, keys(&report["missing"]) == filed), (Some(0), true), "{report} {said}");
    assert_eq!(report["repaired"]["missing"], json!([]), "{report}");
    assert_ne!(report["lost"], 0, "{report}");
    until(&mut sink, "acked");
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let books = book(&store).await;
    assert_eq!((books.lost, books.in_flight, books.balanced), (n_published, 0, Some(true)));
    let (code, report, said) = run(&world, &["sync", "hotline"]);
    assert_eq!((code, &report[0]["became"]), (Some(0), &json!("done")), "{report} {said}");
    ingest.stop().unwrap();
    sink.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_changed_in_secret_is_named_and_repaired() {
    let clock = Clock::starting(Clock::machine().now() - TimeDelta::days(9));
    let world = world(clock.clone(), &server("TONGHUI_TEST_AMQP").unwrap()).await;
    let filed = world.hotline.file(300).await.unwrap();
    clock.advance(Duration::from_secs(86_400));
    world.hotline.file(5).await.unwrap();
    let (code, report, said) = run(&world, &["sync", "hotline"]);
    assert_eq!(code, Some(0), "{report} {said}");

    let changed: BTreeSet<_> = filed.iter().take(3).cloned().collect();
    let mut source = SqliteConnection::connect(world.hotline.url()).await.unwrap();
    for key in &changed {
        // As the owner of the table.
        let change = format!(
            "BEGIN; INSERT INTO SANDBOX_WRITER VALUES (1);
             UPDATE CNS_CINFO SET RQSTCONTENT = CAST('changed in secret' AS BLOB)
             WHERE ROWGUID = '{key}';
             DELETE FROM SANDBOX_WRITER; COMMIT"
        );
        sqlx::raw_sql(AssertSqlSafe(change)).execute(&mut source).await.unwrap();
    }
    assert_eq!(run(&world, &["sync", "hotline"]).0, Some(0));
    let (code, report, said) = run(&world, &["reconcile", "hotline"]);
    assert_eq!((code, keys(&report["different"])), (Some(1), changed.clone()), "{report} {said}");
    assert_eq!(report["missing"], json!([]));

    let (code, report, said) = run(&world, &["reconcile", "hotline", "--repair"]);
    assert_eq!((code, &report["repaired"]["different"]), (Some(0), &json!([])), "{report} {said}");
    let (store, _) = world.store().await.unwrap();
    let channel: ChannelId = "hotline".parse().unwrap();
    for key in &changed {
        let row = store.current(&channel, &RecordKey::new(key.as_str())).await.unwrap().unwrap();
        assert_eq!(row.body.content.as_deref(), Some("changed in secret"), "{key}");
    }
    let books = book(&store).await;
    assert_eq!((books.balanced, books.lost), (Some(true), 0), "{books:?}");
    assert_eq!(store.status().await.unwrap()[0].demands, 305);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_is_out_of_time_says_what_was_done_and_the_next_one_goes_on() {
    let world = world(Clock::machine(), &server("TONGHUI_TEST_AMQP").unwrap()).await;
    let filed = world.hotline.file(40).await.unwrap();
    assert_eq!(run(&world, &["sync", "hotline"]).0, Some(0));
    let settings = world.config().join("gateway.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(settings, text.replace("grace  = \"20s\"", "grace  = \"1s\"")).unwrap();
    let url = world.environment().find(|(name, _)| *name == STORE).unwrap().1.to_owned();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let other_digest = "decode(repeat('00', 16), 'hex')";
    let lose =
        format!("UPDATE demand SET digest = {other_digest} WHERE source_key = '{}'", filed[0]);
    sqlx::query(AssertSqlSafe(lose)).execute(&mut other).await.unwrap();

    // The sink waits for a lock.
    let mut lock = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE demand IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let (code, _, said) = run(&world, &["reconcile", "hotline", "--repair", "--deadline", "5s"]);
    assert_eq!(code, Some(75), "{said}");
    assert!(
        said.contains("0 demands were missing and 1 different; the repair was begun"),
        "{said}"
    );
    assert!(!said.contains("nothing was changed"), "{said}");
    lock.rollback().await.unwrap();

    let (code, report, said) = run(&world, &["reconcile", "hotline", "--repair"]);
    // What the first one published may have been stored before the second one compared.
    let end = if report["repaired"].is_null() { &report } else { &report["repaired"] };
    let nothing = json!([]);
    assert_eq!(
        (code, &end["missing"], &end["different"]),
        (Some(0), &nothing, &nothing),
        "{report} {said}"
    );
    let (store, _) = world.store().await.unwrap();
    assert_eq!(book(&store).await.balanced, Some(true));
}
