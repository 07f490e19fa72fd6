//! Requests: what somebody asks the process that holds a channel to do, and what became of it.
//!
//! They go through the database because that is where all processes meet; whoever holds the lease
//! of a channel looks for them twice a second.

use std::time::Duration;

use contract::{ChannelId, Fault, TimeRange};
use serde::Serialize;
use sqlx::Error;

use crate::store::{
    Database,
    database::sql::{Columns, InDialects, NOTHING, Value, decode},
};

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Read now, whatever the schedule says, until caught up.
    Sync,
    /// Pause until resumed, also after a restart: answered as soon as asked, it is a state.
    Pause,
    /// Go on.
    Resume,
    /// Read the configuration again.
    Reload,
    /// Take the shape that its records will have for the right one: answered as soon as asked.
    Accept,
}

/// Something that was asked and is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names it.
    pub seq: i64,
    /// Of which channel; of all where there is none.
    pub channel: Option<ChannelId>,
    /// What.
    pub kind: RequestKind,
    /// The stretch of time that is to be read again; none for what is new.
    pub range: Option<TimeRange>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has done it yet.
    Open,
    /// Done; the answer is for whoever asked.
    Done(String),
    /// Cannot be done, and why.
    Failed(String),
}

impl Database {
    /// Asks; gives the number to look for.
    ///
    /// # Errors
    /// The store cannot be reached, or not be written.
    pub async fn ask(
        &self,
        kind: RequestKind,
        channel: Option<&ChannelId>,
        range: Option<TimeRange>,
        asked_by: &str,
    ) -> Result<i64, Fault> {
        let channel = Value::Text(channel.map(ChannelId::as_str));
        let stretch = range.map(|range| range.to_string());
        let stretch = Value::Text(stretch.as_deref());
        let values = [channel, kind.word().into(), asked_by.into(), stretch];
        let seq = self.write("ask", &ASK, &values, |row| row.some_int("seq")).await?;
        Ok(seq.first().copied().unwrap_or(0))
    }

    /// What is asked and not done yet, in the order of asking.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_requests(&self) -> Result<Vec<Request>, Fault> {
        self.query("read the requests", OPEN, &[], request).await
    }

    /// The number of the last request of this kind, whatever became of it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_request(&self, kind: RequestKind) -> Result<Option<i64>, Fault> {
        let (values, read) = ([kind.word().into()], |row: &dyn Columns| row.int("seq"));
        Ok(self.query_first("read the requests", LAST, &values, read).await?.flatten())
    }

    /// Tells whoever asked what became of it.
    ///
    /// # Errors
    /// The store cannot be reached; it is done again.
    pub async fn answer(&self, seq: i64, became: &RequestState) -> Result<(), Fault> {
        let (state, answer) = match became {
            RequestState::Open => ("open", ""),
            RequestState::Done(answer) => ("done", answer.as_str()),
            RequestState::Failed(why) => ("failed", why.as_str()),
        };
        let answer = answer.replace('\0', "␀"); // what a source said may be in it
        let values = [seq.into(), state.into(), answer.as_str().into()];
        self.write("answer a request", &ANSWER, &values, NOTHING).await?;
        Ok(())
    }

    /// What became of a request.
    ///
    /// # Errors
    /// The store cannot be read, or it was asked long ago.
    pub async fn request(&self, seq: i64) -> Result<RequestState, Fault> {
        let found = self.query_first("read a request", STATE, &[seq.into()], state).await?;
        found.ok_or_else(|| Fault::stopped("the request is no longer recorded"))
    }

    /// The channels that were told to pause and not to resume.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn paused(&self) -> Result<Vec<ChannelId>, Fault> {
        self.query("read what is paused", PAUSED, &[], |row| row.channel()).await
    }

    /// Deletes requests to sync that ended longer than `age` ago. Requests to pause and to resume stay:
    /// the last of them is the state of the channel.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_requests(&self, age: Duration) -> Result<(), Fault> {
        let values = [i64::try_from(age.as_millis()).unwrap_or(i64::MAX).into()];
        self.write("forget old requests", &FORGET, &values, NOTHING).await?;
        Ok(())
    }
}

impl RequestKind {
    const ALL: [Self; 5] = [Self::Sync, Self::Pause, Self::Resume, Self::Reload, Self::Accept];

    fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reload => "reload",
            Self::Accept => "accept",
        }
    }
}

const OPEN: &str =
    "SELECT seq, channel, kind, stretch FROM request WHERE state = 'open' ORDER BY seq";

const LAST: &str = "SELECT max(seq) AS seq FROM request WHERE kind = $1";

const STATE: &str = "SELECT state, answer FROM request WHERE seq = $1";

const PAUSED: &str = "SELECT channel FROM request r
     WHERE kind = 'pause' AND state = 'done' AND NOT EXISTS (
         SELECT 1 FROM request later WHERE later.channel = r.channel AND later.seq > r.seq
         AND later.kind IN ('pause', 'resume') AND later.state = 'done')
     ORDER BY channel";

/// $3 asks $2 of channel $1, for stretch $4.
static ASK: InDialects = InDialects::new(|dialect| {
    format!(
        "INSERT INTO request (channel, kind, asked_by, stretch, asked_ms, state)
         VALUES ($1, $2, $3, $4, {now}, 'open') RETURNING seq",
        now = dialect.now
    )
});

/// $1 became $2, with answer $3.
static ANSWER: InDialects = InDialects::new(|dialect| {
    let now = dialect.now;
    format!("UPDATE request SET state = $2, answer = $3, ended_ms = {now} WHERE seq = $1")
});

/// Those that ended $1 milliseconds ago, or earlier.
static FORGET: InDialects = InDialects::new(|dialect| {
    let now = dialect.now;
    format!("DELETE FROM request WHERE kind = 'sync' AND ended_ms <= {now} - $1")
});

fn request(row: &dyn Columns) -> Result<Request, Error> {
    let kind = row.text("kind")?.unwrap_or_default();
    let channel = row.text("channel")?.map(|name| name.parse()).transpose();
    let range = row.text("stretch")?.map(|text| text.parse()).transpose();
    Ok(Request {
        seq: row.int("seq")?.unwrap_or(0),
        channel: channel.map_err(|error| decode("channel", error))?,
        kind: RequestKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .ok_or_else(|| decode("kind", "unknown word"))?,
        range: range.map_err(|error: String| decode("stretch", error))?,
    })
}

fn state(row: &dyn Columns) -> Result<RequestState, Error> {
    let answer = row.text("answer")?.unwrap_or_default();
    Ok(match row.text("state")?.as_deref() {
        Some("done") => RequestState::Done(answer),
        Some("failed") => RequestState::Failed(answer),
        _ => RequestState::Open,
    })
}
