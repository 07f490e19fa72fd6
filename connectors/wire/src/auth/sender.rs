//! The signature of a request that somebody sends to us. The settings describe it with the words of `sign`, the
//! signature of our own requests.

use chrono::TimeDelta;
use contract::{Fault, Period, Secret, Timestamp};
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    Algorithm, DigestFormat, Fields, Request, SignedPart, TimeUnit, merge_tables, parts,
    signable::Signable,
};

/// The longest difference between the clock of a sender and ours that may be set, in seconds: what DingTalk allows.
const MAX_WINDOW: u64 = 3_600;
/// The most digits of a time that are read.
const MAX_DIGITS: usize = 15;
/// The fewest bytes of a key: as many as the characters of a secret that is not decoded.
const MIN_KEY_BYTES: usize = 16;
/// The most signatures of a request that are compared. A platform sends one for each of its keys.
const MAX_SIGNATURES: usize = 16;
const MISSING: &str = "the signature, its time or its nonce is missing";
const TWICE: &str = "the signature, its time or its nonce occurs twice";

/// A digest or HMAC that a sender puts into each request, over parts of it. A signature over `body` covers the body as
/// it arrives, byte for byte: packed, if the sender packs it. One without `body` does not cover what is sent: who sees
/// it can send another body with it for 15 seconds after its first use, or with `nonce` only before that. One without
/// `timestamp` can be sent again with the same body at any time, so set `revision` there: then an old state never
/// replaces a newer one. One with `timestamp` that covers `body` or `nonce` serves for one request: whoever sends that
/// again gets the answer again, and nothing is taken.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderSignature {
    /// The digest. Where a platform has both, an HMAC is safer than a digest over a secret and the body behind it: whoever
    /// sees such a digest can make that of a longer body.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// How the key is written, if the HMAC has its bytes and not its text, like `base64`. A `whsec_` before it is left
    /// out.
    pub key_coding: Option<DigestFormat>,
    /// What is signed, in this order. Only `body` reads the body: `param`, `params` and `sorted` read the query.
    #[schemars(length(min = 1))]
    pub parts: Vec<SignedPart>,
    /// Whether the parts are put into the order of their bytes before they are joined, as WeChat does it.
    #[serde(default)]
    pub sort: bool,
    /// The text between the parts.
    #[serde(default)]
    pub join: String,
    /// How the digest is written. Hexadecimal digits are taken in upper and lower case.
    #[serde(default)]
    pub coding: DigestFormat,
    /// Where the signature is.
    pub signature: Sent,
    /// What stands before it, like `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// What separates several values in one header or parameter, like the `,` of `t=1764547200,v1=ab,v1=cd`. Each that
    /// begins with `prefix` is a signature, and one of them must be right: a platform that changes its key sends two.
    #[schemars(length(min = 1))]
    pub separator: Option<String>,
    /// The time of the request. It must be among the parts.
    pub timestamp: Option<SentTime>,
    /// Where the random text is. It must be among the parts.
    pub nonce: Option<Sent>,
}

/// Where a sender puts a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum Sent {
    /// In this header.
    Header(String),
    /// In this query parameter.
    Param(String),
}

/// The time of a request that somebody sends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentTime {
    /// Where it is.
    pub from: Sent,
    /// What stands before it, like `t=`.
    #[serde(default)]
    pub prefix: String,
    /// Seconds or milliseconds since 1970.
    #[serde(default = "seconds")]
    pub unit: TimeUnit,
    /// The longest time by which the clock of the sender may differ from ours: at most `1h`. A signature is remembered
    /// as long as its time is accepted.
    #[serde(default = "Period::seconds::<300>")]
    pub window: Period,
}

fn seconds() -> TimeUnit {
    TimeUnit::S
}

