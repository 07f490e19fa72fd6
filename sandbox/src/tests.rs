//! Helpers for the tests of several modules: a hotline in its own folder, with a reader.

use std::time::Duration;

use chrono::NaiveDateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};

use crate::hotline::{Hotline, Row, Settings};
use crate::source::http::Request;
use crate::{Clock, Corpus, QuirkRates};

pub(crate) struct Fixture {
    pub(crate) hotline: Hotline,
    pub(crate) reader: SqliteConnection,
    pub(crate) clock: Clock,
    _folder: tempfile::TempDir,
}

/// 2026-10-09 10:30:00.
pub(crate) fn morning() -> NaiveDateTime {
    NaiveDateTime::parse_from_str("2026-10-09 10:30:00", "%F %T").unwrap()
}

pub(crate) async fn fixture(quirks: &str) -> Fixture {
    let clock = Clock::starting(morning());
    let quirks = QuirkRates::parse(quirks).unwrap();
    fixture_with(Settings { quirks, ..Settings::new(7, clock) }).await
}

pub(crate) async fn fixture_with(settings: Settings) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = settings.clock.clone();
    let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await.unwrap();
    let reader: SqliteConnectOptions = hotline.url().parse().unwrap();
    let reader = reader.busy_timeout(Duration::ZERO).connect().await.unwrap();
    Fixture { hotline, reader, clock, _folder: folder }
}

impl Fixture {
    /// Runs a statement as the reader. Returns the number of affected rows, or the error.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<u64, String> {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut self.reader).await;
        done.map(|done| done.rows_affected()).map_err(|error| error.to_string())
    }

    /// One value of each row, as text.
    pub(crate) async fn column(&mut self, sql: &str) -> Vec<Option<String>> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut self.reader).await.unwrap()
    }

    /// The last state of the case that was filed last.
    pub(crate) async fn last(&self) -> Row {
        self.hotline.case_history().await.unwrap().cases().last().unwrap().last().row.clone()
    }
}

/// A corpus of these texts.
pub(crate) fn texts(texts: &[&str]) -> Corpus {
    let piece = |text: &&str| crate::CorpusText { title: "题目".into(), content: (*text).into() };
    Corpus::Texts(texts.iter().map(piece).collect())
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, one on each line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Sends the request to `url`, an `http://host:port` without a path.
pub(crate) async fn send(url: &str, to_send: &Request) -> anyhow::Result<Answer> {
    let query =
        if to_send.query.is_empty() { String::new() } else { format!("?{}", to_send.query) };
    let target = format!("{url}{}{query}", to_send.path);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.request(to_send.method.parse()?, target);
    for (name, value) in &to_send.headers {
        request = request.header(name, value);
    }
    let answer = request.body(to_send.body.clone()).send().await?;
    let lines = answer
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let (status, head) = (answer.status().as_u16(), lines.collect());
    Ok(Answer { status, head, body: answer.bytes().await?.into() })
}
