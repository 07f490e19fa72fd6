//! The audit log: who viewed or erased personal values, or changed something that matters.
//!
//! Its rows are a chain: each has a hash of its own content and of the number and hash of the row before it, and the end
//! of the chain is kept too. So a row that was altered, removed or inserted no longer fits. The hashes are made with the
//! bus key, so whoever may write to the store, but has no key file, cannot make others that fit. He can only bring back
//! an earlier state of the log with the end that it had then, or of before it had a key; a hash that was noted elsewhere
//! is then missing from it. Without a key, rows have plain hashes, as in earlier versions.

use std::collections::BTreeMap;

use contract::{ChannelId, Fault, Timestamp};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::Error;

use super::{
    Database,
    database::{
        sql::{Columns, NO_ROWS, Value},
        transaction::Transaction,
    },
};
use crate::bus::BusKey;

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it was done.
    pub at: Timestamp,
    /// Who did it: the name of an account, or of a user of this machine.
    pub who: String,
    /// What was done: `reveal`, `erase`, `rotate`, …
    pub action: String,
    /// To what it was done: names, ids and tokens; never a personal value.
    pub subject: String,
    /// Further facts, such as numbers and reasons.
    pub detail: String,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number; later rows have greater ones.
    pub seq: i64,
    /// What it says.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Its hash, in hexadecimal digits; `None` in rows of earlier versions.
    pub hash: Option<String>,
}

/// What a check of the audit log has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditCheck {
    /// The number of its rows.
    pub rows: u64,
    /// How many rows, the oldest ones, have plain hashes or none: whoever may write to the store can make such rows.
    pub unproven: u64,
    /// The hash of its last row, in hexadecimal digits; empty if it has no rows.
    pub end: String,
    /// The first thing that is wrong with it.
    pub flaw: Option<String>,
}

impl Database {
    /// Writes an entry of the audit log.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn write_audit(&self, entry: &AuditEntry) -> Result<(), Fault> {
        let mut tx = self.begin("write the audit log").await?;
        append(&mut tx, entry).await?;
        tx.commit().await
    }

    /// The newest `limit` entries of the audit log, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>, Fault> {
        let values = [i64::from(limit).into()];
        self.query("read the audit log", NEWEST, &values, AuditEntry::read).await
    }

    /// The rows of the audit log with numbers above `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_rows(&self, after: i64) -> Result<Vec<AuditRow>, Fault> {
        let read = |row: &dyn Columns| {
            let ChainedRow { seq, entry, hash } = ChainedRow::read(row)?;
            Ok(AuditRow { seq, entry, hash: hash.map(hex::encode) })
        };
        self.query("read the audit log", ROWS_AFTER, &[after.into()], read).await
    }

    /// The channels of which [`AuditEntry::GUESSING`] was reported after `since`, and when it was reported last.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn guesses(&self, since: Timestamp) -> Result<BTreeMap<ChannelId, Timestamp>, Fault> {
        let values = [AuditEntry::GUESSING.into(), since.into()];
        let read = |row: &dyn Columns| Ok((row.channel()?, row.some_time("at")?));
        let rows = self.query("read the audit log", GUESSES, &values, read).await?;
        Ok(rows.into_iter().collect())
    }

    /// The hash of the last row of the audit log, in hexadecimal digits; `None` if nothing was ever written to it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_end(&self) -> Result<Option<String>, Fault> {
        let end = self.query_first("read the audit log", END, &[], hash).await?.flatten();
        Ok(end.map(|end| hex::encode(End::read(&end).hash)))
    }

    /// Whether a row of the audit log has this hash, in hexadecimal digits.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn has_audit_row(&self, hash: &str) -> Result<bool, Fault> {
        let hash = hex::decode(hash).unwrap_or_default();
        let values = [hash.as_slice().into()];
        let rows = self.query("read the audit log", WITH_HASH, &values, NO_ROWS).await?;
        Ok(!rows.is_empty())
    }

    /// Checks that no row of the audit log was altered, removed or inserted. `noted` is the [`AuditCheck::end`] of
    /// an earlier check: the log must still contain that row.
    ///
    /// # Errors
    /// The store cannot be read, or this process lacks the key that proves the rows.
    pub async fn check_audit(&self, noted: Option<&str>) -> Result<AuditCheck, Fault> {
        let action = "check the audit log";
        loop {
            let before = self.query(action, END, &[], hash).await?;
            let rows = self.query(action, ROWS, &[], ChainedRow::read).await?;
            // Otherwise somebody has written to it in between.
            if self.query(action, END, &[], hash).await? == before {
                let end = before.into_iter().flatten().next();
                let hashes = rows.iter().filter_map(|row| row.hash.as_deref());
                if self.audit_key().is_none() && hashes.chain(end.as_deref()).any(is_proof) {
                    return Err(no_key(self.place()));
                }
                return Ok(check(&rows, end.as_deref(), self.audit_key(), noted));
            }
        }
    }
}

