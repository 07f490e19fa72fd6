//! The statement of a day (日结对账单): what was read of one channel on one day, what became of it, and which demands
//! were first seen in it.
//!
//! Its canonical form is compact JSON with the fields in the order in which they stand here. `mac` is the HMAC by the bus
//! key of the canonical form without `mac`, so it covers every other field. The hash of a statement, which the one of the
//! next day has as `previous`, is the SHA-256 of the canonical form with `mac`: spaces and line breaks do not count.

mod doubts;
mod make;
mod page;
mod theirs;
mod verify;

use std::path::Path;

use chrono::NaiveDate;
use chrono_tz::Tz;
use contract::{ChannelId, Complete, DemandId, Digest, Fault, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sink::{bus::BusKey, store::BooksRow};

pub(crate) use make::{Request, make};
pub(crate) use page::draw;
pub(crate) use theirs::TheirKeys;
pub(crate) use verify::{Chain, Difference, Found, Named, Names, verify};

/// Maximum size of a statement, in KiB. A million demands take 70 MiB.
const MAX_FILE_KIB: u64 = 1 << 18;

/// A statement. Unknown fields and fields that occur twice are refused: nothing in it may be without proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// The version of the gateway that made it.
    pub(crate) gateway: String,
    pub(crate) channel: ChannelId,
    /// Display name of the channel; `None` if it is no longer configured.
    pub(crate) name: Option<String>,
    pub(crate) day: NaiveDate,
    /// The time zone whose day it is.
    pub(crate) zone: Tz,
    pub(crate) made_at: Timestamp,
    /// When the channel was last read. Before the end of the day: then a read of the day may not be counted yet.
    pub(crate) last_read_at: Option<Timestamp>,
    pub(crate) counts: Counts,
    /// Whether the books of these reads balance, as `books` says.
    pub(crate) balanced: Option<bool>,
    /// Foreign messages of any day that were not resolved when the statement was made.
    pub(crate) extra: u64,
    /// The last pass that ended on the day.
    pub(crate) last_pass: Option<Pass>,
    /// Number of demands that were first seen on the day.
    pub(crate) demands: u64,
    /// SHA-256 of the lines in `ids`, each with a line break.
    pub(crate) set_hash: String,
    /// These demands, sorted: the id, a space, and the digest of the first state.
    pub(crate) ids: Vec<String>,
    /// The hash of the statement of the day before; `None` if it follows no other.
    pub(crate) previous: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) mac: String,
}

/// The counts of the books of the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    read: u64,
    accepted: u64,
    skipped: u64,
    rejected: u64,
    published: u64,
    stored: u64,
    unchanged: u64,
    stale: u64,
    quarantined: u64,
    pub(crate) in_flight: u64,
    lost: u64,
    redelivered: u64,
}

/// The account of a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pass {
    ended_at: Timestamp,
    /// The source's own count, if it gives one.
    listed: Option<u64>,
    given: u64,
    distinct: Option<u64>,
    dropped: u64,
    complete: Complete,
    /// What is missing, in words.
    missing: Option<String>,
}

impl Statement {
    /// The same statement with its proof.
    fn prove(mut self, key: &BusKey) -> Result<Self, Fault> {
        self.mac.clear();
        self.mac = key.prove_statement(&self.canonical()?);
        Ok(self)
    }

    /// Reads a statement, as JSON or in its page, and checks its proof.
    ///
    /// # Errors
    /// It cannot be read, is not a statement, or was altered.
    pub(crate) fn read(path: &Path, key: &BusKey) -> Result<Self, Fault> {
        let place = path.display().to_string();
        let bytes = config::file_bytes(path, MAX_FILE_KIB).map_err(|why| {
            Fault::stopped("cannot read the statement").at(&*place).because(why).remedy(
                "name a file that `tonghui books statement` wrote, and that this account may read",
            )
        })?;
        // Mail programs and editors change the line ends.
        let text = normalizer_text::decode_file(&bytes).unwrap_or_default().replace("\r\n", "\n");
        Self::parse(&text, key).map_err(|fault| fault.at(place))
    }

    fn parse(text: &str, key: &BusKey) -> Result<Self, Fault> {
        let embedded = page::statement_in(text);
        let json = embedded.as_deref().unwrap_or(text);
        let statement: Self = serde_json::from_str(json).map_err(|error| {
            Fault::stopped("this is not a statement, or it was altered")
                .because(error)
                .remedy("name a file that `tonghui books statement` wrote")
        })?;
        let unproven = Self { mac: String::new(), ..statement.clone() };
        if !key.proves_statement(&unproven.canonical()?, &statement.mac) {
            return Err(Fault::stopped(
                "the statement does not verify: it was altered, or made with another bus key",
            )
            .remedy(
                "compare it with the copy that others have; use the key file of the gateway that made it",
            ));
        }
        if embedded.is_some() && draw(&statement)?.trim_end() != text.trim_end() {
            let version = &statement.gateway;
            return Err(Fault::stopped(format!(
                "the page does not show what the statement in it says, or gateway {version} draws it in another way"
            ))
            .remedy(format!("verify the JSON form, or verify the page with gateway {version}")));
        }
        Ok(statement)
    }

    /// Its hash, which the statement of the next day has as `previous`.
    pub(crate) fn hash(&self) -> Result<String, Fault> {
        Ok(hex::encode(Sha256::digest(self.canonical()?)))
    }

    fn canonical(&self) -> Result<Vec<u8>, Fault> {
        serde_json::to_vec(self).map_err(unwritable)
    }

    /// The statement as a JSON document.
    pub(crate) fn to_json(&self) -> Result<String, Fault> {
        serde_json::to_string_pretty(self).map_err(unwritable)
    }
}

fn unwritable(error: serde_json::Error) -> Fault {
    Fault::stopped("cannot write the statement as JSON").because(error)
}

/// The line of a demand in a statement.
fn line(id: &DemandId, digest: Digest) -> String {
    format!("{id} {}", hex::encode(digest.0))
}

fn set_hash(ids: &[String]) -> String {
    let mut hash = Sha256::new();
    for line in ids {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

impl Counts {
    fn of(books: &BooksRow) -> Self {
        Self {
            read: books.read,
            accepted: books.accepted,
            skipped: books.skipped,
            rejected: books.rejected,
            published: books.published,
            stored: books.stored,
            unchanged: books.unchanged,
            stale: books.stale,
            quarantined: books.quarantined,
            in_flight: books.in_flight,
            lost: books.lost,
            redelivered: books.redelivered,
        }
    }

    /// The counts with their names, in Chinese and English.
    fn named(&self) -> [(&'static str, &'static str, u64); 12] {
        [
            ("读取", "read", self.read),
            ("接受", "accepted", self.accepted),
            ("跳过", "skipped", self.skipped),
            ("拒绝", "rejected", self.rejected),
            ("发布", "published", self.published),
            ("入库", "stored", self.stored),
            ("未变", "unchanged", self.unchanged),
            ("过期", "stale", self.stale),
            ("隔离", "quarantined", self.quarantined),
            ("在途", "in flight", self.in_flight),
            ("丢失", "lost", self.lost),
            ("重复投递", "redelivered", self.redelivered),
        ]
    }
}

#[cfg(test)]
mod tests;
