//! Who is there: processes that cannot store, do not run, wait, or do not answer are seen, and can be woken.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use system_tests::{
    gateway_process::{Gateway, command, server, signal},
    world::{STORE, World},
};
use tokio::time::{Instant, interval};

use crate::{
    console::{address, get, has_caught_up, samples, until, world},
    reload::copy,
};

/// How soon whoever looks sees a change.
const SOON: Duration = Duration::from_secs(10);

/// The city, with both servers; and the URL of the database server.
async fn served() -> (World, String) {
    let mut world = world(false).await;
    let urls = (server("TONGHUI_TEST_POSTGRES").unwrap(), server("TONGHUI_TEST_AMQP").unwrap());
    world.use_servers(Some(&urls.0), Some(&urls.1)).await.unwrap();
    world.store().await.unwrap();
    (world, urls.0)
}

/// Runs `tonghui`; returns the exit code, and what it said on standard output and on standard error.
fn tonghui(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command().unwrap();
    command.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
    let ended = tokio::task::block_in_place(|| command.output()).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// The processes that `status` shows.
fn processes(world: &World) -> Vec<Value> {
    let (code, said, why) = tonghui(world, &["status", "--processes", "--format", "json"]);
    assert_eq!(code, Some(0), "{why}");
    serde_json::from_str(&said).unwrap()
}

/// Repeats a check until it returns something; fails if that takes longer than `limit`.
async fn within<T>(limit: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let (began, mut tick) = (Instant::now(), interval(Duration::from_millis(200)));
    loop {
        if let Some(found) = tokio::task::block_in_place(&mut check) {
            return found;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tick.tick().await;
    }
}

/// Waits until the console is ready, or says why not, with this word.
pub(crate) async fn until_ready(address: &str, expected: (u16, &str)) {
    let what = format!("{expected:?}");
    within(SOON, &what, || {
        let (code, body) = get(address, "/health/ready", None);
        (code == expected.0 && body.contains(expected.1)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_without_rights_is_seen_everywhere_and_stores_at_once_when_it_is_woken() {
    let (mut world, server) = served().await;
    let (_, owned) = world.environment().find(|(name, _)| *name == STORE).unwrap();
    let owned = owned.to_owned();
    let (_, schema) = owned.rsplit_once("%3D").unwrap();
    let mut owner = PgConnection::connect(&server).await.unwrap();
    let role = format!("sink_{}", std::process::id());
    let tell = async |owner: &mut PgConnection, sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(owner).await.unwrap();
    };
    let rights = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role};
         GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
         REVOKE INSERT ON {schema}.demand FROM {role}"
    );
    tell(&mut owner, rights).await;
    let mut console = Gateway::start_as(&world, "console").unwrap();
    let ingest = Gateway::start_as(&world, "ingest").unwrap();
    let (scheme, rest) = owned.split_once("://").unwrap();
    world.set(STORE, format!("{scheme}://{role}@{}", rest.split_once('@').unwrap().1));
    let mut sink = Gateway::start_as(&world, "sink").unwrap();
    world.set(STORE, owned.clone());
    let address = tokio::task::block_in_place(|| {
        until(&mut sink, |line| line.contains("permission denied"));
        address(&mut console)
    });

    let fault = within(SOON, "status shows the fault", || {
        processes(&world).into_iter().find(|process| process["fault"].is_string())
    })
    .await;
    assert_eq!((&fault["role"], &fault["alive"]), (&"sink".into(), &true.into()), "{fault}");
    assert!(fault["fault"].as_str().unwrap().contains("permission denied"), "{fault}");
    assert!(fault["next_try_at"].is_string(), "{fault}");
    let (_, text, _) = tonghui(&world, &["status"]);
    assert!(text.contains("permission denied"), "{text}");
    until_ready(&address, (503, "permission denied")).await;
    let in_trouble = |address: &str| {
        let (_, page) = get(address, "/metrics", None);
        let samples = samples(&page);
        assert_eq!(samples["tonghui_sinks_alive"], "1", "{page}");
        let name = "tonghui_process_in_trouble{role=\"sink\"";
        let (_, value) = samples.iter().find(|(sample, _)| sample.starts_with(name)).unwrap();
        (*value).to_owned()
    };
    assert_eq!(in_trouble(&address), "1");

    tell(&mut owner, format!("GRANT INSERT ON {schema}.demand TO {role}")).await;
    let (code, said, why) = tonghui(&world, &["retry", "--sink"]);
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}{why}");
    assert!(said.contains("(sink): woken: its sink"), "{said}");
    let (store, _) = world.store().await.unwrap();
    let (began, mut tick) = (Instant::now(), interval(Duration::from_millis(100)));
    while store.status().await.unwrap().iter().all(|channel| channel.demands == 0) {
        assert!(began.elapsed() < SOON, "it still waits");
        tick.tick().await;
    }
    until_ready(&address, (200, "ready")).await;
    assert_eq!(in_trouble(&address), "0");
    tokio::task::block_in_place(|| {
        for process in [ingest, sink, console] {
            process.stop().unwrap();
        }
    });
    assert_eq!(processes(&world), Vec::<Value>::new(), "they ended in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_from_which_nobody_takes_is_no_readiness() {
    let (world, _) = served().await;
    let mut console = Gateway::start_as(&world, "console").unwrap();
    let ingest = Gateway::start_as(&world, "ingest").unwrap();
    let address = tokio::task::block_in_place(|| address(&mut console));
    until_ready(&address, (503, "none with a sink was seen")).await;
    let (code, _, warning) = tonghui(&world, &["status"]);
    assert_eq!(code, Some(0));
    assert!(warning.contains("none with a sink was seen"), "{warning}");
    assert!(warning.contains("tonghui run"), "{warning}");

    let sink = Gateway::start_as(&world, "sink").unwrap();
    until_ready(&address, (200, "ready")).await;
    let (_, text, warning) = tonghui(&world, &["status"]);
    assert!(!warning.contains("none with a sink"), "{warning}");
    let own = sink.id().to_string();
    let line = text.lines().find(|line| line.starts_with(&own)).expect(&text);
    assert!(line.contains(" sink ") && line.contains("alive"), "{text}");
    let (code, rows) = get(&address, "/api/v1/processes", None);
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    let roles: Vec<_> = rows.iter().map(|row| row["role"].as_str().unwrap()).collect();
    assert_eq!((code, roles), (200, vec!["ingest", "sink"]));

    signal("KILL", sink.id()).unwrap();
    until_ready(&address, (503, "none with a sink was seen")).await;
    tokio::task::block_in_place(|| {
        ingest.stop().unwrap();
        console.stop().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_says_itself_whether_it_has_reloaded() {
    let (world, _) = served().await;
    let own = tempfile::tempdir().unwrap();
    copy(&world.config(), own.path());
    let mut ingest = Gateway::start_as(&world, "ingest").unwrap();
    let log = "info,tonghui=debug";
    let sink = Gateway::start_in(&world, "sink", log, own.path()).unwrap();
    tokio::task::block_in_place(|| until(&mut ingest, has_caught_up));
    within(SOON, "both are there", || (processes(&world).len() == 2).then_some(())).await;

    let (code, said, why) = tonghui(&world, &["reload"]);
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}{why}");
    for (role, summary) in [("ingest", "1 channels, 0 restarted"), ("sink", "nothing to restart")] {
        let line = said.lines().find(|line| line.contains(&format!("({role})"))).expect(&said);
        assert!(line.contains("configuration reloaded") && line.contains(summary), "{said}");
    }

    fs::write(own.path().join("gateway.toml"), "this is no setting").unwrap();
    let (code, said, why) = tonghui(&world, &["reload"]);
    assert_eq!(code, Some(2), "{said}{why}");
    assert!(said.contains("(ingest): configuration reloaded"), "{said}");
    assert!(why.contains("(sink): configuration not reloaded"), "{why}");
    tokio::task::block_in_place(|| {
        ingest.stop().unwrap();
        sink.stop().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_waits_after_a_fault_reads_at_once_when_it_is_woken() {
    let world = world(false).await;
    let url = world.hotline.url().trim_start_matches("sqlite:").trim_start_matches("//");
    let source = Path::new(url.split('?').next().unwrap()).to_owned();
    let away = source.with_extension("away");
    fs::rename(&source, &away).unwrap();
    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        until(&mut gateway, |line| line.contains("channel=hotline") && line.contains("retry in"));
        fs::rename(&away, &source).unwrap();
        let (code, said, why) = tonghui(&world, &["retry", "hotline"]);
        assert_eq!(code, Some(0), "{why}");
        assert!(said.contains("(all): woken: hotline"), "{said}");
        let began = std::time::Instant::now();
        until(&mut gateway, has_caught_up);
        assert!(began.elapsed() < SOON, "it still waited");
        let (code, said, _) = tonghui(&world, &["retry"]);
        assert_eq!(code, Some(0));
        assert!(said.contains("no channel of its own was waiting"), "{said}");
        let (code, _, why) = tonghui(&world, &["retry", "nope"]);
        assert_eq!(code, Some(2), "{why}");
        gateway.stop().unwrap();
    });
}
