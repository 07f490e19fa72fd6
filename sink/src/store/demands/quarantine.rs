//! What could not be kept as a demand, one row per key.
//!
//! The bytes of an unreadable event are kept only if our normaliser wrote it: then personal values in
//! it are sealed. Of anything else only length and SHA-256 are kept, because it may contain personal
//! values in plain text.

use contract::{
    ChannelId, Delivery, Demand, DemandId, MappingNo, Reason, Reject, Revision, Timestamp, Version,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A row of quarantine as one intake sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trouble<'a> {
    pub(crate) id: DemandId,
    pub(crate) channel: ChannelId,
    pub(crate) source_key: Option<String>,
    pub(crate) version: Version,
    pub(crate) reason: Reason,
    pub(crate) place: String,
    pub(crate) message: String,
    pub(crate) raw: Option<&'a [u8]>,
    pub(crate) event: Option<&'a str>,
    /// `None` where the message does not say when it was read.
    pub(crate) first_seen_at: Option<Timestamp>,
    pub(crate) last_seen_at: Option<Timestamp>,
    pub(crate) times_seen: i64,
    /// When a newer good state was seen, if it was seen before.
    pub(crate) resolved_at: Option<Timestamp>,
}

impl<'a> Trouble<'a> {
    /// A record that the ingest side rejected.
    pub(crate) fn rejected(delivery: &Delivery, reject: &'a Reject) -> Self {
        Self {
            id: reject.id,
            source_key: reject.source_key.as_ref().map(|key| printable(key.as_str())),
            version: reject.version,
            reason: Reason {
                code: printable(&reject.reason.code).into(),
                detail: printable(&reject.reason.detail),
            },
            place: printable(&reject.place),
            raw: reject.raw.as_ref().map(|sealed| sealed.0.as_slice()),
            ..Self::of_message(delivery, Some(reject.origin.read_at))
        }
    }

    /// A demand that the store cannot take.
    pub(crate) fn refused(delivery: &Delivery, demand: &'a Demand, reason: Reason) -> Self {
        let key = printable(demand.source_key.as_str());
        Self {
            id: DemandId::of(&delivery.message.id.channel, &demand.source_key),
            place: format!("record {key}"),
            source_key: Some(key),
            version: demand.version,
            reason,
            raw: Some(&demand.raw.0),
            ..Self::of_message(delivery, Some(demand.origin.read_at))
        }
    }

    /// Bytes that are not an event this version can read, or a message that cannot be right.
    pub(crate) fn unreadable(
        delivery: &Delivery,
        bytes: &'a [u8],
        code: &'static str,
        why: &str,
    ) -> Self {
        let hash = Sha256::digest(bytes);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let detail = format!("{why}; {} bytes, sha-256 {hash}", bytes.len());
        Self {
            id: DemandId::of_bytes(&delivery.message.id.channel, bytes),
            reason: Reason::new(code, printable(&detail)),
            event: std::str::from_utf8(bytes).ok().filter(|text| is_ours(text)),
            ..Self::of_message(delivery, None)
        }
    }

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
            reason: Reason::new("unreadable", ""),
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

    /// Merges another row of the same key in the same intake: the newest version describes it.
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

/// The columns that the newest version sets.
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

/// The end of an INSERT, for a key that is in quarantine already: an older version is only counted.
pub(crate) fn on_conflict() -> String {
    let described = DESCRIPTION.map(|name| {
        format!(
            "{name} = CASE
             WHEN (excluded.revision, excluded.read_no, excluded.mapping)
                > (quarantine.revision, quarantine.read_no, quarantine.mapping)
             THEN excluded.{name} ELSE quarantine.{name} END"
        )
    });
    // The earlier and the later time; the other one where one is null.
    let seen_at = [("first_seen_at", "<"), ("last_seen_at", ">")].map(|(name, sign)| {
        format!(
            "{name} = CASE WHEN quarantine.{name} {sign} excluded.{name} THEN quarantine.{name}
             ELSE coalesce(excluded.{name}, quarantine.{name}) END"
        )
    });
    format!(
        "ON CONFLICT (id) DO UPDATE SET {}, {},
         times_seen = quarantine.times_seen + excluded.times_seen",
        described.join(", "),
        seen_at.join(", ")
    )
}

/// The earlier of two moments, where both are known.
pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether the bytes are an event, or a batch of events, that our normaliser wrote.
fn is_ours(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Envelope {
        specversion: String,
        r#type: String,
    }
    impl Envelope {
        fn is_ours(&self) -> bool {
            self.specversion == "1.0" && self.r#type.starts_with("tonghui.")
        }
    }
    match serde_json::from_str::<Vec<Envelope>>(text) {
        Ok(events) => !events.is_empty() && events.iter().all(Envelope::is_ours),
        Err(_) => serde_json::from_str::<Envelope>(text).is_ok_and(|event| event.is_ours()),
    }
}

/// Quarantine must accept everything, so a NUL becomes the symbol for it.
fn printable(text: &str) -> String {
    text.replace('\0', "␀")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_ours_keep_their_bytes() {
        assert!(is_ours(r#"{"specversion":"1.0","type":"tonghui.demand.v2","data":{}}"#));
        assert!(is_ours(r#"[{"specversion":"1.0","type":"tonghui.demand.v2"}]"#));
        for foreign in [
            r#"{"name":"plain"}"#,
            r#"[{"specversion":"1.0","type":"tonghui.demand.v2"},{"name":"plain"}]"#,
            r#"{"specversion":"1.0","type":"other"}"#,
            "[]",
            "\u{0}garbage",
        ] {
            assert!(!is_ours(foreign), "{foreign} was kept");
        }
    }
}
