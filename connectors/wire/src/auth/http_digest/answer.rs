//! The answer to a challenge: what is digested, and how it is written (RFC 7616 §3.4).

use super::{
    HttpDigest, SentRequest,
    held::Answered,
    offer::{Offer, Quality},
};
use crate::auth::{DigestFormat, SigningSteps, percent_encoded, steps::DigestInput};

impl HttpDigest {
    /// The value of the header `Authorization`, and how it was made.
    pub(super) fn authorization(
        &self,
        held: &Answered,
        request: SentRequest<'_>,
        steps: SigningSteps,
    ) -> (String, SigningSteps) {
        let Answered { offer, cnonce, count, .. } = held;
        let SentRequest { method, target, body } = request;
        let hash = |bytes: &[u8]| offer.algorithm.written(DigestFormat::Hex, &[], bytes);
        let count = format!("{count:08x}");
        let mut a1 = DigestInput::default()
            .text(&format!("{}:{}:", self.user, offer.realm))
            .secret("password", self.password.expose());
        if offer.is_session {
            let of_user =
                DigestInput::default().made(a1, "digest", false, |bytes| hash(bytes).into_bytes());
            a1 = of_user.text(&format!(":{}:{cnonce}", offer.nonce));
        }
        let mut a2 = format!("{method}:{target}");
        if offer.quality == Some(Quality::AuthInt) {
            a2 = format!("{a2}:{}", hash(body));
        }
        let between = match offer.quality {
            Some(quality) => format!(":{}:{count}:{cnonce}:{}:", offer.nonce, quality.name()),
            None => format!(":{}:", offer.nonce),
        };
        let digested = DigestInput::default()
            .secret("digest of A1", &hash(&a1.bytes))
            .text(&format!("{between}{}", hash(a2.as_bytes())));
        let mut fields = vec![
            self.user_field(offer),
            format!("realm={}", quoted(&offer.realm)),
            format!("nonce={}", quoted(&offer.nonce)),
            format!("uri={}", quoted(target)),
            format!("response={}", quoted(&hash(&digested.bytes))),
        ];
        // Some devices refuse these three in quotes (RFC 7616 §3.4).
        fields.extend(offer.algorithm_name.as_ref().map(|name| format!("algorithm={name}")));
        fields.extend(offer.quality.map(|quality| format!("qop={}, nc={count}", quality.name())));
        if offer.quality.is_some() || offer.is_session {
            fields.push(format!("cnonce={}", quoted(cnonce)));
        }
        fields.extend(offer.opaque.as_ref().map(|opaque| format!("opaque={}", quoted(opaque))));
        fields.extend(offer.hashes_user.then(|| "userhash=true".to_owned()));
        let name = offer.algorithm_name.as_deref().unwrap_or("MD5 (none is named)");
        // Whoever sees the digest itself could try passwords.
        let steps = steps
            .step("algorithm", name)
            .step("A1", a1.redacted)
            .step("A2", a2)
            .step("string to digest", digested.redacted);
        (format!("Digest {}", fields.join(", ")), steps)
    }

    fn user_field(&self, offer: &Offer) -> String {
        let user = &self.user;
        if offer.hashes_user {
            let text = format!("{user}:{}", offer.realm);
            let hash = offer.algorithm.written(DigestFormat::Hex, &[], text.as_bytes());
            return format!("username={}", quoted(&hash));
        }
        match offer.is_utf8 && !user.is_ascii() {
            true => format!("username*=UTF-8''{}", percent_encoded(user)),
            false => format!("username={}", quoted(user)),
        }
    }
}

/// A quoted string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
