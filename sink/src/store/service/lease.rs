//! Leases: one process reads an upstream, so that one holds its whole budget.
//!
//! A lease ends by the clock of the database, which all processes share. Its fence grows with every
//! holder, and a position that was claimed under a later fence cannot be moved under an earlier one:
//! a holder that slept through the end of its lease can harm nothing when it wakes.

use std::{sync::LazyLock, time::Duration};

use chrono::NaiveDate;
use contract::{ChannelId, Fault};
use sqlx::Error;

use crate::store::{
    Database, Postgres, Sqlite,
    database::either,
    database::row::{Columns, count, decode, int},
    database::shared_sql::{Small, Value},
};

/// A lease that this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Name of the upstream.
    pub upstream: String,
    /// Greater than that of any holder before, of whatever upstream.
    pub fence: u64,
    /// The last day on which requests of it were booked, and how many, by whichever holder.
    pub booked: Option<(NaiveDate, u32)>,
}

/// The lease of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Name of the upstream.
    pub upstream: String,
    /// Who it is, as it named itself.
    pub holder: String,
    /// It is a service, which takes requests.
    pub serves: bool,
    /// The fence it holds.
    pub fence: u64,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours.
    Ours(Lease),
    /// Somebody else has it.
    Held(Holding),
    /// It was free a moment ago, or is now: ask again.
    Lost,
}

impl Database {
    /// Takes the lease of `upstream` for `period`, for who calls itself `holder`; a service `serves`.
    /// A lease with fence `of_the_dead` is taken though it has not ended: its holder is known to be
    /// gone.
    ///
    /// # Errors
    /// The store cannot be reached, or not be written.
    pub async fn claim_lease(
        &self,
        upstream: &str,
        holder: &str,
        serves: bool,
        period: Duration,
        of_the_dead: Option<u64>,
    ) -> Result<Claim, Fault> {
        let values = [
            upstream.into(),
            holder.into(),
            Value::Bool(serves),
            millis(period),
            Value::Int(of_the_dead.map_or(-1, int)),
        ];
        let doing = "claim a lease";
        let claim = match self {
            Self::Sqlite(_) => &SQLITE.claim,
            Self::Postgres(_) => &POSTGRES.claim,
        };
        let ours = either!(self, store => store.write(doing, claim, &values, lease))?;
        if let Some(lease) = ours.into_iter().next() {
            return Ok(Claim::Ours(lease));
        }
        let held = self.leases().await?.into_iter().find(|held| held.upstream == upstream);
        Ok(held.map_or(Claim::Lost, Claim::Held))
    }

    /// Prolongs a lease to `period` from now; says whether it is still ours.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn renew_lease(&self, lease: &Lease, period: Duration) -> Result<bool, Fault> {
        let values = [lease.upstream.as_str().into(), Value::Int(int(lease.fence)), millis(period)];
        let renew = match self {
            Self::Sqlite(_) => &SQLITE.renew,
            Self::Postgres(_) => &POSTGRES.renew,
        };
        let read = |row: &dyn Columns| row.int("fence");
        let rows = either!(self, store => store.write("renew a lease", renew, &values, read))?;
        Ok(!rows.is_empty())
    }

    /// Books `n_requests` of the upstream on `day`, in place of what was booked before.
    ///
    /// # Errors
    /// `Transient` where the lease has passed to another process; the store cannot be reached.
    pub async fn book_requests(
        &self,
        lease: &Lease,
        day: NaiveDate,
        n_requests: u32,
    ) -> Result<(), Fault> {
        let Lease { upstream, fence, .. } = lease;
        let day = day.to_string();
        let (fence, n_requests) = (Value::Int(int(*fence)), Value::Int(n_requests.into()));
        let values = [upstream.as_str().into(), fence, day.as_str().into(), n_requests];
        let read = |row: &dyn Columns| row.int("fence");
        let rows = either!(self, store => store.write("book requests", BOOK, &values, read))?;
        if rows.is_empty() {
            return Err(Fault::transient("its lease has passed to another process")
                .at(format!("upstream {upstream}")));
        }
        Ok(())
    }

    /// Gives a lease back, so that nobody has to wait for its end.
    ///
    /// # Errors
    /// The store cannot be reached; the lease ends by itself.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        let values = [lease.upstream.as_str().into(), Value::Int(int(lease.fence))];
        either!(self, store => store.write("release a lease", RELEASE, &values, |_| Ok(())))?;
        Ok(())
    }

    /// Who holds what.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn leases(&self) -> Result<Vec<Holding>, Fault> {
        let held = match self {
            Self::Sqlite(_) => &SQLITE.held,
            Self::Postgres(_) => &POSTGRES.held,
        };
        either!(self, store => store.look("read the leases", held, &[], holding))
    }
}

