//! The positions of channels and of backfills, and the reads and messages that the books compare with receipts.

use std::ops::Range;

use contract::{
    ChannelId, Checkpoints, Confirmed, Cursor, Digest, Fault, MappingNo, Obstacle, PassEnd,
    Position, SealedBytes, TimeRange, Timestamp,
};
use serde::Serialize;
use sqlx::Error;

use crate::store::{
    Database,
    database::{
        sql::{Columns, NO_ROWS, Row, Value, int, without_nul},
        transaction::Transaction,
    },
    exchange,
};

/// The progress of a channel, its fault and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: ChannelId,
    /// How often its position has moved.
    pub step: u64,
    /// When it was last read, even if nothing was new; `None` if never.
    pub last_read_at: Option<Timestamp>,
    /// The last fault, if no read has come after it; or else, that foreign messages came through its queue.
    pub fault: Option<String>,
    /// Whether the brake has stopped it since [`Database::accept_shape`].
    pub braked: bool,
    /// The number of its demands.
    pub demands: u64,
    /// The number of its records in quarantine that are not resolved.
    pub quarantined: u64,
    /// The account of its last pass that came to an end.
    pub pass: Option<PassEnd>,
}

/// The progress of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// How often its position has moved.
    pub step: u64,
    /// When it was last read, even if nothing was new; `None` if never.
    pub last_read_at: Option<Timestamp>,
    /// The account of its last pass that came to an end.
    pub pass: Option<PassEnd>,
    /// The position; `None` before the first read.
    pub cursor: Option<Cursor>,
}

impl Checkpoints for Database {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let values = [channel.as_str().into(), int(fence).into()];
        let read = |row: &dyn Columns| Ok((row.text("cursor")?, row.count("step")?));
        let rows = self.write("read a position", CLAIM, &values, read).await?;
        let row = rows.into_iter().next();
        let (cursor, step) = row.ok_or_else(|| lease_lost(self.place()))?;
        Ok(Position { cursor: cursor.map(Cursor::from_text), step, fence })
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let values = [channel.as_str().into(), int(fence).into(), int(n).into()];
        let read = |row: &dyn Columns| row.count("next_read_no");
        let rows = self.write("reserve read numbers", RESERVE, &values, read).await?;
        let next = *rows.first().ok_or_else(|| lease_lost(self.place()))?;
        Ok(next.saturating_sub(n)..next)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        // Exclusive, so that two processes cannot give the same number to two mappings.
        let mut tx = self.begin_exclusive("number a mapping").await?;
        let values = [channel.as_str().into(), fingerprint.0.as_slice().into()];
        let rows = tx.query(NUMBER_MAPPING, &values, |row| row.some_int("mapping")).await?;
        tx.commit().await?;
        let number = rows.first().and_then(|number| u32::try_from(*number).ok());
        number.map(MappingNo).ok_or_else(|| {
            Fault::stopped("the number of a mapping is out of range").at(self.place())
        })
    }

    async fn advance(&self, confirmed: &Confirmed) -> Result<(), Fault> {
        self.advance_in(confirmed, None).await
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        // The fault may quote a source.
        let text = without_nul(&fault.to_string());
        let is = |obstacle| Value::Bool(Some(fault.obstacle() == Some(obstacle)));
        let values = [
            channel.as_str().into(),
            text.as_str().into(),
            at.into(),
            is(Obstacle::File),
            is(Obstacle::Shape),
        ];
        self.write("note a fault", NOTE, &values, NO_ROWS).await?;
        Ok(())
    }

    async fn keep_exchange(
        &self,
        channel: &ChannelId,
        exchange: &SealedBytes,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let values = [channel.as_str().into(), at.into(), exchange.0.as_slice().into()];
        self.write("keep a failed exchange", exchange::KEEP, &values, NO_ROWS).await?;
        Ok(())
    }
}

