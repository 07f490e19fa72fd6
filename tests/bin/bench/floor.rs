//! The floor: the least program that moves the same bytes. It fetches the same pages, publishes the same
//! messages with confirms to a quorum queue, takes them, and writes the same rows into the same tables and
//! indices with the same durability. It parses, maps, seals, encodes and judges nothing: messages and rows
//! are taken from a run of the gateway before, and are in memory when its time begins. No gateway can be faster.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use contract::ChannelId;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde::{Deserialize, Serialize};
use sink::store::{Access, Postgres, Sqlite};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    process::{self, LIMIT, cpu_time},
    records::{PAGE_ROWS, Pages, key},
    report::{Figures, rate, real},
    service::Service,
    site::{JSON, Servers, Site, drop_schema, sqlite_url},
};

/// The tables that a first load fills, without those of the indexes.
const TABLES: [&str; 6] =
    ["read", "read_part", "demand", "demand_history", "demand_raw", "receipt"];
/// The number of messages that are taken before one of them is acked, as in the gateway.
const PREFETCH: u16 = 64;
/// The settings of the embedded store.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; \
     PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 8192;";

/// Messages and rows of the gateway, for the floor to move.
pub(crate) struct Captured {
    servers: Servers,
    records: u64,
    folder: TempDir,
    /// Creates the partitions that the rows are in.
    partitions: Vec<String>,
    /// The gateway whose file has the rows of the embedded store.
    embedded: Site,
}

/// What the floor prints.
#[derive(Serialize, Deserialize)]
struct Took {
    seconds: f64,
    cpu_us: f64,
}

impl Captured {
    /// Lets the gateway read all pages, and keeps what it publishes and writes.
    pub(crate) async fn take(
        servers: &Servers,
        pages: &Pages,
        records: u64,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let site = Site::http(JSON, pages)?.through(servers, "rows").await?;
        Box::pin(site.sync(records, records)).await?;
        let mut store = PgConnection::connect(site.postgres()?).await?;
        for table in TABLES {
            let sql =
                format!("COPY (SELECT * FROM {table} ORDER BY 1, 2) TO STDOUT (FORMAT binary)");
            let chunks: Vec<_> = store.copy_out_raw(&sql).await?.try_collect().await?;
            fs::write(folder.path().join(table), chunks.concat())?;
        }
        let partitions = sqlx::query_scalar(PARTITIONS).fetch_all(&mut store).await?;
        store.close().await?;
        site.remove().await?;

        let site = Site::http(JSON, pages)?.through(servers, "messages").await?;
        Box::pin(publish_all(&site, records)).await?;
        let queue = site.queue().context("no queue")?;
        let messages = drain(&servers.broker, &queue).await?;
        let framed = messages.iter().map(|message| {
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
            [&length[..], message.as_slice()].concat()
        });
        fs::write(folder.path().join("messages"), framed.collect::<Vec<_>>().concat())?;
        site.remove().await?;

        let embedded = Site::http(JSON, pages)?;
        Box::pin(embedded.sync(records, records)).await?;
        Ok(Self { servers: servers.clone(), records, folder, partitions, embedded })
    }

    /// Runs the floor through RabbitMQ into PostgreSQL.
    pub(crate) async fn brokered(&self, pages: &Pages) -> anyhow::Result<Figures> {
        let name = format!("b{}_floor", std::process::id());
        Postgres::create_schema(&self.servers.store, &name).await?;
        let url = Postgres::in_schema(&self.servers.store, &name);
        Postgres::open(&url, Access::ReadWrite).await?.close().await;
        let mut store = PgConnection::connect(&url).await?;
        for partition in &self.partitions {
            sqlx::raw_sql(AssertSqlSafe(partition.clone())).execute(&mut store).await?;
        }
        let broker = ["--broker", self.servers.broker.as_str(), "--queue", name.as_str()];
        let figures = self.floor(pages, self.folder.path(), &url, &broker).await?;
        let rows = sqlx::query_scalar("SELECT count(*) FROM demand").fetch_one(&mut store).await?;
        self.ensure_all(rows)?;
        store.close().await?;
        drop_schema(&self.servers.store, &name).await?;
        Ok(figures)
    }

