//! What settings of a signature are refused: those that contradict each other, or would prove nothing.

use super::{MAX_WINDOW, SenderSignature};
use crate::auth::{Fields, SignedPart, parts};

impl SenderSignature {
    /// What is wrong, and what to do.
    pub(super) fn checked(&self) -> Result<(), (&'static str, &'static str)> {
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
}
