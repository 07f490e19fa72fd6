//! Measures the lag of the demands of five channels while a sixth channel misbehaves, compared with a sixth
//! channel that behaves. The lag is the time from filing a record at its source to writing its receipt.

use std::{collections::HashMap, fs, io::Write as _, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use contract::{DemandId, Normalizer, RawRecord, Reason, SealedBytes, Timestamp, Verdict};
use gateway::{
    assemble,
    channel::LiveChannel,
    clock::now,
    registry::section_schemas,
    service::{Role, serve},
    shipped,
    stop::Stop,
};
use sandbox::{Behaviour, Clock, Limits, Mobile, Retention};
use sqlx::{Connection as _, SqliteConnection};
use tokio::{net::TcpListener, time::interval};

/// The number of channels that are measured.
const N_GOOD: usize = 5;
/// How often each of them gets a record.
const TICK: Duration = Duration::from_millis(200);
/// The number of ticks at the end without new records.
const N_LAST_TICKS: usize = 15;
/// The number of records of a flood at each tick.
const FLOOD_RECORDS: u64 = 400;
/// The number of ticks between two broken records.
const BROKEN_INTERVAL: usize = 25;
/// UTF-8 that was read as GBK, followed by clean text, so that each repetition needs a separate repair.
const BROKEN: &str = "缇や紬璇夋眰，小区电梯坏了。";
/// The size of a broken record.
const BROKEN_BYTES: usize = 7_900_000;

/// What the sixth channel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sixth {
    Behaves,
    Hangs,
    Floods,
    Panics,
    Misconfigured,
    /// Sends records of 7.9 MB that are broken from beginning to end.
    Broken,
}

/// Measures, and prints a table.
pub(crate) async fn measure(seconds: u64, runs: usize) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "| sixth channel | p99 lag of the other five, ms | demands of theirs |")?;
    writeln!(out, "|---|---|---|")?;
    let all = [
        Sixth::Behaves,
        Sixth::Hangs,
        Sixth::Floods,
        Sixth::Panics,
        Sixth::Misconfigured,
        Sixth::Broken,
    ];
    let (length, mut baseline) = (Duration::from_secs(seconds), 0);
    for sixth in all {
        let (mut lags, mut counts) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let Lag { p99, filed, kept } = Box::pin(run(sixth, length)).await?;
            lags.push(p99);
            counts.push(format!("{kept} of {filed}"));
        }
        let worst = lags.iter().copied().max().unwrap_or(0);
        if sixth == Sixth::Behaves {
            baseline = worst;
        }
        let lags: Vec<_> = lags.iter().map(ToString::to_string).collect();
        let difference = worst.saturating_sub(baseline);
        writeln!(
            out,
            "| {sixth:?} | {} (worst + {difference}) | {} |",
            lags.join(" · "),
            counts.join(" · ")
        )?;
    }
    Ok(())
}

/// The result of one run.
struct Lag {
    /// The 99th percentile of the lag, in milliseconds.
    p99: u64,
    /// The number of records filed in the five channels.
    filed: usize,
    /// How many of them have a receipt.
    kept: usize,
}

async fn run(sixth: Sixth, length: Duration) -> anyhow::Result<Lag> {
    let folder = tempfile::tempdir()?;
    let (config, mut sources) = (folder.path().join("config"), Vec::new());
    shipped::write(&config, &["mobile"])?;
    let template = fs::read_to_string(config.join("channels/mobile/channel.toml"))?;
    fs::remove_dir_all(config.join("channels"))?;
    for number in 0..=N_GOOD {
        let behaviour = Behaviour::new(u64::try_from(number)?, Clock::machine());
        let retention = Retention::Newest;
        let behaviour = Behaviour { limits: Limits::Loose, retention, ..behaviour };
        sources.push(Mobile::open(behaviour).await?);
    }
    // Nothing accepts connections to this listener, so no answer comes.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    for (number, source) in sources.iter().enumerate() {
        let address = match (sixth, number == N_GOOD) {
            (Sixth::Hangs, true) => format!("http://{}", silent.local_addr()?),
            (Sixth::Misconfigured, true) => format!("{}/nowhere", source.url()),
            _ => source.url().to_owned(),
        };
        write_channel(&config, number, &template, &address)?;
    }
    let dropped = folder.path().join("dropped");
    if sixth == Sixth::Broken {
        write_file_channel(&config, &dropped)?;
    }
    let variables = sources[0].environment();
    let environment =
        |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
    let settings = config::resolve(&config, &section_schemas(), &environment)?;
    let (store, keys) = assemble::open(&settings).await?;
    let mut channels = assemble::channels(&settings, &keys)?;
    if let (Sixth::Panics, Some(channel)) = (sixth, channels.last_mut()) {
        panic_in(channel);
    }
    let stop = Stop::default();
    let filing = async {
        let filed = file(&sources, sixth, &dropped, length).await;
        stop.request();
        filed
    };
    let (ended, filed) = tokio::join!(serve(&settings, Role::All, channels, &store, &stop), filing);
    ended?;
    let store = config.join("data/tonghui.db");
    if sixth == Sixth::Broken {
        ensure_mapped(&store).await?;
    }
    lag(&store, &filed?).await
}