impl SenderSignature {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Stopped` if they contradict each other, or if the signature would prove nothing.
    pub fn check(&self) -> Result<(), Fault> {
        let fault = |(what, remedy)| Fault::stopped(what).at("sign").at("auth").remedy(remedy);
        self.checked().map_err(fault)
    }

    fn checked(&self) -> Result<(), (&'static str, &'static str)> {
        parts::check_key(self.algorithm, self.key.is_some())?;
        parts::check(&self.parts)?;
        let all = parts::all(&self.parts);
        let signs = |what: &SignedPart| all.contains(&what);
        let window = self.timestamp.as_ref().map(|time| time.window.0.as_secs());
        let reads_members = all.iter().any(|part| match part {
            SignedPart::Members => true,
            SignedPart::Sorted(sorted) => sorted.of == Fields::Members,
            _ => false,
        });
        if self.parts.is_empty() {
            Err(("nothing is signed", "name in `parts` what the signature covers"))
        } else if self.key_coding.is_some() && self.key.is_none() {
            Err(("there is no key to decode", "set `key`, or leave `key_coding` out"))
        } else if self.key_bytes().is_none() {
            Err((
                "the key is not written as `key_coding` says, or is shorter than 16 bytes",
                "copy it again, without what the platform shows around it, like `v1,`",
            ))
        } else if self.separator.as_deref() == Some("") {
            Err(("an empty text separates nothing", "leave `separator` out"))
        } else if reads_members {
            Err(("a signature is checked before the body is read", "sign `body`"))
        } else if self.key.is_none() && parts::secrets(&self.parts).is_empty() {
            Err(("everybody can make this digest", "write the secret as a part: { secret = … }"))
        } else if signs(&SignedPart::Timestamp) != self.timestamp.is_some() {
            Err(("the time is not both signed and sent", "set `timestamp`, and name it in `parts`"))
        } else if signs(&SignedPart::Nonce) != self.nonce.is_some() {
            Err(("the nonce is not both signed and sent", "set `nonce`, and name it in `parts`"))
        } else if window.is_some_and(|window| !(1..=MAX_WINDOW).contains(&window)) {
            Err(("`window` is not from 1s to 1h", "set another one, like 5m"))
        } else if !self.covers_body() && self.timestamp.is_none() {
            Err((
                "the signature covers neither the body nor a time, so it is always the same",
                "name `body` or `timestamp` in `parts`; a fixed text in a header is `header`",
            ))
        } else {
            Ok(())
        }
    }

    /// Checks what the head of a request shows: all if the signature does not cover the body, and else its time.
    ///
    /// # Errors
    /// The request is not authentic; the text says why.
    pub fn admit(&self, head: &Parts, now: Timestamp) -> Result<(), &'static str> {
        self.sent(head)?;
        if let Some(time) = &self.timestamp {
            time.check(&self.time(time, head)?, now)?;
        }
        if self.covers_body() { Ok(()) } else { self.verify(head, b"").map(drop) }
    }

    /// Checks the signature over this body. Returns it if it has a time: then it is that of this request alone.
    ///
    /// # Errors
    /// The request is not authentic; the text says why.
    pub fn verify(&self, head: &Parts, body: &[u8]) -> Result<Option<String>, &'static str> {
        let sent = self.sent(head)?;
        let timestamp = self.timestamp.as_ref().map(|time| self.time(time, head)).transpose()?;
        let timestamp = timestamp.unwrap_or_default();
        let nonce = self.nonce.as_ref().map(|from| from.value(head)).transpose()?;
        let nonce = nonce.unwrap_or_default();
        let request = request(head);
        let signable = Signable::with_body(&request, body, &timestamp, &nonce);
        let text = self.text(&signable)?;
        let key = self.key_bytes().ok_or("the key is not written as `key_coding` says")?;
        let expected = self.comparable(&self.algorithm.written(self.coding, &key, &text));
        // The hashes are compared, so that the time it takes does not reveal where the texts differ.
        let digest = Sha256::digest(&expected);
        if !sent.iter().any(|sent| Sha256::digest(sent) == digest) {
            return Err("the signature is wrong");
        }
        Ok(self.timestamp.is_some().then_some(expected))
    }

    /// How far the time of a request may be from ours; `None` if a signature has no time.
    pub fn window(&self) -> Option<TimeDelta> {
        TimeDelta::from_std(self.timestamp.as_ref()?.window.0).ok()
    }

    /// The secrets of which it is made.
    pub fn secrets(&self) -> Vec<&Secret> {
        self.key.iter().chain(parts::secrets(&self.parts)).collect()
    }

    /// Whether no two requests have the same signature: it covers the body or a nonce, and the time.
    pub fn is_used_once(&self) -> bool {
        self.timestamp.is_some() && (self.covers_body() || self.nonce.is_some())
    }

    fn covers_body(&self) -> bool {
        parts::cover_body(&self.parts)
    }

    /// The key of the HMAC; `None` if it is not written as the settings say.
    fn key_bytes(&self) -> Option<Vec<u8>> {
        let key = self.key.as_ref().map_or("", Secret::expose);
        let Some(coding) = self.key_coding else { return Some(key.as_bytes().to_vec()) };
        let bytes = coding.decode(key.strip_prefix("whsec_").unwrap_or(key))?;
        (bytes.len() >= MIN_KEY_BYTES).then_some(bytes)
    }

    /// The signatures of a request, without what stands before them: one, unless `separator` is set.
    fn sent(&self, head: &Parts) -> Result<Vec<String>, &'static str> {
        let mut sent = self.signature.value(head)?;
        if matches!(self.signature, Sent::Param(_)) {
            // A `+` that the sender did not encode.
            sent = sent.replace(' ', "+");
        }
        let digests = self.values(&sent, &self.prefix).map(|it| self.comparable(it.trim_start()));
        let digests: Vec<_> = digests.take(MAX_SIGNATURES).collect();
        if digests.is_empty() {
            Err("the signature does not begin with `prefix`")
        } else {
            Ok(digests)
        }
    }

    /// The time of a request, as it was sent.
    fn time(&self, time: &SentTime, head: &Parts) -> Result<String, &'static str> {
        let sent = time.from.value(head)?;
        let mut times = self.values(&sent, &time.prefix);
        match (times.next(), times.next()) {
            (Some(time), None) => Ok(time.to_owned()),
            (Some(_), Some(_)) => Err(TWICE),
            (None, _) => Err(MISSING),
        }
    }

    /// The values in a text that begin with `prefix`, without it.
    fn values<'a>(&self, text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let values: Vec<&str> = match &self.separator {
            Some(separator) => text.split(separator.as_str()).collect(),
            None => vec![text],
        };
        values.into_iter().filter_map(move |value| value.trim().strip_prefix(prefix))
    }

    /// A signature in one form: not all platforms write hexadecimal digits in the case of their documents.
    fn comparable(&self, signature: &str) -> String {
        match self.coding {
            DigestFormat::Hex | DigestFormat::HexUpper => signature.to_ascii_lowercase(),
            _ => signature.to_owned(),
        }
    }

    /// The text that is signed.
    fn text(&self, signable: &Signable<'_>) -> Result<Vec<u8>, &'static str> {
        let missing = |_| "a header or parameter that is signed is missing";
        if !self.sort {
            let text = parts::text_of(&self.parts, &self.join, signable).map_err(missing)?;
            return Ok(text.bytes);
        }
        let parts = self.parts.iter().map(std::slice::from_ref);
        let texts = parts.map(|part| parts::text_of(part, "", signable).map(|text| text.bytes));
        let mut texts: Vec<_> = texts.collect::<Result<_, _>>().map_err(missing)?;
        texts.sort();
        Ok(texts.join(self.join.as_bytes()))
    }
}

impl SentTime {
    /// Checks that this time is near enough to now.
    fn check(&self, text: &str, now: Timestamp) -> Result<(), &'static str> {
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
    fn value(&self, head: &Parts) -> Result<String, &'static str> {
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
fn request(head: &Parts) -> Request {
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
