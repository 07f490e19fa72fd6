//! What the processes of a service share through the store: leases and requests.
//!
//! Leases: only the process that holds the lease of an upstream reads it, so that its limits are kept. A lease
//! ends by the clock of the database, which all processes share. Each new holder gets a higher number, the
//! fence, and a position that was claimed with a fence cannot be moved with a lower one. So a process that has
//! not noticed the end of its lease can no longer move positions.
//!
//! Requests: what a command (`tonghui sync`, `pause`, …) asks of the process that reads a channel, and the
//! answer. That process looks for them twice a second.

use std::time::Duration;

use chrono::NaiveDate;
use contract::{ChannelId, DemandId, Fault, TimeRange};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Error;

use crate::store::{
    Database,
    database::sql::{Columns, NO_ROWS, Value, decode, int, without_nul},
};

/// A lease that this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Name of the upstream.
    pub upstream: String,
    /// Greater than the fence of every earlier holder, of any upstream.
    pub fence: u64,
    /// The last day on which any holder sent requests to the upstream, and their number on that day; `None` if
    /// nobody did.
    pub last_requests: Option<(NaiveDate, u32)>,
}

/// A lease in force, as other processes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Name of the upstream.
    pub upstream: String,
    /// The name of the holder.
    pub holder: String,
    /// Whether the holder is a service, which handles requests; a single run does not.
    pub serves: bool,
    /// The fence of its holder.
    pub fence: u64,
}

/// The result of claiming a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The caller holds it now.
    Ours(Lease),
    /// Another process holds it.
    Held(Holding),
    /// Another process held it, but has just given it back: try again.
    Lost,
}

impl Database {
    /// Takes the lease of `upstream` for `term` in the name of `holder`, if no other process holds it. `serves`
    /// says whether the holder is a service. If the lease has the fence `expired`, it is taken even though it
    /// has not ended: the caller knows that its holder has stopped.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn claim_lease(
        &self,
        upstream: &str,
        holder: &str,
        serves: bool,
        term: Duration,
        expired: Option<u64>,
    ) -> Result<Claim, Fault> {
        let values = [
            upstream.into(),
            holder.into(),
            Value::Bool(Some(serves)),
            millis(term).into(),
            expired.map_or(-1, int).into(),
        ];
        let ours = self.write("claim a lease", CLAIM, &values, lease).await?;
        if let Some(lease) = ours.into_iter().next() {
            return Ok(Claim::Ours(lease));
        }
        let held = self.leases().await?.into_iter().find(|held| held.upstream == upstream);
        Ok(held.map_or(Claim::Lost, Claim::Held))
    }

    /// Renews a lease for `term` from now; false if another process holds it.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn renew_lease(&self, lease: &Lease, term: Duration) -> Result<bool, Fault> {
        let values = [lease.upstream.as_str().into(), int(lease.fence).into(), millis(term).into()];
        let rows = self.write("renew a lease", RENEW, &values, NO_ROWS).await?;
        Ok(!rows.is_empty())
    }

    /// Sets the number of requests that were sent to the upstream on `day`.
    ///
    /// # Errors
    /// `Transient` if the lease has passed to another process, or the store cannot be reached.
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
        let rows = self.write("count requests", COUNT_REQUESTS, &values, NO_ROWS).await?;
        if rows.is_empty() {
            return Err(Fault::transient("another process holds the lease now")
                .at(format!("upstream {upstream}")));
        }
        Ok(())
    }

    /// Gives a lease back, so that no other process has to wait until it ends.
    ///
    /// # Errors
    /// The store cannot be reached; the lease ends by itself.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Fault> {
        let values = [lease.upstream.as_str().into(), int(lease.fence).into()];
        self.write("release a lease", RELEASE, &values, NO_ROWS).await?;
        Ok(())
    }

    /// All leases in force.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn leases(&self) -> Result<Vec<Holding>, Fault> {
        self.query("read the leases", LEASES, &[], holding).await
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Ends the lease of upstream $1 with fence $2.
const RELEASE: &str = "UPDATE lease SET until_ms = 0 WHERE upstream = $1 AND fence = $2";

/// Sets the number of requests to upstream $1 on day $3 to $4, if the lease has fence $2.
const COUNT_REQUESTS: &str =
    "UPDATE lease SET day = $3, requests = $4 WHERE upstream = $1 AND fence = $2
     RETURNING fence";