fn millis(period: Duration) -> Value<'static> {
    Value::Int(i64::try_from(period.as_millis()).unwrap_or(i64::MAX))
}

/// The position was claimed under another lease.
pub(crate) fn lease_lost(channel: &ChannelId, place: &str) -> Fault {
    Fault::transient("the lease of this channel has passed to another process")
        .at(format!("channel {channel}, {place}"))
}

/// The position is not where the read began.
pub(crate) fn moved_elsewhere(channel: &ChannelId, place: &str) -> Fault {
    Fault::transient("position moved by another process").at(format!("channel {channel}, {place}"))
}

/// Claims the position of channel $1 for the holder of fence $2; one that was unleased may be claimed
/// by whoever has a lease.
pub(crate) const CLAIM_POSITION: &str =
    "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES ($1, 0, $2, 1)
     ON CONFLICT (channel) DO UPDATE SET fence = $2
     WHERE checkpoint.fence <= $2 OR checkpoint.fence = 9223372036854775807
     RETURNING cursor, step";

/// Moves the position of channel $3 to cursor $1, read at $2, if it is at step $4 under fence $5.
pub(crate) const MOVE_POSITION: &str =
    "UPDATE checkpoint SET cursor = $1, step = step + 1, read_at = $2
     WHERE channel = $3 AND (step = $4 OR fence = 9223372036854775807) AND fence = $5
     RETURNING step";

/// Reserves $3 read numbers of channel $1 for the holder of fence $2; gives the number after them.
pub(crate) const RESERVE: &str =
    "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES ($1, 0, $2, 1 + $3)
     ON CONFLICT (channel) DO UPDATE SET next_read_no = checkpoint.next_read_no + $3
     WHERE checkpoint.fence = $2 RETURNING next_read_no";

/// Ends the lease of $1 with fence $2.
const RELEASE: &str = "UPDATE lease SET until_ms = 0 WHERE upstream = $1 AND fence = $2";

/// Books $4 requests of $1 on day $3, for the holder of fence $2.
const BOOK: &str = "UPDATE lease SET day = $3, requests = $4 WHERE upstream = $1 AND fence = $2
     RETURNING fence";

static SQLITE: LazyLock<Statements> = LazyLock::new(|| Statements::new(Sqlite::NOW));
static POSTGRES: LazyLock<Statements> = LazyLock::new(|| Statements::new(Postgres::NOW));

/// The statements of a database whose clock is `now`.
struct Statements {
    /// Takes the lease of $1 for $2, who serves ($3), for $4 ms, if it has ended or has fence $5.
    claim: String,
    /// Prolongs the lease of $1 with fence $2 by $3 ms from now.
    renew: String,
    /// Who holds what.
    held: String,
}

impl Statements {
    fn new(now: &str) -> Self {
        // One more than any there is: a channel may move from one upstream to another.
        let fence = "(SELECT 1 + coalesce(max(fence), 0) FROM lease)";
        Self {
            claim: format!(
                "INSERT INTO lease (upstream, holder, serves, fence, until_ms)
                 VALUES ($1, $2, $3, {fence}, {now} + $4)
                 ON CONFLICT (upstream) DO UPDATE
                 SET holder = $2, serves = $3, fence = {fence}, until_ms = {now} + $4
                 WHERE lease.until_ms <= {now} OR lease.fence = $5
                 RETURNING upstream, fence, day, requests"
            ),
            renew: format!(
                "UPDATE lease SET until_ms = {now} + $3 WHERE upstream = $1 AND fence = $2
                 RETURNING fence"
            ),
            held: format!(
                "SELECT upstream, holder, serves, fence FROM lease WHERE until_ms > {now}
                 ORDER BY upstream"
            ),
        }
    }
}

fn lease(row: &dyn Columns) -> Result<Lease, Error> {
    let day = row.text("day")?.map(|day| day.parse()).transpose();
    let day: Option<NaiveDate> = day.map_err(|error| decode("day", error))?;
    let n_requests = count(row.int("requests")?.unwrap_or(0));
    Ok(Lease {
        upstream: row.text("upstream")?.unwrap_or_default(),
        fence: count(row.int("fence")?.unwrap_or(0)),
        booked: day.map(|day| (day, u32::try_from(n_requests).unwrap_or(u32::MAX))),
    })
}

fn holding(row: &dyn Columns) -> Result<Holding, Error> {
    Ok(Holding {
        upstream: row.text("upstream")?.unwrap_or_default(),
        holder: row.text("holder")?.unwrap_or_default(),
        serves: row.bool("serves")?.unwrap_or(false),
        fence: count(row.int("fence")?.unwrap_or(0)),
    })
}