impl Database {
    /// The status of each channel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn status(&self) -> Result<Vec<ChannelStatus>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(ChannelStatus {
                channel: row.channel()?,
                step: row.count("step")?,
                last_read_at: row.time("read_at")?,
                fault: row.text("fault")?.or(foreign(row.count("n_foreign")?)),
                braked: row.bool("braked")?.unwrap_or(false),
                demands: row.count("demands")?,
                quarantined: row.count("quarantined")?,
                pass: pass(row)?,
            })
        };
        self.query("read the status", STATUS, &[], read).await
    }

    /// Forgets all faults of channels whose files had problems, because the files were read again.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_broken(&self) -> Result<(), Fault> {
        self.write("forget old faults", FORGET_BROKEN, &[], NO_ROWS).await?;
        Ok(())
    }

    /// The progress of this channel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn progress(&self, channel: &ChannelId) -> Result<Progress, Fault> {
        let read = |row: &dyn Columns| {
            let (step, last_read_at) = (row.count("step")?, row.time("read_at")?);
            let cursor = row.text("cursor")?.map(Cursor::from_text);
            Ok(Progress { step, last_read_at, pass: pass(row)?, cursor })
        };
        let values = [channel.as_str().into()];
        let progress = self.query_first("read the progress", PROGRESS, &values, read).await?;
        Ok(progress.unwrap_or_default())
    }

    /// Like [`Checkpoints::advance`]. Moves the position of the backfill of `range`, or if it is `None`, the
    /// live position, which regular reads move.
    pub(super) async fn advance_in(
        &self,
        confirmed: &Confirmed,
        range: Option<&str>,
    ) -> Result<(), Fault> {
        let mut tx = self.begin("advance a position").await?;
        let live_step = match range {
            None => advance(&mut tx, confirmed).await?,
            Some(range) => advance_backfill(&mut tx, confirmed, range).await?,
        };
        let live_step = live_step.ok_or_else(|| position_moved(self.place()))?;
        write_read(&mut tx, confirmed, live_step).await?;
        tx.commit().await
    }
}

/// What to say about a channel with this number of unresolved foreign messages.
fn foreign(n_messages: u64) -> Option<String> {
    (n_messages > 0).then(|| {
        format!(
            "{n_messages} messages in its queue do not prove that this gateway published them; find out who may write \
             to the broker (`tonghui quarantine list`), then run `tonghui quarantine resolve ID --reason TEXT`"
        )
    })
}

/// Moves the position of a backfill; returns the step of the live position. `None` if another process holds
/// the lease, or if the position is not the one at which the read began.
async fn advance_backfill(
    tx: &mut Transaction<'_>,
    confirmed: &Confirmed,
    range: &str,
) -> Result<Option<i64>, Fault> {
    let (channel, from) = (confirmed.channel().as_str(), confirmed.from());
    let values = [channel.into(), int(from.fence).into()];
    let live = tx.query(LOCK_POSITION, &values, |row| row.some_int("step")).await?;
    let upto = confirmed.upto().as_str();
    let values = [channel.into(), range.into(), upto.into(), int(from.step).into()];
    let n_moved = tx.execute(MOVE_BACKFILL, &values).await?;
    Ok(live.first().copied().filter(|_| n_moved > 0))
}

/// Moves the live position; returns its new step. `None` if it is not the position at which the read began.
async fn advance(tx: &mut Transaction<'_>, confirmed: &Confirmed) -> Result<Option<i64>, Fault> {
    let (channel, from) = (confirmed.channel().as_str(), confirmed.from());
    if from.step == 0 {
        // A channel that has reserved no read numbers has no row yet.
        tx.execute(BEGIN, &[channel.into(), int(from.fence).into()]).await?;
    }
    let pass = confirmed.end().and_then(|end| serde_json::to_string(end).ok());
    let values = [
        confirmed.upto().as_str().into(),
        confirmed.read_at().into(),
        channel.into(),
        int(from.step).into(),
        int(from.fence).into(),
        Value::Text(pass.as_deref()),
    ];
    let step = tx.query(MOVE, &values, |row| row.some_int("step")).await?.first().copied();
    if let (Some(pass), Some(_)) = (pass.as_deref(), step) {
        let quarter = confirmed.read_at().timestamp().div_euclid(QUARTER_SECONDS);
        let values = [channel.into(), quarter.into(), confirmed.read_at().into(), pass.into()];
        tx.execute(KEEP_PASS, &values).await?;
    }
    Ok(step)
}

/// The account of the last pass; `None` if there is none, or if another version of the gateway wrote it.
pub(super) fn pass(row: &dyn Columns) -> Result<Option<PassEnd>, Error> {
    Ok(row.text("pass")?.and_then(|pass| serde_json::from_str(&pass).ok()))
}