/// Takes the lease of upstream $1 for holder $2 ($3: whether it is a service) for $4 milliseconds, if the lease
/// has ended or has fence $5. The new fence is greater than that of any upstream, because a channel may move
/// from one upstream to another.
const CLAIM: &str = "INSERT INTO lease (upstream, holder, serves, fence, until_ms)
     VALUES ($1, $2, $3, (SELECT 1 + coalesce(max(fence), 0) FROM lease), {now} + $4)
     ON CONFLICT (upstream) DO UPDATE
     SET holder = $2, serves = $3, fence = (SELECT 1 + coalesce(max(fence), 0) FROM lease),
         until_ms = {now} + $4
     WHERE lease.until_ms <= {now} OR lease.fence = $5
     RETURNING upstream, fence, day, requests";

/// Makes the lease of upstream $1 with fence $2 end $3 milliseconds from now.
const RENEW: &str = "UPDATE lease SET until_ms = {now} + $3 WHERE upstream = $1 AND fence = $2
     RETURNING fence";

/// All leases in force.
const LEASES: &str = "SELECT upstream, holder, serves, fence FROM lease WHERE until_ms > {now}
     ORDER BY upstream";

fn lease(row: &dyn Columns) -> Result<Lease, Error> {
    let day = row.text("day")?.map(|day| day.parse()).transpose();
    let day: Option<NaiveDate> = day.map_err(|error| decode("day", error))?;
    let n_requests = row.count("requests")?;
    Ok(Lease {
        upstream: row.some_text("upstream")?,
        fence: row.count("fence")?,
        last_requests: day.map(|day| (day, u32::try_from(n_requests).unwrap_or(u32::MAX))),
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

/// The kinds of requests. Their names in lower case are stored, so they must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Read now, regardless of the schedule, until nothing more comes.
    Sync,
    /// Compare what the source has with what is stored; changes nothing.
    Reconcile,
    /// Map again the records of demands that an earlier mapping made.
    Replay,
    /// Map rejected records again.
    MapRejected,
    /// Pause until [`RequestKind::Resume`], even after a restart.
    Pause,
    /// End a pause.
    Resume,
    /// Read the configuration again. Each process answers for itself.
    Reload,
    /// End the waits after faults of a channel, or of all. Each process answers for itself.
    Retry,
    /// End the waits after faults of the sinks. Each process answers for itself.
    RetrySinks,
    /// Accept that demands have another shape from now on. The command that asks does this itself.
    Accept,
}

/// A request, done or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The number of the request.
    pub seq: i64,
    /// The channel; `None` for all channels.
    pub channel: Option<ChannelId>,
    /// What is requested.
    pub kind: RequestKind,
    /// For `Sync`: the time range to read again; `None` to read what is new. For `Reconcile` and `Replay`: the time
    /// range to compare, or to map again; `None` for everything.
    pub range: Option<TimeRange>,
    /// For `MapRejected`: the rejected record; `None` for all of the channel. (The column `stretch` holds it.)
    pub reject: Option<DemandId>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// No process has done it yet.
    Open,
    /// It was done; the text is the answer for the requester.
    Done(String),
    /// It cannot be done; the text says why.
    Failed(String),
}

impl Database {
    /// Adds a request; returns its number, for [`Database::request`]. See [`Request`] for the arguments;
    /// `asked_by` is the name of the requester.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn ask(
        &self,
        kind: RequestKind,
        channel: Option<&ChannelId>,
        range: Option<TimeRange>,
        asked_by: &str,
    ) -> Result<i64, Fault> {
        self.ask_about(kind, channel, range.map(|range| range.to_string()), asked_by).await
    }

    /// Adds a request to map a rejected record again, or all of a channel; returns its number.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn ask_to_map_rejected(
        &self,
        channel: &ChannelId,
        reject: Option<DemandId>,
        asked_by: &str,
    ) -> Result<i64, Fault> {
        let reject = reject.map(|id| id.to_string());
        self.ask_about(RequestKind::MapRejected, Some(channel), reject, asked_by).await
    }

    async fn ask_about(
        &self,
        kind: RequestKind,
        channel: Option<&ChannelId>,
        stretch: Option<String>,
        asked_by: &str,
    ) -> Result<i64, Fault> {
        let channel = Value::Text(channel.map(ChannelId::as_str));
        let stretch = Value::Text(stretch.as_deref());
        let kind = json!(kind);
        let values = [channel, Value::Text(kind.as_str()), asked_by.into(), stretch];
        let seq = self.write("make a request", ASK, &values, |row| row.some_int("seq")).await?;
        Ok(seq.first().copied().unwrap_or(0))
    }

    /// The requests that are not done yet, the oldest first. Those of a kind that only a newer program knows are left
    /// to it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_requests(&self) -> Result<Vec<Request>, Fault> {
        let requests = self.query("read the requests", OPEN, &[], request).await?;
        Ok(requests.into_iter().flatten().collect())
    }

    /// Records what became of the request with number `seq`.
    ///
    /// # Errors
    /// The store cannot be reached; the request is done again.
    pub async fn answer(&self, seq: i64, state: &RequestState) -> Result<(), Fault> {
        let (state, answer) = state.columns();
        let values = [seq.into(), state.into(), answer.as_str().into()];
        self.write("answer a request", ANSWER, &values, NO_ROWS).await?;
        Ok(())
    }

    /// What became of a request.
    ///
    /// # Errors
    /// The store cannot be read, or the request was deleted because it is old.
    pub async fn request(&self, seq: i64) -> Result<RequestState, Fault> {
        let state = self.query_first("read a request", STATE, &[seq.into()], state).await?;
        state.ok_or_else(|| Fault::stopped("the request was deleted").remedy("make it again"))
    }

    /// The channels that are paused.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn paused(&self) -> Result<Vec<ChannelId>, Fault> {
        self.query("read which channels are paused", PAUSED, &[], |row| row.channel()).await
    }

    /// Deletes requests that ended longer than `age` ago, and the answers to them. Those to pause, resume or accept
    /// stay: the last of them says how a channel is. The last one to all processes stays too, because SQLite would
    /// give its number again.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_requests(&self, age: Duration) -> Result<(), Fault> {
        self.write("delete old requests", DELETE, &[millis(age).into()], NO_ROWS).await?;
        self.write("delete old answers", DELETE_ANSWERS, &[], NO_ROWS).await?;
        Ok(())
    }
}

