//! What a request shows: its values, and whether its time is near enough.

use contract::Timestamp;
use http::request::Parts;

use super::{MISSING, Sent, SentTime, TWICE};
use crate::auth::{Request, TimeUnit};

/// The most digits of a time that are read.
const MAX_DIGITS: usize = 15;

impl SentTime {
    /// Checks that this time is near enough to now.
    pub(super) fn check(&self, text: &str, now: Timestamp) -> Result<(), &'static str> {
        let is_number = (1..=MAX_DIGITS).contains(&text.len())
            && !text.starts_with('0')
            && text.bytes().all(|byte| byte.is_ascii_digit());
        let sent = text.parse::<i64>().ok().filter(|_| is_number).ok_or("the time is no number")?;
        let window = i64::try_from(self.window.0.as_millis()).unwrap_or(i64::MAX);
        let is_near = |millis: i64| (now.timestamp_millis() - millis).abs() <= window;
        let (millis, other) = match self.unit {
            TimeUnit::S => (sent * 1_000, sent),
            TimeUnit::Ms => (sent, sent * 1_000),
        };
        if is_near(millis) {
            Ok(())
        } else if is_near(other) {
            Err("the time is in another unit than `unit` of `timestamp` says")
        } else {
            Err("the clocks differ by more than `window` of `timestamp`, or the request is old")
        }
    }
}

impl Sent {
    /// The value in a request. If it is there twice, nobody knows which of them others read.
    pub(super) fn value(&self, head: &Parts) -> Result<String, &'static str> {
        let mut values: Vec<String> = match self {
            Self::Header(name) => {
                let values = head.headers.get_all(name).iter();
                values.filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect()
            }
            Self::Param(name) => {
                let pairs = query(head).filter(|(key, _)| key == name);
                pairs.map(|(_, value)| value).collect()
            }
        };
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            (Some(_), false) => Err(TWICE),
            (None, _) => Err(MISSING),
        }
    }
}

/// The head of a request as its sender has signed it.
pub(super) fn request(head: &Parts) -> Request {
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query(head).collect(),
        headers: head.headers.iter().filter_map(text).collect(),
        body: Vec::new(),
    }
}

/// The parameters of the query, decoded.
fn query(head: &Parts) -> impl Iterator<Item = (String, String)> {
    let query = head.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned()
}