    /// Runs the floor into an SQLite file.
    pub(crate) async fn embedded(&self, pages: &Pages) -> anyhow::Result<Figures> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("floor.db");
        Sqlite::open(&file, Access::ReadWrite).await?.close().await;
        let figures = self.floor(pages, &self.embedded.file(), &sqlite_url(&file), &[]).await?;
        let mut store = SqliteConnection::connect(&sqlite_url(&file)).await?;
        let rows = sqlx::query_scalar("SELECT count(*) FROM demand").fetch_one(&mut store).await?;
        self.ensure_all(rows)?;
        Ok(figures)
    }

    async fn floor(
        &self,
        pages: &Pages,
        captured: &Path,
        store: &str,
        broker: &[&str],
    ) -> anyhow::Result<Figures> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").args([pages.url(), store, &self.records.to_string()]);
        let usage = process::run(command.arg(captured).args(broker), LIMIT).await?;
        let took: Took = serde_json::from_str(&usage.text()?)?;
        let per_s = rate(self.records, Duration::from_secs_f64(took.seconds));
        Ok(Figures {
            records_per_s: per_s,
            whole_per_s: per_s,
            cpu_us_per_record: took.cpu_us / real(self.records),
            ..Figures::default()
        })
    }

    fn ensure_all(&self, rows: i64) -> anyhow::Result<()> {
        ensure!(u64::try_from(rows)? == self.records, "the floor wrote {rows} demands");
        Ok(())
    }
}

/// Statements that create the partitions of a schema in another one.
const PARTITIONS: &str = "SELECT format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I %s', \
         part.relname, whole.relname, pg_get_expr(part.relpartbound, part.oid)) \
     FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid JOIN pg_class whole ON whole.oid = inhparent \
     WHERE part.relkind = 'r' AND part.relnamespace = current_schema()::regnamespace";

/// Runs the half of the gateway that reads, until it has published all records.
async fn publish_all(site: &Site, records: u64) -> anyhow::Result<()> {
    let store = site.store().await?;
    let mut ingest = Service::start(site, &["--role", "ingest"])?;
    let channel: ChannelId = "bench".parse()?;
    let mut again = tokio::time::interval(Duration::from_millis(100));
    let began = Instant::now();
    loop {
        again.tick().await;
        ingest.ensure_runs()?;
        let books = store.books(Some(&channel), None).await?;
        if books.iter().any(|book| book.published >= records) {
            return ingest.stop();
        }
        ensure!(began.elapsed() < LIMIT, "not all records were published");
    }
}

/// Takes all messages from a queue.
async fn drain(broker: &str, queue: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = BasicGetOptions { no_ack: true };
    let mut messages = Vec::new();
    while let Some(message) = channel.basic_get(queue.into(), options).await? {
        messages.push(message.delivery.data);
    }
    Ok(messages)
}

/// The floor itself, in a process of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address of the source.
    source: String,
    /// The URL of the store, in which all tables are.
    store: String,
    /// The number of records.
    records: u64,
    /// What was captured: a folder with messages and rows, or an SQLite file with rows.
    captured: PathBuf,
    /// The URL of the broker; without it, the floor is embedded.
    #[arg(long)]
    broker: Option<String>,
    /// The name of the queue.
    #[arg(long, default_value = "floor")]
    queue: String,
}

/// Moves everything, and prints how long that took.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let took = match &args.broker {
        Some(broker) => Box::pin(brokered(&args, broker)).await?,
        None => Box::pin(embedded(&args)).await?,
    };
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&took)?)?)
}

/// The source, asked page by page.
struct Source {
    stream: BufReader<TcpStream>,
    page: Vec<u8>,
}

