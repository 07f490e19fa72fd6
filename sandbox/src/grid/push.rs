//! Pushes reports of the mobile platform to a receiver, each until the receiver accepts it. Sends some of
//! them again after that.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::sleep;

use crate::grid::report::Report;
use crate::grid::{ACCESS_KEY, Grid, Quirk, SECRET_KEY};
use crate::sign;
use crate::source::{Shared, Simulator};
use crate::time::http_date;

/// The number of attempts for one report before pushing fails.
const MAX_ATTEMPTS: u32 = 60;
/// The time between two attempts, unless the answer has a `Retry-After`.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a report with [`Quirk::Duplicate`] is sent again after it was accepted.
const DUPLICATES: usize = 3;

/// Counts of one call of [`push`](Simulator::push).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushCounts {
    /// Reports that the receiver accepted.
    pub accepted: u64,
    /// Requests that were sent.
    pub attempts: u64,
    /// Requests with another answer than 2xx, or without an answer.
    pub refused: u64,
    /// Accepted requests with a report that had been accepted before.
    pub repeated: u64,
}

impl Simulator<Grid> {
    /// Pushes the reports that were filed since the last push to `url`, in their newest states. Sends them
    /// one after the other, each until the answer is 2xx.
    ///
    /// # Errors
    /// If the receiver does not accept a report in sixty attempts.
    pub async fn push(&self, url: &str) -> anyhow::Result<PushCounts> {
        let (mut pushed, first) = (PushCounts::default(), self.lock().upstream.last_pushed);
        let waiting: Vec<u64> = {
            let shared = self.lock();
            let entries = shared.source.register.entries.iter();
            let new = entries.filter(|entry| entry.number > first && entry.deleted_at.is_none());
            new.map(|entry| entry.number).collect()
        };
        // The receiver is on this machine, so the client ignores a proxy in the environment.
        let client = Client::builder().no_proxy().build()?;
        let url = Url::parse(url)?;
        for number in waiting {
            self.push_until_accepted(&client, &url, number, &mut pushed).await?;
            let repeats = self.lock().source.behaviour.quirks.applies(Quirk::Duplicate, number);
            for _ in 0..if repeats { DUPLICATES } else { 0 } {
                self.push_until_accepted(&client, &url, number, &mut pushed).await?;
                pushed.accepted -= 1;
                pushed.repeated += 1;
            }
            self.lock().upstream.last_pushed = number;
        }
        Ok(pushed)
    }

    async fn push_until_accepted(
        &self,
        client: &Client,
        url: &Url,
        number: u64,
        pushed: &mut PushCounts,
    ) -> anyhow::Result<()> {
        for attempt in 0..MAX_ATTEMPTS {
            let request = self.request(client, url, number, attempt == 0)?;
            pushed.attempts += 1;
            let mut pause = PAUSE;
            if let Ok(answer) = request.send().await {
                if answer.status().is_success() {
                    pushed.accepted += 1;
                    return Ok(());
                }
                let seconds = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
                let seconds = seconds.and_then(|seconds| seconds.parse().ok());
                pause = seconds.map_or(PAUSE, Duration::from_secs);
            }
            pushed.refused += 1;
            sleep(pause).await;
        }
        bail!("{url} did not accept report {number} in {MAX_ATTEMPTS} attempts")
    }

    /// The signed request that sends a report in its newest state. Quirks apply only to the first attempt.
    fn request(
        &self,
        client: &Client,
        url: &Url,
        number: u64,
        is_first: bool,
    ) -> anyhow::Result<RequestBuilder> {
        let mut shared = self.lock();
        let Shared { upstream, source } = &mut *shared;
        upstream.n_attempts += 1;
        let quirks = &source.behaviour.quirks;
        let applies = |quirk| is_first && quirks.applies(quirk, upstream.n_attempts);
        let delay = TimeDelta::seconds(if applies(Quirk::Skewed) { 120 } else { 0 });
        let date = http_date(source.now() - delay);
        let entry = source.register.entry(number).context("the report was never filed")?;
        let row = Report::new(&source.behaviour, entry, entry.last()).row();
        let secret = if applies(Quirk::BadSignature) { "another" } else { SECRET_KEY };
        let query = url.query().unwrap_or_default();
        let signature = sign::x_bg_signature(secret, "POST", url.path(), query, ACCESS_KEY, &date);
        let request = client
            .post(url.clone())
            .header("content-type", "application/json;charset=UTF-8")
            .header("x-bg-hmac-access-key", ACCESS_KEY)
            .header("x-bg-hmac-algorithm", "hmac-sha256")
            .header("x-bg-date-time", date)
            .header("x-bg-hmac-signature", signature);
        Ok(request.body(row.to_string()))
    }
}
