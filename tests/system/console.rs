//! Tests monitoring over HTTP, by a separate process (`--role console`) or by the process that runs everything.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use sandbox::{Clock, QuirkRates, Settings};
use serde_json::{Value, json};
use system_tests::{
    gateway_process::{Gateway, command, event, server},
    world::World,
};
use tokio::time::interval;

use crate::processes::until_ready;

const TOKEN: &str = "sesame-0123456789";

/// A city, and a gateway with a console, which may require a token.
pub(crate) async fn world(token: bool) -> World {
    let mut settings = Settings::new(41, Clock::machine());
    settings.quirks = QuirkRates::parse("all").unwrap();
    let world = World::open(settings).await.unwrap();
    world.hotline.file(800).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    let mut section = "\n[console]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    if token {
        fs::write(world.config().join("console.token"), TOKEN).unwrap();
        section.push_str("token = { file = \"console.token\" }\n");
    }
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap() + &section;
    fs::write(file, text).unwrap();
    world
}

/// Reads the log of a process until a line matches.
pub(crate) fn until(gateway: &mut Gateway, says: impl Fn(&str) -> bool) -> String {
    while let Some(line) = gateway.line().unwrap() {
        if says(&line) {
            return line;
        }
    }
    panic!("the gateway ended before it said so");
}

pub(crate) fn has_caught_up(line: &str) -> bool {
    event(line) == Some("read") && line.contains("caught_up=true")
}

/// The address of the listener, from the log of a process.
pub(crate) fn address(gateway: &mut Gateway) -> String {
    let line = until(gateway, |line| line.contains("the console listens"));
    line.split("http://").nth(1).unwrap().split(char::is_whitespace).next().unwrap().to_owned()
}

/// Status and body of `GET path`.
pub(crate) fn get(address: &str, path: &str, token: Option<&str>) -> (u16, String) {
    get_by(address, address, path, token)
}

