//! Leases: one process reads an upstream, so that one holds its whole budget.
//!
//! A lease ends by the clock of the database, which all processes share. Its fence grows with every
//! holder, and a position that was claimed under a later fence cannot be moved under an earlier one:
//! a holder that slept through the end of its lease can harm nothing when it wakes.

use std::time::Duration;

use chrono::NaiveDate;
use contract::Fault;
use sqlx::Error;

use crate::store::{
    Database,
    database::sql::{Columns, InDialects, NOTHING, Value, decode, int},
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
    /// A lease with fence `expired` is taken though it has not ended: its holder is known to be gone.
    ///
    /// # Errors
    /// The store cannot be reached, or not be written.
    pub async fn claim_lease(
        &self,
        upstream: &str,
        holder: &str,
        serves: bool,
        period: Duration,
        expired: Option<u64>,
    ) -> Result<Claim, Fault> {
        let values = [
            upstream.into(),
            holder.into(),
            Value::Bool(Some(serves)),
            millis(period).into(),
            expired.map_or(-1, int).into(),
        ];
        let ours = self.write("claim a lease", &CLAIM, &values, lease).await?;
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
        let values =
            [lease.upstream.as_str().into(), int(lease.fence).into(), millis(period).into()];
        let rows = self.write("renew a lease", &RENEW, &values, NOTHING).await?;
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
        let values = [
            upstream.as_str().into(),
            int(*fence).into(),
            day.as_str().into(),
            i64::from(n_requests).into(),
        ];
        let rows = self.write("book requests", BOOK, &values, NOTHING).await?;
        if rows.is_empty() {
            return Err(Fault::transient("another process holds its lease now")
                .at(format!("upstream {upstream}")));
        }
        Ok(())
    }

    /// Gives a lease back, so that nobody has to wait for its end.
    ///
    /// # Errors
    /// The store cannot be reached; the lease ends by itself.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        let values = [lease.upstream.as_str().into(), int(lease.fence).into()];
        self.write("release a lease", RELEASE, &values, NOTHING).await?;
        Ok(())
    }

    /// Who holds what.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn leases(&self) -> Result<Vec<Holding>, Fault> {
        self.query("read the leases", &HELD, &[], holding).await
    }
}

fn millis(period: Duration) -> i64 {
    i64::try_from(period.as_millis()).unwrap_or(i64::MAX)
}

/// Ends the lease of $1 with fence $2.
const RELEASE: &str = "UPDATE lease SET until_ms = 0 WHERE upstream = $1 AND fence = $2";

/// Books $4 requests of $1 on day $3, for the holder of fence $2.
const BOOK: &str = "UPDATE lease SET day = $3, requests = $4 WHERE upstream = $1 AND fence = $2
     RETURNING fence";

/// Greater than any fence there is: a channel may move from one upstream to another.
const NEXT_FENCE: &str = "(SELECT 1 + coalesce(max(fence), 0) FROM lease)";

/// Takes the lease of $1 for $2, who serves ($3), for $4 ms, if it has ended or has fence $5.
static CLAIM: InDialects = InDialects::new(|dialect| {
    let now = dialect.now;
    format!(
        "INSERT INTO lease (upstream, holder, serves, fence, until_ms)
         VALUES ($1, $2, $3, {NEXT_FENCE}, {now} + $4)
         ON CONFLICT (upstream) DO UPDATE
         SET holder = $2, serves = $3, fence = {NEXT_FENCE}, until_ms = {now} + $4
         WHERE lease.until_ms <= {now} OR lease.fence = $5
         RETURNING upstream, fence, day, requests"
    )
});

/// Prolongs the lease of $1 with fence $2 by $3 ms from now.
static RENEW: InDialects = InDialects::new(|dialect| {
    let now = dialect.now;
    format!(
        "UPDATE lease SET until_ms = {now} + $3 WHERE upstream = $1 AND fence = $2 RETURNING fence"
    )
});

/// Who holds what.
static HELD: InDialects = InDialects::new(|dialect| {
    let now = dialect.now;
    format!(
        "SELECT upstream, holder, serves, fence FROM lease WHERE until_ms > {now}
         ORDER BY upstream"
    )
});

fn lease(row: &dyn Columns) -> Result<Lease, Error> {
    let day = row.text("day")?.map(|day| day.parse()).transpose();
    let day: Option<NaiveDate> = day.map_err(|error| decode("day", error))?;
    let n_requests = row.count("requests")?;
    Ok(Lease {
        upstream: row.some_text("upstream")?,
        fence: row.count("fence")?,
        booked: day.map(|day| (day, u32::try_from(n_requests).unwrap_or(u32::MAX))),
    })
}

fn holding(row: &dyn Columns) -> Result<Holding, Error> {
    Ok(Holding {
        upstream: row.some_text("upstream")?,
        holder: row.some_text("holder")?,
        serves: row.bool("serves")?.unwrap_or(false),
        fence: row.count("fence")?,
    })
}
