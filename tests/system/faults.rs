//! Tests the messages of the real program for the most common faults, with real servers. Each must say what
//! happened, where, and what to do. If `UPDATE_GOLDEN` is set, the tests write the files in `golden/`.

use std::{fs, net::TcpListener, path::Path, process::Output};

use sandbox::{Clock, Settings};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};
use system_tests::{
    gateway_process::{Gateway, command, server},
    world::{BROKER, SOURCE, STORE, World},
};

/// A city with a few demands, and a gateway that has not started.
async fn world() -> World {
    let world = World::open(Settings::new(12, Clock::machine())).await.unwrap();
    world.hotline.file(20).await.unwrap();
    world
}

/// The same with a shared store at this URL.
async fn stored_at(url: &str) -> World {
    let mut world = world().await;
    gateway::shipped::set_servers(&world.config(), Some(STORE), None).unwrap();
    world.set(STORE, url.to_owned());
    world
}

/// The same with a broker at this URL, and an embedded store that exists.
async fn published_at(url: &str) -> World {
    let mut world = world().await;
    world.store().await.unwrap();
    gateway::shipped::set_servers(&world.config(), None, Some((BROKER, "golden"))).unwrap();
    world.set(BROKER, url.to_owned());
    world
}

/// The message of a `tonghui` command that fails.
fn said(world: &World, arguments: &[&str]) -> String {
    let mut command = command().unwrap();
    command.args(arguments).arg("--config").arg(world.config()).envs(world.environment());
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success(), "{arguments:?} did well");
    String::from_utf8(stderr).unwrap()
}

/// The first log line of a service that announces a retry.
fn logged(world: &World, role: &str) -> String {
    let mut gateway = Gateway::start_with(world, role, "trace").unwrap();
    loop {
        let line = gateway.line().unwrap().expect("the gateway ended");
        if line.contains("; retry in ") {
            return message(&line).to_owned();
        }
    }
}

/// The text of a log line after the time and the level.
pub(crate) fn message(line: &str) -> &str {
    line.split_once("tonghui: ").unwrap().1
}

/// Compares a message with the golden file `name`. Placeholders replace what differs from run to run.
pub(crate) fn golden(name: &str, world: &World, said: &str, known: &[(&str, &str)]) {
    let config = world.config().display().to_string();
    let mut text = said.replace(&config, "CONFIG");
    for (value, name) in known {
        text = text.replace(value, name);
    }
    let text = without_wait(&text);
    for (_, value) in world.environment() {
        let password = value.split('@').next().and_then(|part| part.split(':').nth(2));
        assert!(password.is_none_or(|password| !text.contains(password)), "a password: {text}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}");
}

/// Replaces the random part of a waiting time.
fn without_wait(line: &str) -> String {
    let blank = |text: String, mark: &str| match text.split_once(mark) {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{mark}N{after}")
        }
        None => text,
    };
    blank(blank(line.to_owned(), "; retry in "), "wait_ms=")
}

/// The host and port in a URL.
pub(crate) fn address(url: &str) -> String {
    let authority = url.rsplit_once('@').unwrap().1;
    authority.split('/').next().unwrap().to_owned()
}

/// An address that nobody listens on.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn password(url: &str) -> &str {
    url.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1
}

async fn books_of(name: &str, url: &str) {
    let world = stored_at(url).await;
    let address = address(url);
    golden(name, &world, &said(&world, &["books"]), &[(&address, "HOST:PORT")]);
}