/// Writes a read and its messages, which the books compare with receipts. `live_step` is the step of the live
/// position after the read. A read that returned nothing is not written.
pub(super) async fn write_read(
    tx: &mut Transaction<'_>,
    confirmed: &Confirmed,
    live_step: i64,
) -> Result<(), Fault> {
    let tally = confirmed.tally();
    if tally.read == 0 {
        return Ok(());
    }
    let key: Row<'_> = vec![
        ("channel", confirmed.channel().as_str().into()),
        ("read_no", int(confirmed.read_no().0).into()),
    ];
    let mut read = key.clone();
    read.extend([
        ("read_at", confirmed.read_at().into()),
        ("read", int(tally.read).into()),
        ("accepted", int(tally.accepted).into()),
        ("skipped", int(tally.skipped).into()),
        ("rejected", int(tally.rejected).into()),
        ("parts", int(confirmed.parts().len() as u64).into()),
        ("step", live_step.into()),
    ]);
    let parts = confirmed.parts().iter().map(|part| {
        let mut row = key.clone();
        row.extend([
            ("part", i64::from(part.part).into()),
            ("events", i64::from(part.events).into()),
            ("hash", part.hash.0.as_slice().into()),
        ]);
        row
    });
    for (template, rows) in [(READ, vec![read]), (PARTS, parts.collect())] {
        tx.write_rows(template, &rows).await.map_err(|failure| tx.fault(failure))?;
    }
    Ok(())
}

/// The fault if another process has claimed the position under a later lease.
pub(crate) fn lease_lost(place: &str) -> Fault {
    Fault::transient("another process holds the lease of this channel now").at(place)
}

/// The fault if the stored position is not the one at which the read began.
pub(crate) fn position_moved(place: &str) -> Fault {
    Fault::transient("another process moved the position").at(place)
}

/// Claims the position of channel $1 for the holder of fence $2, if no higher fence has claimed it. The
/// largest number is the fence of push channels, which have no lease ([`Position::UNLEASED`]): a channel that
/// was one may be claimed with any fence.
const CLAIM: &str =
    "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES ($1, 0, $2, {next_read})
     ON CONFLICT (channel) DO UPDATE SET fence = $2
     WHERE checkpoint.fence <= $2 OR checkpoint.fence = 9223372036854775807
     RETURNING cursor, step";

/// Reserves $3 read numbers of channel $1 for the holder of fence $2; returns the number after them.
const RESERVE: &str =
    "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES ($1, 0, $2, {next_read} + $3)
     ON CONFLICT (channel) DO UPDATE SET next_read_no = checkpoint.next_read_no + $3
     WHERE checkpoint.fence = $2 RETURNING next_read_no";

/// Returns the number of the mapping with fingerprint $2 of channel $1. A mapping that is new, or used again after
/// another, gets the next number.
const NUMBER_MAPPING: &str = "INSERT INTO mapping (channel, fingerprint, mapping)
     SELECT $1, $2, 1 + coalesce(max(mapping), 0) FROM mapping WHERE channel = $1
     ON CONFLICT (channel, fingerprint) DO UPDATE SET mapping = CASE mapping.mapping
         WHEN excluded.mapping - 1 THEN mapping.mapping ELSE excluded.mapping END
     RETURNING mapping";

/// Records fault $2 of channel $1 at time $3. $4: its file has problems; $5: the brake stopped it.
const NOTE: &str =
    "INSERT INTO checkpoint (channel, step, fence, next_read_no, fault, fault_at, broken, braked)
     VALUES ($1, 0, 0, {next_read}, $2, $3, $4, $5)
     ON CONFLICT (channel) DO UPDATE SET fault = $2, fault_at = $3, broken = $4,
     braked = checkpoint.braked OR $5";

const FORGET_BROKEN: &str =
    "UPDATE checkpoint SET fault = NULL, fault_at = NULL, broken = false WHERE broken";

const STATUS: &str = "SELECT c.channel, c.step, c.read_at, c.pass, c.braked, c.fault,
            (SELECT count(*) FROM demand d WHERE d.channel = c.channel) AS demands,
            (SELECT count(*) FROM quarantine q
             WHERE q.channel = c.channel AND q.resolved_at IS NULL) AS quarantined,
            (SELECT count(*) FROM quarantine q WHERE q.channel = c.channel
             AND q.resolved_at IS NULL AND q.reason = 'foreign') AS n_foreign
     FROM checkpoint c ORDER BY c.channel";

const PROGRESS: &str = "SELECT step, read_at, pass, cursor FROM checkpoint WHERE channel = $1";

