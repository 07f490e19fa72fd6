//! Reads a journal. The office's program appends a line for each new or changed demand: a key, a tab
//! and a JSON object. Lines are never changed.

use std::{collections::BTreeSet, io::SeekFrom, path::PathBuf, sync::Arc};

use contract::{
    Batch, Connector, ConnectorContext, Entry, Fault, Gate, PassEnd, Place, Reason, RecordKey,
    Revision, TextReport,
};
use document::Findings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader},
};

/// Maximum size of a line, in bytes. No more than this is read into memory.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The `[journal]` table of a channel file. Editors show these comments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The path of the file, absolute or relative to the folder of the channel.
    pub file: PathBuf,
}

/// The position in the source. It is stored, so it survives a crash.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position {
    /// The byte where the next line begins.
    next_byte: u64,
}

/// The connector. It has no position of its own: each read gets one.
pub struct Journal {
    file: PathBuf,
    gate: Arc<dyn Gate>,
}

impl Connector for Journal {
    const KIND: &'static str = "journal";
    type Config = Config;
    type Cursor = Position;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        Ok(Self { file: context.folder.join(config.file), gate: context.gate })
    }

    async fn read(
        &mut self,
        after: Option<&Position>,
        max: usize,
    ) -> Result<Batch<Position>, Fault> {
        let _permit = self.gate.enter().await?;
        let mut next_byte = after.map_or(0, |position| position.next_byte);
        let mut journal = self.open(next_byte).await?;
        let (mut entries, mut keys) = (Vec::new(), BTreeSet::new());
        let mut caught_up = false;
        while entries.len() < max {
            let mut line = Vec::new();
            let mut limited = (&mut journal).take(MAX_LINE_BYTES);
            let length = limited.read_until(b'\n', &mut line).await.map_err(|e| self.fault(e))?;
            if length as u64 == MAX_LINE_BYTES {
                return Err(Fault::stopped("a line is longer than 1 MiB"));
            }
            // A line without a line break is still being written: the next read finds it.
            if !line.ends_with(b"\n") {
                caught_up = true;
                break;
            }
            let entry = entry(&line, next_byte);
            // A batch contains a record at most once: its second state begins the next batch.
            if let Entry::Record(record) = &entry
                && !keys.insert(record.key.clone())
            {
                break;
            }
            entries.push(entry);
            next_byte += length as u64;
        }
        Ok(Batch {
            entries,
            upto: Position { next_byte },
            end: caught_up.then(PassEnd::default),
            trouble: Vec::new(),
        })
    }

    fn sample(&self, _name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        Ok(page.split_inclusive(|byte| *byte == b'\n').map(|line| entry(line, 0)).collect())
    }
}

impl Journal {
    async fn open(&self, at: u64) -> Result<BufReader<File>, Fault> {
        let mut file = File::open(&self.file).await.map_err(|error| self.fault(error))?;
        file.seek(SeekFrom::Start(at)).await.map_err(|error| self.fault(error))?;
        Ok(BufReader::new(file))
    }

    /// The file may become readable again, so the channel retries by itself.
    fn fault(&self, error: std::io::Error) -> Fault {
        Fault::transient("the journal cannot be read")
            .at(self.file.display().to_string())
            .because(error)
    }
}

/// A line as an entry. A bad line is not a fault: it goes to quarantine, and the others are read.
fn entry(line: &[u8], at: u64) -> Entry {
    record(line).unwrap_or_else(|reason| Entry::Unreadable {
        place: Place { key: None, revision: Revision::NONE, at: format!("byte {at}") },
        bytes: line.to_vec().into(),
        reason,
    })
}

fn record(line: &[u8]) -> Result<Entry, Reason> {
    let invalid = || Reason::new("no_line", "not a key, a tab and a JSON object in UTF-8");
    let text = std::str::from_utf8(line).map_err(|_| invalid())?;
    let (key, object) = text.trim_end().split_once('\t').ok_or_else(invalid)?;
    let mut findings = Findings::default();
    let tree = document::json(object, &mut findings).map_err(|_| invalid())?;
    if !tree.is_object() || !findings.is_empty() {
        return Err(invalid());
    }
    Ok(Entry::record(RecordKey::new(key), Revision::NONE, tree, TextReport::default()))
}