impl Source {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let address = url.strip_prefix("http://").context("no http:// address")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), page: Vec::new() })
    }

    /// Fetches page number `page`.
    async fn fetch(&mut self, page: u64) -> anyhow::Result<()> {
        let after = (page * PAGE_ROWS).checked_sub(1).map(key);
        let after = after.map(|key| format!("?after={key}")).unwrap_or_default();
        let request = format!("GET /json{after} HTTP/1.1\r\nhost: floor\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let (mut line, mut length) = (String::new(), 0);
        while self.stream.read_line(&mut line).await? > 2 {
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            line.clear();
        }
        self.page.resize(length, 0);
        self.stream.read_exact(&mut self.page).await?;
        Ok(())
    }
}

/// Measures from here to [`Clock::took`].
struct Clock(Instant, Duration);

impl Clock {
    fn start() -> anyhow::Result<Self> {
        Ok(Self(Instant::now(), cpu_time(std::process::id())?))
    }

    fn took(&self) -> anyhow::Result<Took> {
        let seconds = self.0.elapsed().as_secs_f64();
        let cpu = cpu_time(std::process::id())?.saturating_sub(self.1);
        Ok(Took { seconds, cpu_us: cpu.as_secs_f64() * 1e6 })
    }
}

/// Part `n` of `parts` of a list.
fn part<T>(all: &[T], n: usize, parts: usize) -> &[T] {
    let at = |n: usize| (n * all.len()).checked_div(parts).unwrap_or(0);
    all.get(at(n)..at(n + 1)).unwrap_or_default()
}

async fn brokered(args: &Args, broker: &str) -> anyhow::Result<Took> {
    let messages = unframe(&fs::read(args.captured.join("messages"))?);
    let mut rows = Vec::new();
    for table in TABLES {
        let copy = fs::read(args.captured.join(table))?;
        let tuples = tuples(&copy).with_context(|| format!("the rows of {table} are cut off"))?;
        let chunks = (0..messages.len()).map(|n| part(&tuples, n, messages.len()).concat());
        rows.push((table, chunks.collect::<Vec<_>>()));
    }
    let clock = Clock::start()?;
    let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
    let (publisher, consumer) =
        tokio::try_join!(connection.create_channel(), connection.create_channel())?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    publisher.queue_declare(args.queue.as_str().into(), options, arguments).await?;
    publisher.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut source = Source::open(&args.source).await?;
    let mut store = PgConnection::connect(&args.store).await?;
    tokio::try_join!(
        publish(&publisher, args, &mut source, &messages),
        keep(&consumer, args, &mut store, &rows, messages.len()),
    )?;
    let took = clock.took()?;
    let options = QueueDeleteOptions::default();
    publisher.queue_delete(args.queue.as_str().into(), options).await?;
    Ok(took)
}

/// Fetches all pages, and publishes the messages of each. While they are confirmed, the next page is fetched.
async fn publish(
    channel: &Channel,
    args: &Args,
    source: &mut Source,
    messages: &[Vec<u8>],
) -> anyhow::Result<()> {
    let pages = args.records.div_ceil(PAGE_ROWS);
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let mut unconfirmed = Vec::new();
    for page in 0..=pages {
        if page < pages {
            source.fetch(page).await?;
        }
        for confirm in std::mem::take(&mut unconfirmed) {
            let confirmation: Confirmation = confirm.await?;
            ensure!(matches!(confirmation, Confirmation::Ack(None)), "a message was refused");
        }
        for message in part(messages, page.try_into()?, pages.try_into()?) {
            let queue = args.queue.as_str().into();
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let sent =
                channel.basic_publish("".into(), queue, options, message, persistent.clone());
            unconfirmed.push(sent.await?);
        }
    }
    Ok(())
}

