//! Sources that behave at random: they lose a page, repeat one, cap one, walk in a circle, reorder their list,
//! answer without one, change while they are read, or leave out what was acknowledged. What `sync` says of
//! each is compared with what it has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use system_tests::gateway_process::command;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The number of sources in the suite; `cargo xtask soak --tests` asks for 1,000.
const SOURCES: u64 = 200;
/// How many are read at the same time.
const AT_ONCE: u64 = 200;
/// How often each is read.
const PASSES: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn no_source_is_called_complete_while_a_record_of_it_is_missing() {
    let n_sources = std::env::var("TONGHUI_SOAK_SOURCES").map_or(SOURCES, |n| n.parse().unwrap());
    let (mut wrong, mut n_yes) = (Vec::new(), 0);
    for first in (0..n_sources).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let seeds = first..(first + AT_ONCE).min(n_sources);
        let (found, n) = read_sources(seeds.map(Source::new).collect()).await;
        wrong.extend(found);
        n_yes += n;
    }
    let summary = format!("{n_sources} sources, {n_yes} complete passes, {} wrong", wrong.len());
    writeln!(std::io::stdout(), "{summary}").unwrap();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_yes > n_sources / 10, "only {n_yes} passes were complete: the test tests too little");
}

/// Reads these sources. Returns what was wrong, and the number of complete passes.
async fn read_sources(sources: Vec<Source>) -> (Vec<String>, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sources: Sources = Arc::new(sources.into_iter().map(Mutex::new).collect());
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener, Arc::clone(&sources)));

    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config");
    assert!(command().unwrap().arg("init").arg(&config).output().unwrap().status.success());
    for (seed, source) in sources.iter().enumerate() {
        let channel = config.join(format!("channels/s{seed}"));
        fs::create_dir_all(&channel).unwrap();
        let text = source.lock().unwrap().channel(&format!("{address}/{seed}"));
        fs::write(channel.join("channel.toml"), text).unwrap();
    }

    let mut wrong = Vec::new();
    let mut n_yes = 0;
    for pass in 1..=PASSES {
        let before: Vec<_> = sources.iter().map(|source| source.lock().unwrap().keys()).collect();
        let rows = sync(config.display().to_string()).await;
        let stored = stored_keys(&config.join("data/tonghui.db").display().to_string()).await;
        for (seed, source) in sources.iter().enumerate() {
            let source = source.lock().unwrap();
            let name = format!("s{seed}");
            let row = &rows[&name];
            let none = BTreeSet::new();
            let stored = stored.get(&name).unwrap_or(&none);
            let now = source.keys();
            let missing =
                before[seed].intersection(&now).filter(|key| !stored.contains(*key)).count();
            let is_yes = row["became"] == "done" && row["complete"] == "yes";
            n_yes += u64::from(is_yes);
            // Who is told how many there are, or gets no list, must notice.
            let can_notice = source.says_total || matches!(source.quirk, Quirk::NoList(_));
            let is_silent = row["became"] == "done" && row["complete"] != "no" && can_notice;
            if missing > 0 && (is_yes || is_silent) {
                wrong.push(format!(
                    "pass {pass}: {missing} of {} missing: {source:?}: {row}",
                    now.len()
                ));
            }
            if row["became"] == "not_yet" {
                wrong.push(format!(
                    "pass {pass}: no end after {} requests: {source:?}",
                    source.n_requests
                ));
            }
            if stored.iter().any(|key| !source.ever.contains(key)) {
                wrong.push(format!("pass {pass}: a record was invented: {source:?}"));
            }
        }
    }
    (wrong, n_yes)
}