/// The requests that are not done, the oldest first.
const OPEN: &str =
    "SELECT seq, channel, kind, stretch FROM request WHERE state = 'open' ORDER BY seq";

const STATE: &str = "SELECT state, answer FROM request WHERE seq = $1";

/// The channels whose last request to pause or to resume was one to pause.
const PAUSED: &str = "SELECT channel FROM request r
     WHERE kind = 'pause' AND state = 'done' AND NOT EXISTS (
         SELECT 1 FROM request later WHERE later.channel = r.channel AND later.seq > r.seq
         AND later.kind IN ('pause', 'resume') AND later.state = 'done')
     ORDER BY channel";

/// Adds a request of kind $2 by $3 for channel $1 and time range $4.
const ASK: &str = "INSERT INTO request (channel, kind, asked_by, stretch, asked_ms, state)
     VALUES ($1, $2, $3, $4, {now}, 'open') RETURNING seq";

/// Sets the state of request $1 to $2, with answer $3.
const ANSWER: &str = "UPDATE request SET state = $2, answer = $3, ended_ms = {now} WHERE seq = $1";

/// Deletes requests that ended $1 milliseconds ago, or earlier.
const DELETE: &str = "DELETE FROM request WHERE ended_ms <= {now} - $1 AND (
     kind IN ('sync', 'reconcile', 'replay', 'maprejected')
     OR {to_all} AND seq < (SELECT max(seq) FROM request WHERE {to_all}))";

const DELETE_ANSWERS: &str =
    "DELETE FROM request_answer WHERE request NOT IN (SELECT seq FROM request)";

impl RequestState {
    /// Its name and its text, as they are stored.
    pub(super) fn columns(&self) -> (&'static str, String) {
        let (state, answer) = match self {
            Self::Open => ("open", ""),
            Self::Done(answer) => ("done", answer.as_str()),
            Self::Failed(why) => ("failed", why.as_str()),
        };
        // It may quote a source.
        (state, without_nul(answer))
    }
}

pub(super) fn request(row: &dyn Columns) -> Result<Option<Request>, Error> {
    let kind = row.text("kind")?.unwrap_or_default();
    let Ok(kind) = serde_json::from_value(kind.into()) else { return Ok(None) };
    let channel = row.text("channel")?.map(|name| name.parse()).transpose();
    let about = row.text("stretch")?;
    let (reject, range) =
        if kind == RequestKind::MapRejected { (about, None) } else { (None, about) };
    let reject = reject.map(|text| serde_json::from_value(text.into())).transpose();
    let range = range.map(|text| text.parse()).transpose();
    Ok(Some(Request {
        seq: row.int("seq")?.unwrap_or(0),
        channel: channel.map_err(|error| decode("channel", error))?,
        kind,
        range: range.map_err(|error: String| decode("stretch", error))?,
        reject: reject.map_err(|error| decode("stretch", error))?,
    }))
}

pub(super) fn state(row: &dyn Columns) -> Result<RequestState, Error> {
    let answer = row.text("answer")?.unwrap_or_default();
    Ok(match row.text("state")?.as_deref() {
        Some("done") => RequestState::Done(answer),
        Some("failed") => RequestState::Failed(answer),
        _ => RequestState::Open,
    })
}