/// Appends an entry to the audit log.
pub(super) async fn append(tx: &mut Transaction<'_>, entry: &AuditEntry) -> Result<(), Fault> {
    // Two rows must not follow the same one.
    tx.lock_others_out().await?;
    let (key, place) = tx.audit_key();
    let end = tx.query(END, &[], hash).await?.into_iter().flatten().next();
    let previous = match &end {
        Some(end) => End::read(end),
        // Rows of earlier versions have no hashes. The first one with a hash covers all of them.
        None => {
            let rows = tx.query(ROWS, &[], ChainedRow::read).await?;
            let chain = |previous: Vec<u8>, row: &ChainedRow| {
                hash_of(None, &End::plain(&previous), &row.entry)
            };
            End::plain(&rows.iter().fold(Vec::new(), chain))
        }
    };
    let previous = match (&key, is_proof(&previous.hash)) {
        (None, true) => return Err(no_key(&place)),
        // The end was changed by hand. Nothing fits to this, so every check finds it from now on.
        (Some(key), true) if !previous.is_proved(key) => End::plain(b"changed by hand"),
        _ => previous,
    };
    let hash = hash_of(key.as_ref(), &previous, entry);
    let [who, action, subject, detail] = entry.texts().map(Value::from);
    let seq = {
        let values = [entry.at.into(), who, action, subject, detail, hash.as_slice().into()];
        tx.query(APPEND, &values, |row| row.some_int("seq")).await?
    };
    let end = match &key {
        None => hash,
        Some(key) => {
            let seq = seq.first().copied().unwrap_or(0);
            End { hash, seq, proof: Vec::new() }.write(key)
        }
    };
    tx.execute(SET_END, &[end.as_slice().into()]).await?;
    Ok(())
}

/// The fault of a process without the bus key.
fn no_key(place: &str) -> Fault {
    Fault::stopped("the audit log is proved with the bus key, which this process does not have")
        .at(place)
        .remedy(
            "let this account read the key file that gateway.toml names, or name a file under [keys] that \
             `tonghui key bus FILE` has written",
        )
}

/// The first byte of a hash that a key proves; the others are the MAC. A plain hash has no such byte, and is shorter.
const PROVED: u8 = 1;

/// The length of a hash that a key proves.
const PROOF_LENGTH: usize = 33;

/// Whether a hash, or an end, was made with a key.
fn is_proof(hash: &[u8]) -> bool {
    hash.len() >= PROOF_LENGTH && hash.first() == Some(&PROVED)
}

/// The end of the chain: its last row.
#[derive(Default)]
struct End {
    hash: Vec<u8>,
    /// The number of the row; 0 if its hash is plain.
    seq: i64,
    /// Proves hash and number: in the table, an earlier row has no such proof.
    proof: Vec<u8>,
}

impl End {
    fn plain(hash: &[u8]) -> Self {
        Self { hash: hash.to_vec(), ..Self::default() }
    }

    /// Reads what is stored: the hash, and if a key proves it, the number and the proof after it.
    fn read(stored: &[u8]) -> Self {
        if !is_proof(stored) {
            return Self::plain(stored);
        }
        let (hash, rest) = stored.split_at(PROOF_LENGTH);
        let Some((seq, proof)) = rest.split_first_chunk::<8>() else { return Self::plain(hash) };
        Self { hash: hash.to_vec(), seq: i64::from_be_bytes(*seq), proof: proof.to_vec() }
    }

    /// What is stored.
    fn write(&self, key: &BusKey) -> Vec<u8> {
        let proof = self.proof(key).finalize().into_bytes();
        [self.hash.as_slice(), self.seq.to_be_bytes().as_slice(), proof.as_slice()].concat()
    }

    fn is_proved(&self, key: &BusKey) -> bool {
        self.proof(key).verify_slice(&self.proof).is_ok()
    }

    fn proof(&self, key: &BusKey) -> Hmac<Sha256> {
        let mut mac = key.begin(b"tonghui audit end\0");
        mac.update(&self.seq.to_be_bytes());
        mac.update(&self.hash);
        mac
    }
}

