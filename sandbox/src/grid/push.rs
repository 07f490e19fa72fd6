//! Pushing: every report is sent to the receiver until he takes it, some of them more often.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use serde_json::Value;
use tokio::time::sleep;

use crate::grid::report::Report;
use crate::grid::{ACCESS_KEY, Fault, Grid, SECRET_KEY};
use crate::sign;
use crate::source::Simulator;
use crate::source::site::Ask;
use crate::source::site::send;
use crate::when::http_date;

/// How often one report is sent before the platform gives up.
const ATTEMPTS: u32 = 60;
/// Between two attempts, unless the receiver names a time.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a report struck by [`Fault::Duplicate`] is sent after it was taken.
const DUPLICATES: usize = 3;

/// What came of pushing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Reports the receiver took.
    pub taken: u64,
    /// Requests sent for them.
    pub attempts: u64,
    /// Answers other than 2xx, and connections that failed.
    pub refused: u64,
    /// Reports sent again although they had been taken.
    pub repeated: u64,
}

impl Simulator<Grid> {
    /// Pushes what was filed since the last push, and every report in its newest state, into `url`
    /// (`http://host:port/path`), one after the other, each until it is answered with 2xx.
    ///
    /// # Errors
    /// When the receiver did not take a report in sixty attempts.
    pub async fn push(&self, url: &str) -> anyhow::Result<Pushed> {
        let (mut pushed, first) = (Pushed::default(), self.locked().upstream.pushed);
        let waiting: Vec<u64> = {
            let shared = self.locked();
            let entries = shared.office.register.entries().iter();
            let new = entries.filter(|entry| entry.number > first && entry.gone.is_none());
            new.map(|entry| entry.number).collect()
        };
        for number in waiting {
            self.until_taken(url, number, &mut pushed).await?;
            let repeats = self.locked().office.conduct.faults.strikes(Fault::Duplicate, number);
            for _ in 0..if repeats { DUPLICATES } else { 0 } {
                self.until_taken(url, number, &mut pushed).await?;
                pushed.taken -= 1;
                pushed.repeated += 1;
            }
            self.locked().upstream.pushed = number;
        }
        Ok(pushed)
    }

    async fn until_taken(&self, url: &str, number: u64, pushed: &mut Pushed) -> anyhow::Result<()> {
        for attempt in 0..ATTEMPTS {
            let (host, ask) = self.request(url, number, attempt == 0)?;
            pushed.attempts += 1;
            let mut pause = PAUSE;
            match send(&host, &ask).await {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    pushed.taken += 1;
                    return Ok(());
                }
                Ok(answer) => pause = retry_after(&answer.head).unwrap_or(PAUSE),
                Err(_) => {}
            }
            pushed.refused += 1;
            sleep(pause).await;
        }
        bail!("report {number} was not taken in {ATTEMPTS} attempts")
    }

    /// The signed request with a report in its newest state.
    fn request(&self, url: &str, number: u64, is_first: bool) -> anyhow::Result<(String, Ask)> {
        let mut shared = self.locked();
        let shared = &mut *shared;
        shared.upstream.attempts += 1;
        let office = &shared.office;
        let strikes =
            |fault| is_first && office.conduct.faults.strikes(fault, shared.upstream.attempts);
        let late = if strikes(Fault::Skewed) { TimeDelta::seconds(120) } else { TimeDelta::zero() };
        let date = http_date(office.now() - late);
        let entry = office.register.entry(number).context("a report that was never filed")?;
        let row: Value = Report::new(&office.conduct, entry, entry.last()).row();

        let rest = url.strip_prefix("http://").context("only http:// is spoken here")?;
        let (host, target) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = format!("/{path}");
        let secret = if strikes(Fault::BadSignature) { "another" } else { SECRET_KEY };
        let signature = sign::x_bg(secret, "POST", &path, query, ACCESS_KEY, &date);
        let headers = [
            ("content-type", "application/json;charset=UTF-8"),
            ("x-bg-hmac-access-key", ACCESS_KEY),
            ("x-bg-hmac-algorithm", "hmac-sha256"),
            ("x-bg-date-time", &date),
            ("x-bg-hmac-signature", &signature),
        ];
        let ask = Ask {
            method: "POST".to_owned(),
            path,
            query: query.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: row.to_string().into_bytes(),
        };
        Ok((format!("http://{host}"), ask))
    }
}

/// The seconds the receiver asks to wait.
fn retry_after(head: &str) -> Option<Duration> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    values.next().and_then(|(_, value)| value.trim().parse().ok()).map(Duration::from_secs)
}
