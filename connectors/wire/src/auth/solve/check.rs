//! Refuses a sample whose answer could show the secret, or that has none.

use contract::Fault;

use super::Sample;
use crate::auth::{Algorithm, DigestFormat, percent_encoded};

/// A shorter form of the secret may be in any text.
const MIN_SHOWN: usize = 4;

/// What the sample has as a text or a key is printed.
pub(super) fn check(sample: &Sample) -> Result<(), Fault> {
    let secret = sample.secret.expose();
    let (what, remedy) = if secret.is_empty() {
        ("the secret is empty", "give the secret with which the source signs")
    } else if sample.signature.is_empty() {
        ("the signature is empty", "give the signature that the sample has")
    } else if sample.keys.iter().any(|key| {
        // Keys are printed, and so is the text around the values in it.
        key.is_empty() || key.contains(secret) || shows(key, secret)
    }) {
        ("a key is empty, or has the secret in it", "give the secret as the secret only")
    } else if sample.text.iter().flat_map(|text| text.split(secret)).any(|text| shows(text, secret))
    {
        (
            "the text has the secret in it in another form: encoded, in another case, or its digest",
            "a channel file cannot say that; leave out the text to search for something else",
        )
    } else {
        return Ok(());
    };
    Err(Fault::stopped(what).remedy(remedy))
}

/// Whether a text has the secret in it in another form than its own, or in another case.
pub(super) fn shows(text: &str, secret: &str) -> bool {
    let plain = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_keyed());
    let digests = plain.map(|algorithm| algorithm.digest(&[], secret.as_bytes()));
    let digests = digests.flat_map(|digest| DigestFormat::ALL.map(|format| format.encode(&digest)));
    let bytes = DigestFormat::ALL.map(|format| format.encode(secret.as_bytes()));
    let own = [percent_encoded(secret).to_string(), secret.to_owned()];
    let mut forms = digests.chain(bytes).chain(own);
    // Lower case: there is more than one form of an escape.
    let text = text.to_lowercase();
    forms.any(|form| form.len() >= MIN_SHOWN && text.contains(&form.to_lowercase()))
}