/// Locks the live position of channel $1 with fence $2, so that no other process can claim the channel before
/// the transaction ends.
pub(super) const LOCK_POSITION: &str =
    "SELECT step FROM checkpoint WHERE channel = $1 AND fence = $2 {lock}";

/// Adds the position of channel $1 with fence $2, if there is none.
const BEGIN: &str = "INSERT INTO checkpoint (channel, step, fence, next_read_no)
     VALUES ($1, 0, $2, {next_read}) ON CONFLICT (channel) DO NOTHING";

/// Moves the position of channel $3 to cursor $1, read at $2, if it is at step $4 with fence $5. For a push
/// channel (the largest fence) the step does not matter. $6 is the account of the pass, if it has ended. A read ends
/// the fault that was noted before it.
const MOVE: &str = "UPDATE checkpoint SET cursor = $1, step = step + 1, read_at = $2,
            pass = coalesce($6, pass), fault = NULL, fault_at = NULL, broken = false
     WHERE channel = $3 AND (step = $4 OR fence = 9223372036854775807) AND fence = $5
     RETURNING step";

/// A quarter of an hour.
const QUARTER_SECONDS: i64 = 15 * 60;

/// Keeps the account $4 of the pass of channel $1 that ended at $3, in quarter $2, in place of an earlier one.
const KEEP_PASS: &str = "INSERT INTO pass_end (channel, quarter, ended_at, pass)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (channel, quarter) DO UPDATE SET ended_at = $3, pass = $4";

const READ: &str = "INSERT INTO read ({names}) {rows}";

const PARTS: &str = "INSERT INTO read_part ({names}) {rows}";

/// A backfill, which reads a time range of a channel again. It has its own position; its reads need the same
/// lease as regular reads, and the same books count them. (The column `stretch` holds the time range.)
#[derive(Debug, Clone)]
pub struct Backfill {
    store: Database,
    range: String,
}

impl Database {
    /// The backfill of `range`. If it was begun before and has not ended, it continues from its position.
    pub fn backfill(&self, range: TimeRange) -> Backfill {
        Backfill { store: self.clone(), range: range.to_string() }
    }
}

impl Backfill {
    /// Ends a backfill that has read everything: the next one of this range starts from the beginning.
    ///
    /// # Errors
    /// The store cannot be reached; the backfill has not ended.
    pub async fn end(&self, channel: &ChannelId) -> Result<(), Fault> {
        let values = [channel.as_str().into(), self.range.as_str().into()];
        self.store.write("end a backfill", END, &values, NO_ROWS).await?;
        Ok(())
    }
}

impl Checkpoints for Backfill {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        // This fails if another process holds the lease.
        self.store.load(channel, fence).await?;
        let read = |row: &dyn Columns| {
            let cursor = row.text("cursor")?.map(Cursor::from_text);
            Ok((cursor, row.count("step")?))
        };
        let values = [channel.as_str().into(), self.range.as_str().into()];
        let found = self.store.query_first("read a position", BACKFILL, &values, read).await?;
        let (cursor, step) = found.unwrap_or_default();
        Ok(Position { cursor, step, fence })
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        self.store.reserve(channel, fence, n).await
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        self.store.mapping(channel, fingerprint).await
    }

    async fn advance(&self, confirmed: &Confirmed) -> Result<(), Fault> {
        self.store.advance_in(confirmed, Some(&self.range)).await
    }

    /// Does nothing: whoever requested the backfill gets its fault, and regular reads go on.
    async fn note(&self, _: &ChannelId, _: &Fault, _: Timestamp) -> Result<(), Fault> {
        Ok(())
    }
}

const BACKFILL: &str = "SELECT cursor, step FROM backfill WHERE channel = $1 AND stretch = $2";

const END: &str = "DELETE FROM backfill WHERE channel = $1 AND stretch = $2";

/// Moves the backfill of range $2 of channel $1 to cursor $3, if it is at step $4. The first move adds the
/// row.
const MOVE_BACKFILL: &str = "INSERT INTO backfill (channel, stretch, cursor, step)
     SELECT $1, $2, $3, 1 WHERE $4 = 0
        OR EXISTS (SELECT 1 FROM backfill b WHERE b.channel = $1 AND b.stretch = $2)
     ON CONFLICT (channel, stretch) DO UPDATE SET cursor = $3, step = backfill.step + 1
     WHERE backfill.step = $4";