/// The hash of the row with this entry that follows the one at `previous`: proved by the key, or plain without one.
fn hash_of(key: Option<&BusKey>, previous: &End, entry: &AuditEntry) -> Vec<u8> {
    let mut content = previous.hash.clone();
    content.extend(entry.at.timestamp_micros().to_be_bytes());
    for text in entry.texts() {
        content.extend((text.len() as u64).to_be_bytes());
        content.extend(text.as_bytes());
    }
    let Some(key) = key else { return Sha256::digest(&content).to_vec() };
    let mut mac = key.begin(b"tonghui audit row\0");
    mac.update(&previous.seq.to_be_bytes());
    mac.update(&(previous.hash.len() as u64).to_be_bytes());
    mac.update(&content);
    [[PROVED].as_slice(), mac.finalize().into_bytes().as_slice()].concat()
}

/// Checks the chain of these rows, all that there are. `end` is what is stored of its end.
fn check(
    rows: &[ChainedRow],
    end: Option<&[u8]>,
    key: Option<&BusKey>,
    noted: Option<&str>,
) -> AuditCheck {
    let (mut last, mut is_chained, mut unproven) = (End::default(), false, 0);
    let mut flaw: Option<String> = None;
    for ChainedRow { seq, entry, hash } in rows {
        let is_proved = hash.as_deref().is_some_and(is_proof);
        let due = hash_of(key.filter(|_| is_proved), &last, entry);
        // Only rows of earlier versions, which come first, may have none; and only rows before the first one that
        // the key proves may have a plain one.
        let fits = hash.as_ref().map_or(!is_chained, |hash| *hash == due);
        if !fits || (is_proof(&last.hash) && !is_proved) {
            flaw.get_or_insert_with(|| {
                format!(
                    "row {seq} was altered or inserted, or a row before it was altered or removed"
                )
            });
        }
        is_chained |= hash.is_some();
        unproven += u64::from(!is_proved);
        let seq = if is_proved { *seq } else { 0 };
        last = End { hash: hash.clone().unwrap_or(due), seq, proof: Vec::new() };
    }
    let is_whole = match end.map(End::read) {
        None => !is_chained,
        Some(end) => {
            let is_proved = key.is_none_or(|key| !is_proof(&end.hash) || end.is_proved(key));
            (&end.hash, end.seq) == (&last.hash, last.seq) && is_proved
        }
    };
    if !is_whole {
        flaw.get_or_insert_with(|| {
            "the last rows were removed, renumbered, or rows inserted after them".to_owned()
        });
    }
    let has = |noted: &str| {
        rows.iter().filter_map(|row| row.hash.as_ref()).any(|hash| hex::encode(hash) == noted)
    };
    if !noted.is_none_or(has) {
        flaw.get_or_insert_with(|| "it has no row with the noted hash".to_owned());
    }
    AuditCheck { rows: rows.len() as u64, unproven, end: hex::encode(last.hash), flaw }
}

impl AuditEntry {
    /// The action of an entry that says that a sender of the channel in `subject` tries out numbers.
    pub const GUESSING: &str = "guessing";

    fn texts(&self) -> [&str; 4] {
        [&self.who, &self.action, &self.subject, &self.detail]
    }

    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            at: row.some_time("at")?,
            who: row.some_text("who")?,
            action: row.some_text("action")?,
            subject: row.some_text("subject")?,
            detail: row.some_text("detail")?,
        })
    }
}

/// A row of the audit log, with its place in the chain.
struct ChainedRow {
    seq: i64,
    entry: AuditEntry,
    hash: Option<Vec<u8>>,
}

impl ChainedRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self { seq: row.some_int("seq")?, entry: AuditEntry::read(row)?, hash: hash(row)? })
    }
}

fn hash(row: &dyn Columns) -> Result<Option<Vec<u8>>, Error> {
    row.bytes("hash")
}

const APPEND: &str = "INSERT INTO audit (at, who, action, subject, detail, hash)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq";

/// The newest rows, $1 at most.
const NEWEST: &str =
    "SELECT at, who, action, subject, detail FROM audit ORDER BY seq DESC LIMIT $1";

/// The channels of the rows with action $1 after $2, the last row last.
const GUESSES: &str = "SELECT subject AS channel, at FROM audit
     WHERE action = $1 AND at > $2 ORDER BY seq";

const ROWS: &str = "SELECT seq, at, who, action, subject, detail, hash FROM audit ORDER BY seq";

/// The rows with numbers above $1.
const ROWS_AFTER: &str = "SELECT seq, at, who, action, subject, detail, hash FROM audit
     WHERE seq > $1 ORDER BY seq";

const WITH_HASH: &str = "SELECT 1 FROM audit WHERE hash = $1 LIMIT 1";

const END: &str = "SELECT hash FROM audit_end";

const SET_END: &str =
    "INSERT INTO audit_end (id, hash) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET hash = $1";
