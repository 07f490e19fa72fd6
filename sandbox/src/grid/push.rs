//! Pushing: every report is sent until the receiver accepts it, some of them more often.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::sleep;

use crate::grid::report::Report;
use crate::grid::{ACCESS_KEY, Grid, Quirk, SECRET_KEY};
use crate::sign;
use crate::source::{Shared, Simulator};
use crate::when::http_date;

/// Attempts for one report before the platform gives up.
const ATTEMPTS: u32 = 60;
/// Time between two attempts, unless the receiver names one.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a report with [`Quirk::Duplicate`] is sent after it was accepted.
const DUPLICATES: usize = 3;

/// The result of pushing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Reports that the receiver accepted.
    pub taken: u64,
    /// Requests sent for them.
    pub attempts: u64,
    /// Answers other than 2xx, and connections that failed.
    pub refused: u64,
    /// Reports sent again although they had been accepted.
    pub repeated: u64,
}

impl Simulator<Grid> {
    /// Pushes what was filed since the last push, every report in its newest state, to `url`, one
    /// after the other, each until the answer is 2xx.
    ///
    /// # Errors
    /// When the receiver did not accept a report in sixty attempts.
    pub async fn push(&self, url: &str) -> anyhow::Result<Pushed> {
        let (mut pushed, first) = (Pushed::default(), self.locked().upstream.pushed);
        let waiting: Vec<u64> = {
            let shared = self.locked();
            let entries = shared.source.register.entries.iter();
            let new = entries.filter(|entry| entry.number > first && entry.gone.is_none());
            new.map(|entry| entry.number).collect()
        };
        // A receiver is on this machine, never behind a proxy of the environment.
        let client = Client::builder().no_proxy().build()?;
        let url = Url::parse(url)?;
        for number in waiting {
            self.until_taken(&client, &url, number, &mut pushed).await?;
            let repeats = self.locked().source.behaviour.faults.strikes(Quirk::Duplicate, number);
            for _ in 0..if repeats { DUPLICATES } else { 0 } {
                self.until_taken(&client, &url, number, &mut pushed).await?;
                pushed.taken -= 1;
                pushed.repeated += 1;
            }
            self.locked().upstream.pushed = number;
        }
        Ok(pushed)
    }

    async fn until_taken(
        &self,
        client: &Client,
        url: &Url,
        number: u64,
        pushed: &mut Pushed,
    ) -> anyhow::Result<()> {
        for attempt in 0..ATTEMPTS {
            let request = self.request(client, url, number, attempt == 0)?;
            pushed.attempts += 1;
            let mut pause = PAUSE;
            if let Ok(answer) = request.send().await {
                if answer.status().is_success() {
                    pushed.taken += 1;
                    return Ok(());
                }
                let seconds = answer.headers().get("retry-after").and_then(|it| it.to_str().ok());
                let seconds = seconds.and_then(|seconds| seconds.parse().ok());
                pause = seconds.map_or(PAUSE, Duration::from_secs);
            }
            pushed.refused += 1;
            sleep(pause).await;
        }
        bail!("report {number} was not taken in {ATTEMPTS} attempts")
    }

    /// The signed request with a report in its newest state.
    fn request(
        &self,
        client: &Client,
        url: &Url,
        number: u64,
        is_first: bool,
    ) -> anyhow::Result<RequestBuilder> {
        let mut shared = self.locked();
        let Shared { upstream, source } = &mut *shared;
        upstream.attempts += 1;
        let strikes = |quirk| is_first && source.behaviour.faults.strikes(quirk, upstream.attempts);
        let late = if strikes(Quirk::Skewed) { TimeDelta::seconds(120) } else { TimeDelta::zero() };
        let date = http_date(source.now() - late);
        let entry = source.register.entry(number).context("a report that was never filed")?;
        let row = Report::new(&source.behaviour, entry, entry.last()).row();
        let secret = if strikes(Quirk::BadSignature) { "another" } else { SECRET_KEY };
        let query = url.query().unwrap_or_default();
        let signature = sign::x_bg(secret, "POST", url.path(), query, ACCESS_KEY, &date);
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
