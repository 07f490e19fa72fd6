//! Quarantine: records and messages that could not be kept as demands, one row for each id.
//!
//! An event that cannot be read is kept with its text only if it has the envelope of our events: in those, personal
//! values are sealed. The envelope proves nothing against a forger, so it does not count in a foreign message. Of
//! anything else only length and SHA-256 are kept, because it may contain personal values in plain text.

use contract::{
    ChannelId, Delivery, Demand, DemandId, Fault, MappingNo, Reason, Reject, Revision, SealedBytes,
    Timestamp, Version,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::Error;

use crate::store::{
    Database,
    database::sql::{Columns, Value, without_nul},
};

/// The reason of a [foreign](contract::Message::foreign) message, which statements of the books and the status name.
pub(crate) const FOREIGN: &str = "foreign";

/// A row in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Computed from channel and key, or from the bytes if the key could not be read.
    pub id: DemandId,
    /// The channel that it came through.
    pub channel: ChannelId,
    /// The key of the source, if it could be read.
    pub source_key: Option<String>,
    /// The newest version that was not accepted.
    pub version: Version,
    /// Why it was not accepted, as a code.
    pub reason: String,
    /// Why it was not accepted, in words.
    pub detail: String,
    /// Where it was in the source.
    pub place: String,
    /// The id of the message in which it came.
    pub message: String,
    /// The record as the source sent it, compressed and sealed; `None` if it was too large, could not be read
    /// from its message, or was erased.
    pub raw: Option<SealedBytes>,
    /// The text of the event or of the whole message body, if it has the envelope of our events and this release
    /// cannot use it; never of a foreign message.
    pub event: Option<String>,
    /// When it was first read from the source; `None` if the message could not be read.
    pub first_seen_at: Option<Timestamp>,
    /// When it was last read from the source; `None` if the message could not be read.
    pub last_seen_at: Option<Timestamp>,
    /// How often it came; redeliveries do not count.
    pub times_seen: u64,
    /// When a newer valid state of the same record was read, or somebody resolved it by hand. `None`: somebody must
    /// still correct the record.
    pub resolved_at: Option<Timestamp>,
}

impl Database {
    /// The unresolved rows of one channel, or of all channels if it is `None`; the newest `limit` rows, the
    /// newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        let values = [Value::Text(channel.map(ChannelId::as_str)), i64::from(limit).into()];
        self.query("list the quarantine", QUARANTINE_LIST, &values, Quarantined::read).await
    }

    /// The row in quarantine with this id, resolved or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        let values = [Value::Id(*id)];
        self.query_first("read the quarantine", QUARANTINE_SHOW, &values, Quarantined::read).await
    }
}

/// The unresolved rows of channel $1 or of all, $2 at most.
const QUARANTINE_LIST: &str = "SELECT * FROM quarantine
     WHERE resolved_at IS NULL AND (CAST($1 AS text) IS NULL OR channel = $1)
     ORDER BY last_seen_at DESC NULLS LAST, seq DESC LIMIT $2";

const QUARANTINE_SHOW: &str = "SELECT * FROM quarantine WHERE id = $1";

impl Quarantined {
    /// Whether a valid state with this version is a newer one than the rejected state, or, if it `is_again`, that state,
    /// mapped again. Otherwise a state with the same version is another record of the same read with this key, and says
    /// nothing of the rejected one. If the rejected state has no revision, only the read decides: a revision that could
    /// not be read may be greater than all others.
    pub(crate) fn is_resolved_by(&self, valid: Version, is_again: bool) -> bool {
        let Version { revision, read_no, mapping } = self.version;
        let order = if revision == Revision::NONE {
            (valid.read_no, valid.mapping).cmp(&(read_no, mapping))
        } else {
            valid.cmp(&self.version)
        };
        order.is_gt() || is_again && order.is_eq()
    }

    /// A record that the ingest side rejected.
    pub(crate) fn of_reject(delivery: &Delivery, reject: &Reject) -> Self {
        Self {
            id: reject.id,
            source_key: reject.source_key.as_ref().map(|key| without_nul(key.as_str())),
            version: reject.version,
            reason: without_nul(&reject.reason.code),
            detail: without_nul(&reject.reason.detail),
            place: without_nul(&reject.place),
            raw: reject.raw.clone(),
            ..Self::of_message(delivery, Some(reject.origin.read_at))
        }
    }

    /// A demand that the store cannot keep.
    pub(crate) fn of_demand(delivery: &Delivery, demand: &Demand, reason: Reason) -> Self {
        let key = without_nul(demand.source_key.as_str());
        Self {
            id: DemandId::of(&delivery.message.id.channel, &demand.source_key),
            place: format!("record {key}"),
            source_key: Some(key),
            version: demand.version,
            reason: reason.code.into_owned(),
            detail: reason.detail,
            raw: Some(demand.raw.clone()),
            ..Self::of_message(delivery, Some(demand.origin.read_at))
        }
    }

