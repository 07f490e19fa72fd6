//! Messages in flight: those of advanced reads that have no receipt and were not written off. A sink keeps a message
//! within seconds; one that is in flight for long waits for a sink that is slow or stopped, or its queue was deleted.

use contract::{ChannelId, Fault, MessageId, ReadNo, Timestamp};
use serde::Serialize;
use sqlx::Error;

use crate::store::{
    Database,
    audit::{self, AuditEntry},
    database::sql::{Columns, Value, decode},
};

/// The messages of a channel that are in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// The channel.
    pub channel: ChannelId,
    /// Their number.
    pub messages: u64,
    /// The number of their events.
    pub events: u64,
    /// When the oldest of them was read.
    pub oldest_at: Timestamp,
}

/// A message that is in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageInFlight {
    /// Its id.
    pub id: MessageId,
    /// The number of its events.
    pub events: u64,
    /// When it was read.
    pub read_at: Timestamp,
}

/// What was written off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WrittenOff {
    /// The number of messages.
    pub messages: u64,
    /// The number of their events.
    pub events: u64,
}

impl Database {
    /// What is in flight, for each channel that has something in flight.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn in_flight(&self) -> Result<Vec<Flight>, Fault> {
        self.query("read what is in flight", IN_FLIGHT, &[], Flight::read).await
    }

    /// The messages in flight of one channel, or of all channels if `channel` is `None`, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn messages_in_flight(
        &self,
        channel: Option<&ChannelId>,
    ) -> Result<Vec<MessageInFlight>, Fault> {
        let values = [Value::Text(channel.map(ChannelId::as_str))];
        self.query("read what is in flight", MESSAGES, &values, MessageInFlight::read).await
    }

    /// Writes off the messages in flight of `channel` that were read before `before`, although nobody knows whether
    /// what they contained is stored. Writes `entry` to the audit log, with their number before its detail, in the
    /// same transaction; nothing is written if there are none. One that arrives in spite of that is kept, and counts
    /// as kept.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn write_off_older(
        &self,
        channel: &ChannelId,
        before: Timestamp,
        mut entry: AuditEntry,
    ) -> Result<WrittenOff, Fault> {
        let mut tx = self.begin_exclusive("write off messages").await?;
        let values = [channel.as_str().into(), before.into()];
        let lost = tx.query(WRITE_OFF_OLDER, &values, |row| row.count("events")).await?;
        let done = WrittenOff { messages: lost.len() as u64, events: lost.iter().sum() };
        if done.messages > 0 {
            let WrittenOff { messages, events } = done;
            entry.detail = format!("{events} events of {messages} messages: {}", entry.detail);
            audit::append(&mut tx, &entry).await?;
            tx.commit().await?;
        }
        Ok(done)
    }
}

impl Flight {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        Ok(Self {
            channel: row.channel()?,
            messages: row.count("messages")?,
            events: row.count("events")?,
            oldest_at: row.some_time("oldest_at")?,
        })
    }
}

impl MessageInFlight {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let (read_no, part) = (ReadNo(row.count("read_no")?), row.some_int("part")?);
        let part = u32::try_from(part).map_err(|error| decode("part", error))?;
        Ok(Self {
            id: MessageId { channel: row.channel()?, read_no, part },
            events: row.count("events")?,
            read_at: row.some_time("read_at")?,
        })
    }
}

/// Compares the keys of messages and receipts, and reads nothing else of those that have one. For a million messages
/// that takes PostgreSQL less than a second; older ones are in the daily totals.
const IN_FLIGHT: &str = "SELECT p.channel, count(*) AS messages,
            CAST(sum(p.events) AS bigint) AS events, min(r.read_at) AS oldest_at
     FROM read_part p JOIN read r ON r.channel = p.channel AND r.read_no = p.read_no
     WHERE NOT p.lost AND NOT EXISTS (
         SELECT 1 FROM receipt q
         WHERE q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part)
     GROUP BY p.channel ORDER BY p.channel";

/// The messages in flight of channel $1, or of all.
const MESSAGES: &str = "SELECT p.channel, p.read_no, p.part, p.events, r.read_at
     FROM read_part p JOIN read r ON r.channel = p.channel AND r.read_no = p.read_no
     WHERE (CAST($1 AS text) IS NULL OR p.channel = $1) AND NOT p.lost AND NOT EXISTS (
         SELECT 1 FROM receipt q
         WHERE q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part)
     ORDER BY r.read_at, p.channel, p.read_no, p.part";

/// Writes off the messages in flight of channel $1 that were read before $2.
const WRITE_OFF_OLDER: &str = "UPDATE read_part SET lost = true
     WHERE channel = $1 AND NOT lost AND EXISTS (
         SELECT 1 FROM read r
         WHERE r.channel = read_part.channel AND r.read_no = read_part.read_no AND r.read_at < $2)
     AND NOT EXISTS (
         SELECT 1 FROM receipt q
         WHERE q.channel = read_part.channel AND q.read_no = read_part.read_no
         AND q.part = read_part.part)
     RETURNING events";
