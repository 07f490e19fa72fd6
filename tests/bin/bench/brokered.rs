//! Measures how fast the gateway brings a backlog of the hotline through RabbitMQ into PostgreSQL, and how
//! fast dlt loads the same rows into the same PostgreSQL without a broker. dlt reads the rows as JSON pages
//! over HTTP. The pages are made before it starts, so that this measures dlt and not the HTTP server.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use contract::ChannelId;
use sink::store::Database;
use sqlx::{Connection, Row, SqliteConnection};
use system_tests::{
    gateway_process::{Gateway, event, server},
    world::World,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{RECORDS, rate};

/// How often the books of the store are read while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Measures, and prints a table.
pub(crate) async fn measure(mut world: World) -> anyhow::Result<()> {
    let (store, broker) = (server("TONGHUI_TEST_POSTGRES")?, server("TONGHUI_TEST_AMQP")?);
    world.use_servers(Some(&store), Some(&broker)).await?;
    let (database, _) = world.store().await?;
    let published = Instant::now();
    let gateway = tokio::task::block_in_place(|| publish(&world, "all"))?;
    let published = published.elapsed();
    let whole = published + wait_until_kept(&database).await?;
    tokio::task::block_in_place(|| gateway.stop())?;

    let pages = serve(world.hotline.url()).await?;
    let dlt = tokio::task::block_in_place(|| load(pages.url(), &store))?;

    let (ours, theirs) = (rate(RECORDS, whole), rate(RECORDS, dlt.duration));
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n| through RabbitMQ into PostgreSQL | measured |\n|---|---|")?;
    writeln!(out, "| records/s, source to broker, confirmed | {:.0} |", rate(RECORDS, published))?;
    writeln!(out, "| records/s, source to committed in PostgreSQL | {ours:.0} |")?;
    writeln!(
        out,
        "| dlt {}, JSON pages to PostgreSQL, merge, rows/s | {theirs:.0} |",
        dlt.version
    )?;
    writeln!(out, "| ratio to dlt | {:.1} : 1 |", ours / theirs)?;
    Ok(())
}

/// Starts the binary, and waits until it has published everything once.
pub(crate) fn publish(world: &World, role: &str) -> anyhow::Result<Gateway> {
    let mut gateway = Gateway::start_as(world, role)?;
    let mut caught_up = false;
    loop {
        let line = gateway.line()?.context("the gateway ended")?;
        match event(&line) {
            Some("read") => caught_up |= line.contains("caught_up=true"),
            Some("settled") if caught_up => return Ok(gateway),
            _ => {}
        }
    }
}

/// Waits until the store contains everything; returns how long that took.
async fn wait_until_kept(store: &Database) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let channel: ChannelId = "hotline".parse()?;
    let mut again = tokio::time::interval(POLL_INTERVAL);
    loop {
        again.tick().await;
        let books = store.books(Some(&channel), None).await?;
        if books.iter().any(|book| book.read >= RECORDS && book.in_flight == 0) {
            return Ok(began.elapsed());
        }
    }
}

/// The number of rows in a page.
const PAGE_ROWS: usize = 1_000;

/// An HTTP server for `/rows?page=N`, with N from 0. A page after the last one is empty.
pub(crate) struct Pages {
    url: String,
    _server: JoinSet<()>,
}

impl Pages {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Reads the rows of a hotline and serves them.
pub(crate) async fn serve(hotline: &str) -> anyhow::Result<Pages> {
    let mut source = SqliteConnection::connect(hotline).await?;
    let rows =
        sqlx::query("SELECT * FROM CNS_CINFO ORDER BY ROWGUID").fetch_all(&mut source).await?;
    let records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    let pages: Vec<String> = records
        .chunks(PAGE_ROWS)
        .map(|rows| serde_json::json!({ "rows": rows }).to_string())
        .chain([r#"{"rows":[]}"#.to_owned()])
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(accept(listener, Arc::new(pages)));
    Ok(Pages { url, _server: server })
}

/// A row of the hotline as JSON.
fn record(row: &sqlx::sqlite::SqliteRow) -> anyhow::Result<serde_json::Value> {
    use sqlx::{Column, TypeInfo, ValueRef};
    let mut record = serde_json::Map::new();
    for column in row.columns() {
        let name = column.name();
        let value = match row.try_get_raw(name)?.type_info().name() {
            "BLOB" => {
                let bytes: Vec<u8> = row.try_get(name)?;
                let text = encoding_rs::GB18030.decode_without_bom_handling(&bytes).0.into_owned();
                serde_json::Value::String(text.replace('\0', ""))
            }
            "INTEGER" => row.try_get::<i64, _>(name)?.into(),
            "NULL" => serde_json::Value::Null,
            _ => row.try_get::<String, _>(name)?.into(),
        };
        record.insert(name.to_owned(), value);
    }
    Ok(record.into())
}

async fn accept(listener: TcpListener, pages: Arc<Vec<String>>) {
    let mut peers = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        peers.spawn(answer(stream, Arc::clone(&pages)));
    }
}

/// Answers requests for pages: HTTP/1.1 with a request line and headers, without a body.
async fn answer(stream: TcpStream, pages: Arc<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let page = line.split("page=").nth(1).and_then(|rest| {
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
        });
        loop {
            line.clear();
            if stream.read_line(&mut line).await? <= 2 {
                break;
            }
        }
        line.clear();
        let last = pages.last().map_or("", String::as_str);
        let body = page.and_then(|page| pages.get(page)).map_or(last, String::as_str);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
    Ok(())
}

/// The version of dlt, and how long it took.
pub(crate) struct DltRun {
    pub(crate) version: String,
    pub(crate) duration: Duration,
}

/// Runs dlt, which loads all pages at the URL `pages` into a schema of its own in the database `store`.
/// `cargo xtask bench` sets `TONGHUI_BENCH_PYTHON` to the Python interpreter that has dlt.
pub(crate) fn load(pages: &str, store: &str) -> anyhow::Result<DltRun> {
    let python = server("TONGHUI_BENCH_PYTHON")?;
    let home = tempfile::tempdir()?;
    let began = Instant::now();
    let ended = Command::new(python)
        .args(["-c", include_str!("dlt_rest.py"), pages])
        .env("PIPELINES_DIR", home.path())
        .env("DESTINATION__POSTGRES__CREDENTIALS", store.replace("postgres://", "postgresql://"))
        .env("RUNTIME__DLTHUB_TELEMETRY", "false")
        .stdin(Stdio::null())
        .output()?;
    let duration = began.elapsed();
    anyhow::ensure!(ended.status.success(), "dlt: {}", String::from_utf8_lossy(&ended.stderr));
    let output = String::from_utf8(ended.stdout)?;
    let version = output.lines().last().unwrap_or_default().to_owned();
    Ok(DltRun { version, duration })
}