    /// Bytes that cannot be read as an event, or the body of a message with a wrong id. `code` and `why` say
    /// why they are in quarantine.
    pub(crate) fn of_bytes(delivery: &Delivery, bytes: &[u8], code: &str, why: &str) -> Self {
        let hash = Sha256::digest(bytes);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let detail = format!("{why}; {} bytes, sha-256 {hash}", bytes.len());
        Self {
            id: DemandId::of_bytes(&delivery.message.id.channel, bytes),
            reason: code.to_owned(),
            detail: without_nul(&detail),
            event: std::str::from_utf8(bytes)
                .ok()
                .filter(|text| !delivery.message.is_foreign() && is_our_event(text))
                .map(str::to_owned),
            ..Self::of_message(delivery, None)
        }
    }

    /// A row with the facts that a message says about all its events. The caller sets the others.
    fn of_message(delivery: &Delivery, seen_at: Option<Timestamp>) -> Self {
        let message = &delivery.message.id;
        Self {
            id: DemandId::of_bytes(&message.channel, &[]),
            channel: message.channel.clone(),
            source_key: None,
            version: Version {
                revision: Revision::NONE,
                read_no: message.read_no,
                mapping: MappingNo(0),
            },
            reason: String::new(),
            detail: String::new(),
            place: format!("message {message}"),
            message: message.to_string(),
            raw: None,
            event: None,
            first_seen_at: seen_at,
            last_seen_at: seen_at,
            times_seen: 1,
            resolved_at: None,
        }
    }

    pub(super) fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            id: row.demand_id()?,
            channel: row.channel()?,
            source_key: row.text("source_key")?,
            version: row.version()?,
            reason: row.some_text("reason")?,
            detail: row.some_text("detail")?,
            place: row.some_text("place")?,
            message: row.some_text("message")?,
            raw: row.sealed("raw")?,
            event: row.text("event")?,
            first_seen_at: row.time("first_seen_at")?,
            last_seen_at: row.time("last_seen_at")?,
            times_seen: row.count("times_seen")?,
            resolved_at: row.time("resolved_at")?,
        })
    }

    /// Merges another row with the same id. The newer version says what is wrong; both are counted.
    pub(crate) fn merge(&mut self, other: Self) {
        let times_seen = self.times_seen + other.times_seen;
        let first_seen_at = earliest(self.first_seen_at, other.first_seen_at);
        let last_seen_at = self.last_seen_at.max(other.last_seen_at);
        if other.version > self.version {
            *self = other;
        }
        self.times_seen = times_seen;
        self.first_seen_at = first_seen_at;
        self.last_seen_at = last_seen_at;
    }
}

/// The columns that are taken from the newer version when two rows are merged.
const DESCRIPTION: [&str; 10] = [
    "revision",
    "read_no",
    "mapping",
    "reason",
    "detail",
    "place",
    "message",
    "raw",
    "event",
    "resolved_at",
];

/// The ON CONFLICT clause that merges a row with the one that has its id already, as [`Quarantined::merge`] does.
pub(crate) fn on_conflict() -> String {
    let description = DESCRIPTION.map(|name| {
        format!(
            "{name} = CASE
             WHEN (excluded.revision, excluded.read_no, excluded.mapping)
                > (quarantine.revision, quarantine.read_no, quarantine.mapping)
             THEN excluded.{name} ELSE quarantine.{name} END"
        )
    });
    // The earlier and the later of two times; if one is null, the other one.
    let seen_at = [("first_seen_at", "<"), ("last_seen_at", ">")].map(|(name, sign)| {
        format!(
            "{name} = CASE WHEN quarantine.{name} {sign} excluded.{name} THEN quarantine.{name}
             ELSE coalesce(excluded.{name}, quarantine.{name}) END"
        )
    });
    format!(
        "ON CONFLICT (id) DO UPDATE SET {}, {},
         times_seen = quarantine.times_seen + excluded.times_seen",
        description.join(", "),
        seen_at.join(", ")
    )
}

/// The earlier of two times; if only one is known, that one.
fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether the text is an event, or a batch of events, with the envelope of our events.
fn is_our_event(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Envelope {
        specversion: String,
        r#type: String,
    }
    impl Envelope {
        fn is_our_event(&self) -> bool {
            self.specversion == "1.0" && self.r#type.starts_with("tonghui.")
        }
    }
    match serde_json::from_str::<Vec<Envelope>>(text) {
        Ok(events) => !events.is_empty() && events.iter().all(Envelope::is_our_event),
        Err(_) => serde_json::from_str::<Envelope>(text).is_ok_and(|event| event.is_our_event()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_ours_keep_their_bytes() {
        assert!(is_our_event(r#"{"specversion":"1.0","type":"tonghui.demand.v2","data":{}}"#));
        assert!(is_our_event(r#"[{"specversion":"1.0","type":"tonghui.demand.v2"}]"#));
        for foreign in [
            r#"{"name":"plain"}"#,
            r#"[{"specversion":"1.0","type":"tonghui.demand.v2"},{"name":"plain"}]"#,
            r#"{"specversion":"1.0","type":"other"}"#,
            "[]",
            "\u{0}garbage",
        ] {
            assert!(!is_our_event(foreign), "{foreign} was kept");
        }
    }
}
