//! The challenges of a source that are answered, and for how long.

use std::collections::BTreeMap;

use contract::Fault;

use super::{PLACE, offer::Offer};
use crate::auth::challenge::Challenge;

/// The challenges that are answered, by their origin: no nonce of one host is sent to another.
#[derive(Debug, Default)]
pub(in crate::auth) struct Challenges(pub(super) BTreeMap<String, Answered>);

/// A challenge that is answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) offer: Offer,
    /// Our own random text, the same for all answers: with `-sess`, the first one counts.
    pub(super) cnonce: String,
    /// Number of requests that have answered it.
    pub(super) count: u32,
    /// Whether a request has answered it, and nothing came back yet.
    pub(super) is_open: bool,
    /// Whether the source has accepted an answer.
    pub(super) was_accepted: bool,
    /// Whether it came in the place of another one, since the source has last accepted an answer.
    pub(super) is_second: bool,
}

impl Challenges {
    /// Begins a request. An answer from which nothing came back is forgotten, with its challenge: if the nonce has
    /// ended since then, the source would seem to refuse the password.
    pub(in crate::auth) fn begin(&mut self) {
        self.0.retain(|_, held| held.was_accepted || !held.is_open);
    }

    /// Whether the challenge in the answer with status 401 is new, so that the request is repeated. If not, the source
    /// refuses the user or the password, or offers nothing that can be answered: see [`HttpDigest::explain`].
    pub(in crate::auth) fn take(
        &mut self,
        origin: &str,
        header: &str,
        nonce: [u8; 16],
    ) -> Result<bool, Fault> {
        let held = self.0.remove(origin);
        let Some(offer) = Offer::best(header)? else { return Ok(false) };
        let is_second = match &held {
            // The request had no answer yet.
            None => false,
            Some(held) if held.offer.is_repeated_in(&offer) => return Ok(false),
            // Not every source says that a nonce has ended, but one that it had accepted was right.
            Some(held) if held.was_accepted => true,
            Some(_) if !offer.is_stale => return Ok(false),
            // It has accepted the password, or else it would not be stale (RFC 7616 §3.3).
            Some(held) if held.is_second => {
                let what = "the source calls each nonce stale, even one that it has just sent";
                return Err(Fault::transient(what).at(PLACE).remedy(
                    "ask the owner of the source whether several servers answer at this address, which do not know \
                     the nonces of each other",
                ));
            }
            Some(_) => true,
        };
        let held = Answered::new(offer, hex::encode(nonce), is_second);
        self.0.insert(origin.to_owned(), held);
        Ok(true)
    }

    /// Notes that the source has accepted the last request. `info` is the header `Authentication-Info`, which may name
    /// the next nonce.
    pub(in crate::auth) fn accept(&mut self, origin: &str, info: Option<&str>) {
        let Some(held) = self.0.get_mut(origin).filter(|held| held.is_open) else { return };
        (held.is_open, held.was_accepted, held.is_second) = (false, true, false);
        let info = info.map(Challenge::without_scheme);
        let next = info.as_ref().and_then(|info| info.param("nextnonce"));
        // One that is not in UTF-8 is lost: the source would send another challenge.
        let next = next.filter(|next| !next.contains('\u{fffd}'));
        // With `-sess`, sources do not agree about what another nonce changes; the old one remains valid.
        if let Some(next) = next.filter(|next| !next.is_empty() && !held.offer.is_session) {
            next.clone_into(&mut held.offer.nonce);
            held.count = 0;
        }
    }
}

impl Answered {
    pub(super) fn new(offer: Offer, cnonce: String, is_second: bool) -> Self {
        let (count, is_open, was_accepted) = (0, false, false);
        Self { offer, cnonce, count, is_open, was_accepted, is_second }
    }
}