/// Writes the shipped channel as the channel `c{number}`, with a read every second and practically no limit.
fn write_channel(config: &Path, number: usize, template: &str, url: &str) -> anyhow::Result<()> {
    let folder = config.join(format!("channels/c{number}"));
    fs::create_dir_all(&folder)?;
    let text = template.split("[[example]]").next().context("no mapping")?;
    let text = text.replace("https://mobile.example", url);
    let text = text.replace("移动应用与网格", &format!("c{number}"));
    let text = text.replace("every = \"30s\"", "every = \"1s\"").replace("\"2/s\"", "\"1000/s\"");
    Ok(fs::write(folder.join("channel.toml"), text)?)
}

/// Replaces the sixth channel with one that reads files from a folder.
fn write_file_channel(config: &Path, dropped: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dropped)?;
    let folder = config.join(format!("channels/c{N_GOOD}"));
    fs::write(folder.join("url"), dropped.display().to_string())?;
    let text = format!(
        r#"
name      = "c{N_GOOD}"
connector = "files"

[schedule]
every = "1s"

[files]
url    = {{ file = "channels/c{N_GOOD}/url" }}
match  = ["*.jsonl"]
key    = "$.no"
stable = "1s"

[files.revision]
at = "$.n"

[files.limits]
record = 16

[demand]
source_no = "$.no"
content   = {{ at = "$.text", clean = "html" }}
"#
    );
    Ok(fs::write(folder.join("channel.toml"), text)?)
}

/// The time at which each record was added, by the number of its source and its key.
type Filed = HashMap<(usize, String), Timestamp>;

/// Adds one record to each good source at each tick; then waits, because the last records may still be in
/// flight.
async fn file(
    sources: &[Mobile],
    sixth: Sixth,
    dropped: &Path,
    length: Duration,
) -> anyhow::Result<Filed> {
    let mut filed = HashMap::new();
    let mut ticks = interval(TICK);
    let text = BROKEN.repeat(BROKEN_BYTES / BROKEN.len());
    for tick in 0..usize::try_from(length.as_millis() / TICK.as_millis())? {
        ticks.tick().await;
        if sixth == Sixth::Broken && tick % BROKEN_INTERVAL == 0 {
            let record = serde_json::json!({ "no": format!("B{tick}"), "n": tick, "text": text });
            fs::write(dropped.join(format!("{tick}.jsonl")), record.to_string())?;
        }
        for (number, source) in sources.iter().enumerate() {
            let is_good = number < N_GOOD;
            let many = if !is_good && sixth == Sixth::Floods { FLOOD_RECORDS } else { 1 };
            for key in source.file(many) {
                if is_good {
                    filed.insert((number, key), now());
                }
            }
        }
    }
    for _ in 0..N_LAST_TICKS {
        ticks.tick().await;
    }
    Ok(filed)
}

/// Fails if the gateway refused all broken records before mapping them: then the run measured nothing.
async fn ensure_mapped(store: &Path) -> anyhow::Result<()> {
    let mut store = SqliteConnection::connect(&format!("sqlite://{}", store.display())).await?;
    let count = "SELECT count(*) FROM demand WHERE quality LIKE '%unrepaired_text%'";
    let n_mapped: i64 = sqlx::query_scalar(count).fetch_one(&mut store).await?;
    anyhow::ensure!(n_mapped > 0, "no broken record was mapped");
    Ok(())
}

/// Computes the result of a run from the receipts in the store.
async fn lag(store: &Path, filed: &Filed) -> anyhow::Result<Lag> {
    let url = format!("sqlite://{}", store.display());
    let mut store = SqliteConnection::connect(&url).await?;
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT d.channel, d.source_key, r.kept_at FROM demand d JOIN receipt r ON r.channel = d.channel
         AND d.origin ->> '$.message' = r.channel || '/' || r.read_no || '/' || r.part",
    )
    .fetch_all(&mut store)
    .await?;
    let kept: HashMap<(String, String), String> =
        rows.into_iter().map(|(channel, key, at)| ((channel, key), at)).collect();
    let mut lags = Vec::new();
    for ((number, key), at) in filed {
        if let Some(kept) = kept.get(&(format!("c{number}"), key.clone())) {
            let kept: Timestamp = kept.parse()?;
            // A clock that was set back gives a lag of zero.
            lags.push(u64::try_from((kept - at).num_milliseconds()).unwrap_or(0));
        }
    }
    lags.sort_unstable();
    let p99 = lags.get(lags.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(0);
    Ok(Lag { p99, filed: filed.len(), kept: lags.len() })
}

/// Rejects everything, and then panics in `seal`, where only the supervisor catches it.
struct Panicking;

impl Normalizer for Panicking {
    fn normalize(&self, _: &RawRecord) -> Verdict {
        Verdict::Reject(Reason::new("measured", ""))
    }

    #[allow(clippy::panic, reason = "the lag of a panic is measured")]
    fn seal(&self, _: &DemandId, _: &[u8]) -> SealedBytes {
        panic!("on purpose")
    }
}

fn panic_in(channel: &mut LiveChannel) {
    channel.normalizer = Arc::new(Panicking);
}