/// Runs `sync --all`, and returns what it says of each channel.
async fn sync(config: String) -> BTreeMap<String, Value> {
    let run = move || {
        let mut sync = command().unwrap();
        sync.args(["sync", "--all", "--deadline", "60s", "--format", "json", "--config", &config]);
        sync.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    rows.into_iter().map(|row| (row["channel"].as_str().unwrap().to_owned(), row)).collect()
}

/// The keys of the stored demands of each channel.
async fn stored_keys(store: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut store = SqliteConnection::connect(store).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT channel, source_key FROM demand")
        .fetch_all(&mut store)
        .await
        .unwrap();
    let mut keys: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (channel, key) in rows {
        keys.entry(channel).or_default().insert(key);
    }
    keys
}

type Sources = Arc<Vec<Mutex<Source>>>;

/// A source that lists records page by page.
#[derive(Debug)]
struct Source {
    kind: &'static str,
    /// Size of the pages that the channel asks for.
    size: usize,
    /// Whether the answers say how many records there are, and the channel knows it.
    says_total: bool,
    quirk: Quirk,
    rows: Vec<String>,
    /// The keys of all records that it ever had.
    ever: BTreeSet<String>,
    /// The keys that it no longer lists.
    acknowledged: BTreeSet<String>,
    n_requests: usize,
    rng: ChaCha8Rng,
}

/// What is wrong with a source.
#[derive(Debug, Clone, Copy)]
enum Quirk {
    Nothing,
    /// It never gives the page with this number.
    LosesPage(usize),
    /// It gives the page with this number twice, instead of the next one.
    RepeatsPage(usize),
    /// It gives at most this number of records, whatever is asked for.
    Caps(usize),
    /// After the last page it begins anew.
    Cycles,
    /// After the last page it gives the last page.
    RepeatsLast,
    /// It orders its list anew for each answer.
    Reorders,
    /// One answer has no list.
    NoList(usize),
    /// Its first record disappears after this number of answers.
    Shrinks(usize),
    /// A new record comes first after this number of answers.
    Grows(usize),
    /// It lists no longer what was acknowledged.
    Forgets,
}

impl Source {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n = rng.random_range(0..30);
        let rows: Vec<_> = (0..n).map(|n| format!("k{n:02}")).collect();
        let at = rng.random_range(1..4);
        let quirk = match rng.random_range(0..10) {
            0 => Quirk::Nothing,
            1 => Quirk::LosesPage(at),
            2 => Quirk::RepeatsPage(at),
            3 => Quirk::Caps(at),
            4 => Quirk::Cycles,
            5 => Quirk::RepeatsLast,
            6 => Quirk::Reorders,
            7 => Quirk::NoList(at),
            8 => Quirk::Shrinks(at),
            _ => Quirk::Grows(at),
        };
        let quirk = if seed % 11 == 10 { Quirk::Forgets } else { quirk };
        let kind = ["number", "offset", "token"][rng.random_range(0..3)];
        let says_total = kind != "token" && rng.random_bool(0.6);
        let size = rng.random_range(2..8);
        let ever = rows.iter().cloned().collect();
        let acknowledged = BTreeSet::new();
        Self { kind, size, says_total, quirk, rows, ever, acknowledged, n_requests: 0, rng }
    }

    fn keys(&self) -> BTreeSet<String> {
        self.rows.iter().cloned().collect()
    }

    /// The file of a channel that reads this source.
    fn channel(&self, url: &str) -> String {
        let Self { kind, size, .. } = self;
        let stop = if self.says_total { r#", stop = { total = "$.total" }"# } else { "" };
        let more = match *kind {
            "token" => r#", at = "$.next""#.to_owned(),
            _ => format!(r#", size = {{ param = "size", value = {size} }}{stop}"#),
        };
        let ack = match self.quirk {
            Quirk::Forgets => format!("[http.ack]\nurl = \"{url}/ack\"\nparam = \"ids\"\n"),
            _ => String::new(),
        };
        format!(
            r#"name = "random {url}"
connector = "http"
[schedule]
every = "1h"
[http]
url = "{url}"
page = {{ kind = "{kind}", param = "at"{more} }}
records = "$.rows[*]"
key = "$.id"
{ack}[demand]
source_no = "$.id"
title = "$.id"
"#
        )
    }

    /// The answer to a request for the page at `at`.
    fn answer(&mut self, at: Option<usize>) -> Value {
        self.n_requests += 1;
        match self.quirk {
            Quirk::Reorders => self.rows.shuffle(&mut self.rng),
            Quirk::NoList(n) if n == self.n_requests => return json!({ "code": 500, "rows": null }),
            Quirk::Shrinks(n) if n + 1 == self.n_requests && !self.rows.is_empty() => {
                self.rows.remove(0);
            }
            Quirk::Grows(n) if n + 1 == self.n_requests => {
                self.rows.insert(0, "new".to_owned());
                self.ever.insert("new".to_owned());
            }
            _ => {}
        }
        let listed = self.rows.iter().filter(|key| !self.acknowledged.contains(*key));
        let listed: Vec<&String> = listed.collect();
        let size = if let Quirk::Caps(most) = self.quirk { self.size.min(most) } else { self.size };
        // A capped source counts its own pages.
        let n_pages = listed.len().div_ceil(size);
        let (mut from, asked) = match self.kind {
            "number" => ((at.unwrap_or(1).max(1) - 1) * size, at.unwrap_or(1).max(1) - 1),
            _ => (at.unwrap_or(0), at.unwrap_or(0) / size),
        };
        match self.quirk {
            Quirk::LosesPage(page) if page == asked => from = usize::MAX,
            Quirk::RepeatsPage(page) if page + 1 == asked => from = page * size,
            Quirk::Cycles if from >= listed.len() => from = 0,
            Quirk::RepeatsLast if from >= listed.len() => from = n_pages.max(1) * size - size,
            _ => {}
        }
        let rows: Vec<_> =
            listed.iter().skip(from).take(size).map(|key| json!({ "id": key })).collect();
        let next = at.unwrap_or(0) + size;
        let is_last =
            next >= listed.len() && !matches!(self.quirk, Quirk::Cycles | Quirk::RepeatsLast);
        let next = match self.quirk {
            Quirk::Cycles if next >= listed.len() => 0,
            Quirk::RepeatsLast if next >= listed.len() => at.unwrap_or(0),
            _ => next,
        };
        let mut answer =
            json!({ "rows": rows, "next": if is_last { Value::Null } else { json!(next) } });
        if self.says_total {
            answer["total"] = json!(listed.len());
        }
        answer
    }
}

/// Answers requests like `GET /7?at=3&size=5 HTTP/1.1`, until the test ends.
async fn serve(listener: TcpListener, sources: Sources) {
    let mut answering = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        answering.spawn(answer(stream, Arc::clone(&sources)));
        while answering.try_join_next().is_some() {}
    }
}

/// Answers one request, and closes the connection.
async fn answer(stream: TcpStream, sources: Sources) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let target = head.split(' ').nth(1)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let param = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let path = path.trim_start_matches('/').trim_end_matches("/ack");
    let source = sources.get(path.parse::<usize>().ok()?)?;
    let body = match param("ids=") {
        Some(keys) => {
            let keys = keys.replace("%2C", ",");
            let mut source = source.lock().ok()?;
            source.acknowledged.extend(keys.split(',').map(str::to_owned));
            "{}".to_owned()
        }
        None => {
            let at = param("at=").and_then(|at| at.parse().ok());
            source.lock().ok()?.answer(at).to_string()
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