/// Takes messages until there were `count`, writes the rows of those that came together, and acks them.
async fn keep(
    channel: &Channel,
    args: &Args,
    store: &mut PgConnection,
    rows: &[(&str, Vec<Vec<u8>>)],
    count: usize,
) -> anyhow::Result<()> {
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let queue = args.queue.as_str().into();
    let mut arrivals = channel.basic_consume(queue, "".into(), options, arguments).await?;
    let mut kept = 0;
    while kept < count {
        let mut tag = arrivals.next().await.context("the queue is gone")??.delivery_tag;
        let mut end = kept + 1;
        while let Some(Some(next)) = arrivals.next().now_or_never() {
            (tag, end) = (next?.delivery_tag, end + 1);
        }
        let mut transaction = store.begin().await?;
        for (table, chunks) in rows {
            let sql = format!("COPY {table} FROM STDIN (FORMAT binary)");
            let mut copy = transaction.copy_in_raw(&sql).await?;
            copy.send(COPY_HEAD).await?;
            for chunk in chunks.get(kept..end).unwrap_or_default() {
                copy.send(chunk.as_slice()).await?;
            }
            copy.send(COPY_END).await?;
            copy.finish().await?;
        }
        transaction.commit().await?;
        channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
        kept = end;
    }
    Ok(())
}

/// How rows in the binary format of COPY begin: a signature, flags, and the length of an extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How they end: a number of fields that no row has.
const COPY_END: &[u8] = b"\xff\xff";

/// The rows of a table in the binary format of COPY.
fn tuples(copy: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = copy.get(COPY_HEAD.len()..)?;
    let mut tuples = Vec::new();
    loop {
        let tuple = rest;
        let (fields, after) = rest.split_first_chunk::<2>()?;
        let fields = i16::from_be_bytes(*fields);
        if fields < 0 {
            return Some(tuples);
        }
        rest = after;
        for _ in 0..fields {
            let (length, after) = rest.split_first_chunk::<4>()?;
            // The length of NULL is -1.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            rest = after.get(length..)?;
        }
        tuples.push(tuple.get(..tuple.len() - rest.len())?);
    }
}

/// Messages from a file in which the length of each stands before it.
fn unframe(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((message, rest)) = rest.split_at_checked(length) else { break };
        messages.push(message.to_vec());
        file = rest;
    }
    messages
}

/// Copies the rows into memory first. Then each page is one transaction, and while it is committed, the next
/// page is fetched.
async fn embedded(args: &Args) -> anyhow::Result<Took> {
    let mut store = SqliteConnection::connect(&args.store).await?;
    let attach = format!(
        "{PRAGMAS} ATTACH ':memory:' AS prepared; ATTACH '{}' AS captured;",
        args.captured.display()
    );
    let prepare = TABLES
        .map(|table| format!("CREATE TABLE prepared.{table} AS SELECT * FROM captured.{table};"));
    let sql = format!("{attach} {} DETACH captured;", prepare.concat());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut store).await?;
    let mut counts = Vec::new();
    for table in TABLES {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM prepared.{table}"));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut store).await?;
        counts.push((table, count));
    }
    let clock = Clock::start()?;
    let mut source = Source::open(&args.source).await?;
    let pages = args.records.div_ceil(PAGE_ROWS);
    source.fetch(0).await?;
    for page in 0..pages {
        let next = async { if page + 1 < pages { source.fetch(page + 1).await } else { Ok(()) } };
        tokio::try_join!(write_page(&mut store, &counts, page, pages), next)?;
    }
    clock.took()
}

async fn write_page(
    store: &mut SqliteConnection,
    counts: &[(&str, i64)],
    page: u64,
    pages: u64,
) -> anyhow::Result<()> {
    let (page, pages) = (i64::try_from(page)?, i64::try_from(pages)?);
    let mut transaction = store.begin().await?;
    for (table, count) in counts {
        let at = |page: i64| (page * count).checked_div(pages).unwrap_or(0);
        let sql = format!(
            "INSERT INTO main.{table} SELECT * FROM prepared.{table} WHERE rowid > ? AND rowid <= ?"
        );
        let insert = sqlx::query(AssertSqlSafe(sql)).bind(at(page)).bind(at(page + 1));
        insert.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}