/// The same, by another name of the host.
fn get_by(address: &str, host: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}Connection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The samples of a page of metrics, by name and labels.
pub(crate) fn samples(page: &str) -> BTreeMap<&str, &str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_two_sinks_and_a_console_do_what_one_process_does() {
    let mut world = world(true).await;
    let urls = (server("TONGHUI_TEST_POSTGRES").unwrap(), server("TONGHUI_TEST_AMQP").unwrap());
    world.use_servers(Some(&urls.0), Some(&urls.1)).await.unwrap();
    let (store, _) = world.store().await.unwrap();
    let mut ingest = Gateway::start_as(&world, "ingest").unwrap();
    let sinks = ["sink", "sink"].map(|role| Gateway::start_as(&world, role).unwrap());
    let mut console = Gateway::start_as(&world, "console").unwrap();
    let address = tokio::task::block_in_place(|| {
        until(&mut ingest, has_caught_up);
        address(&mut console)
    });
    world.hotline.add_pressings(20).await.unwrap();
    world.hotline.advance_random(30).await.unwrap();
    tokio::task::block_in_place(|| {
        // The first pass may have begun earlier, and acknowledging a row can change it once more.
        for _ in 0..4 {
            until(&mut ingest, has_caught_up);
        }
        assert_eq!(get(&address, "/health/live", None).0, 200);
        ingest.stop().unwrap();
    });
    until_ready(&address, (200, "ready\n")).await;
    let mut again = interval(Duration::from_millis(50));
    while store.books(None, None).await.unwrap().iter().any(|book| book.in_flight > 0) {
        again.tick().await;
    }
    while store.index_lag().await.unwrap().iter().any(|lag| lag.rows > 0) {
        again.tick().await;
    }
    for sink in sinks {
        tokio::task::block_in_place(|| sink.stop().unwrap());
    }
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let books = store.books(None, None).await.unwrap();
    assert_eq!((books[0].balanced, books[0].in_flight), (Some(true), 0), "{books:?}");

    for path in ["/metrics", "/api/v1/channels", "/api/v1/index"] {
        assert_eq!(get(&address, path, None).0, 401, "{path}");
        assert_eq!(get(&address, path, Some("open")).0, 401, "{path}");
    }
    let (_, page) = get(&address, "/metrics", Some(TOKEN));
    let told = samples(&page);
    assert_eq!(told["tonghui_sign_ins_refused_total{door=\"console\"}"], "6", "{page}");
    let status = store.status().await.unwrap().remove(0);
    for (name, value) in [
        ("tonghui_records_total{channel=\"hotline\",became=\"read\"}", books[0].read),
        ("tonghui_events_total{channel=\"hotline\",became=\"stored\"}", books[0].stored),
        ("tonghui_events_in_flight{channel=\"hotline\"}", 0),
        ("tonghui_books_balanced{channel=\"hotline\"}", 1),
        ("tonghui_demands{channel=\"hotline\"}", status.demands),
        ("tonghui_quarantine{channel=\"hotline\"}", status.quarantined),
        ("tonghui_channel_in_trouble{channel=\"hotline\"}", 0),
        ("tonghui_index_rows_behind{index=\"people\"}", 0),
        ("tonghui_index_seconds_behind{index=\"links\"}", 0),
    ] {
        let value = value.to_string();
        assert_eq!(told.get(name).copied(), Some(value.as_str()), "{name}: {page}");
    }
    let read_at = status.last_read_at.unwrap().timestamp();
    let told = told["tonghui_last_read_timestamp_seconds{channel=\"hotline\"}"];
    assert_eq!(told, read_at.to_string());

    let (code, rows) = get(&address, "/api/v1/channels", Some(TOKEN));
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let mut asked = command().unwrap();
    asked.args(["status", "--format", "json", "--config"]).arg(world.config());
    let said = asked.envs(world.environment()).output().unwrap().stdout;
    assert_eq!((code, rows), (200, serde_json::from_slice(&said).unwrap()));
    let (code, lags) = get(&address, "/api/v1/index", Some(TOKEN));
    let lags: Value = serde_json::from_str(&lags).unwrap();
    let covered = |index| json!({"index": index, "rows_behind": 0, "seconds_behind": 0});
    assert_eq!((code, lags), (200, json!([covered("people"), covered("links")])));
    console.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_says_when_the_broker_is_away_and_answers_all_the_same() {
    let mut world = world(false).await;
    world.pull().await.unwrap(); // through the bus within the process
    world.use_servers(None, Some("amqp://guest:guest@127.0.0.1:1/%2f")).await.unwrap();
    tokio::task::block_in_place(|| {
        let mut console = Gateway::start_as(&world, "console").unwrap();
        let address = address(&mut console);
        assert_eq!(get(&address, "/health/live", None).0, 200);
        let (code, why) = get(&address, "/health/ready", None);
        assert_eq!(code, 503, "{why}");
        let (code, rows) = get(&address, "/api/v1/channels", None);
        assert_eq!(code, 200);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(
            (&rows[0]["channel"], &rows[0]["state"]),
            (&"hotline".into(), &"not running".into())
        );
        console.stop().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_answers_too_and_none_does_beyond_this_machine_without_a_token() {
    let world = world(false).await;
    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        let address = address(&mut gateway);
        until(&mut gateway, has_caught_up);
        assert_eq!(get(&address, "/health/ready", None).0, 200);
        let (_, rows) = get(&address, "/api/v1/channels", None);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(rows[0]["state"], "running");
        gateway.stop().unwrap();
    });
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap().replace("127.0.0.1:0", "0.0.0.0:0");
    fs::write(&file, text).unwrap();
    let mut run = command().unwrap();
    run.args(["run", "--config"]).arg(world.config()).envs(world.environment());
    let ended = run.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("token") && said.contains("TLS"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_answers_by_names_that_are_ours_only() {
    let world = world(false).await;
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap();
    let ours = "[console]\nhosts = [\"tonghui.city.example\"]";
    fs::write(&file, text.replace("\n[console]\n", &format!("\n{ours}\n"))).unwrap();
    tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(&world).unwrap();
        let address = address(&mut gateway);
        for (host, path, expected) in [
            (address.as_str(), "/api/v1/channels", 200),
            ("tonghui.city.example", "/api/v1/channels", 200),
            ("evil.example", "/api/v1/channels", 421),
            ("evil.example", "/metrics", 421),
            ("evil.example", "/health/ready", 200),
            ("evil.example", "/health/live", 200),
        ] {
            assert_eq!(get_by(&address, host, path, None).0, expected, "{host}{path}");
        }
        gateway.stop().unwrap();
    });
}