async fn publishing_of(name: &str, url: &str) {
    let world = published_at(url).await;
    let address = address(url);
    golden(name, &world, &logged(&world, "ingest"), &[(&address, "HOST:PORT")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_no_database() {
    let world = world().await;
    let folder = world.config().join("data");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tonghui.db");
    fs::write(&file, "this is a text, and longer than the head of a database\n".repeat(100))
        .unwrap();
    golden("store_no_database", &world, &said(&world, &["books"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_yet() {
    let world = world().await;
    golden("store_not_there", &world, &said(&world, &["books"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_program_has_locked() {
    let world = world().await;
    drop(world.store().await.unwrap());
    let file = world.config().join("data/tonghui.db");
    let options = SqliteConnectOptions::new().filename(&file).pragma("locking_mode", "EXCLUSIVE");
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    golden("store_locked", &world, &said(&world, &["books"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_a_folder_that_cannot_be_made() {
    let world = world().await;
    fs::write(world.config().join("data"), "a file").unwrap();
    golden("store_folder", &world, &said(&world, &["sync", "hotline"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_broken_url() {
    books_of("store_url", "postgres:/tonghui:geheim@localhost:5432/tonghui").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_the_password() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    books_of("store_password", &url.replace(password(&url), "wrong-one")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_this_database() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    books_of("store_no_such_database", &format!("{url}_nowhere")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_encrypt() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    books_of("store_tls", &format!("{url}?sslmode=verify-full")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_where_nobody_listens() {
    books_of("store_port", &format!("postgres://tonghui:geheim@{}/tonghui", nobody())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_a_host_that_nobody_knows() {
    let url = "postgres://tonghui:geheim@nowhere.invalid:5432/tonghui?sslmode=verify-full";
    let world = stored_at(url).await;
    golden("store_host", &world, &said(&world, &["books"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    books_of("store_silent", &format!("postgres://tonghui:geheim@{address}/tonghui")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_tables_the_account_may_not_make() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    let mut administrator = PgConnection::connect(&url).await.unwrap();
    let guest = format!("golden_{}", std::process::id());
    let role = format!("CREATE ROLE {guest} LOGIN");
    sqlx::raw_sql(AssertSqlSafe(role)).execute(&mut administrator).await.unwrap();
    let address = address(&url);
    let world = stored_at(&format!("postgres://{guest}@{address}/postgres")).await;
    gateway::keys::make(&world.config().join("data/keys.json"), normalizer::Suite::default())
        .unwrap();
    let text = said(&world, &["sync", "hotline"]);
    golden("store_rights", &world, &text, &[(&address, "HOST:PORT"), (&guest, "GUEST")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_the_password() {
    let url = server("TONGHUI_TEST_AMQP").unwrap();
    publishing_of("broker_password", &url.replace(password(&url), "wrong-one")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_this_virtual_host() {
    let url = server("TONGHUI_TEST_AMQP").unwrap();
    publishing_of("broker_vhost", &url.replace("/%2f", "/nowhere")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_where_the_account_may_make_no_queue() {
    let url = server("TONGHUI_TEST_AMQP").unwrap();
    publishing_of("broker_rights", &url.replace("tonghui:", "reader:")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_where_nobody_listens() {
    publishing_of("broker_port", &format!("amqp://tonghui:geheim@{}/%2f", nobody())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_certificate_nobody_here_trusts() {
    publishing_of("broker_certificate", &server("TONGHUI_TEST_AMQPS").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_certificate_has_another_name() {
    let url = server("TONGHUI_TEST_AMQPS").unwrap().replace("@localhost:", "@127.0.0.1:");
    let world = published_at(&url).await;
    fs::write(world.config().join("ca.pem"), server("TONGHUI_TEST_AMQP_CA").unwrap()).unwrap();
    let file = world.config().join("gateway.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text.replace("[bus]\n", "[bus]\nca = \"ca.pem\"\n")).unwrap();
    let address = address(&url);
    let line = logged(&world, "ingest");
    golden("broker_certificate_name", &world, &line, &[(&address, "HOST:PORT")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_database_is_not_there() {
    let mut world = world().await;
    world.set(SOURCE, "sqlite:/nowhere/hotline.db".to_owned());
    golden("source_no_database", &world, &logged(&world, "all"), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_the_password() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    let mut world = world().await;
    world.set(SOURCE, url.replace(password(&url), "wrong-one"));
    let address = address(&url);
    golden("source_password", &world, &logged(&world, "all"), &[(&address, "HOST:PORT")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_this_table() {
    let url = server("TONGHUI_TEST_POSTGRES").unwrap();
    let mut world = world().await;
    world.set(SOURCE, url.clone());
    let address = address(&url);
    golden("source_no_table", &world, &logged(&world, "all"), &[(&address, "HOST:PORT")]);
}
