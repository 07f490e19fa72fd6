//! Checks that a request has the signature that its sender would have made.

use contract::Timestamp;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::{MISSING, SenderSignature, Sent, SentTime, TWICE, sent::request};
use crate::auth::{DigestFormat, parts, signable::Signable};

/// The most signatures of a request that are compared. A platform sends one for each of its keys.
const MAX_SIGNATURES: usize = 16;

impl SenderSignature {
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
