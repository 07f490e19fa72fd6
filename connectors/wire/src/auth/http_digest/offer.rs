//! What a challenge asks for, and which of several is answered.

use contract::Fault;

use super::PLACE;
use crate::{
    auth::{Algorithm, challenge::Challenge},
    reason::quote,
};

/// What a challenge asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) algorithm: Algorithm,
    /// The algorithm as it was written; older sources name none.
    pub(super) algorithm_name: Option<String>,
    /// Whether the nonces are part of what is made of the password (`-sess`).
    pub(super) is_session: bool,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) opaque: Option<String>,
    pub(super) quality: Option<Quality>,
    /// Whether the last nonce was only too old.
    pub(super) is_stale: bool,
    pub(super) is_utf8: bool,
    /// Whether the name of the user is sent as a digest.
    pub(super) hashes_user: bool,
}

/// What the digest covers (`qop`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quality {
    /// The method and the address.
    Auth,
    /// The body as well.
    AuthInt,
}

impl Offer {
    /// The first challenge that can be answered, as the source prefers it (RFC 7616 §3.7); `None` if it offers no
    /// Digest at all.
    pub(super) fn best(header: &str) -> Result<Option<Self>, Fault> {
        let mut why = None;
        for challenge in Challenge::all(header).iter().filter(|one| one.is("digest")) {
            match Self::read(challenge) {
                Ok(offer) => return Ok(Some(offer)),
                Err(reason) => why = why.or(Some(reason)),
            }
        }
        why.map_or(Ok(None), |why| {
            let what = format!("the challenge of the source cannot be answered: {why}");
            Err(Fault::stopped(what).at(PLACE).remedy(
                "ask the owner of the source to offer Digest with MD5 or SHA-256 and the `qop` auth or auth-int, or \
                 another scheme",
            ))
        })
    }

    /// Whether another challenge asks for the same again. Some sources have one nonce for several realms.
    pub(super) fn is_repeated_in(&self, other: &Self) -> bool {
        (&self.nonce, &self.realm) == (&other.nonce, &other.realm)
    }

    fn read(challenge: &Challenge) -> Result<Self, String> {
        let text = |name| challenge.param(name).filter(|value| !value.is_empty());
        let is_true = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let name = text("algorithm");
        let (algorithm, is_session) = match name.unwrap_or("MD5").to_ascii_uppercase().as_str() {
            "MD5" => (Algorithm::Md5, false),
            "MD5-SESS" => (Algorithm::Md5, true),
            "SHA-256" => (Algorithm::Sha256, false),
            "SHA-256-SESS" => (Algorithm::Sha256, true),
            _ => return Err(format!("its algorithm is {}", quote(name.unwrap_or_default()))),
        };
        let qualities = text("qop").unwrap_or_default();
        let mut known = qualities.split([',', ' ']).filter_map(Quality::named);
        let first = known.next();
        let quality = match known.find(|quality| *quality == Quality::Auth) {
            Some(auth) => Some(auth),
            None => first,
        };
        if quality.is_none() && !qualities.trim().is_empty() {
            return Err(format!("its `qop` is {}", quote(qualities)));
        }
        let nonce = text("nonce").ok_or("it has no nonce")?;
        let realm = challenge.param("realm").unwrap_or_default();
        let opaque = challenge.param("opaque");
        // Bytes that are not UTF-8 are lost, and so the source would take the digest for that of a wrong password.
        if [realm, nonce, opaque.unwrap_or_default()].iter().any(|text| text.contains('\u{fffd}')) {
            return Err("it is not in UTF-8".to_owned());
        }
        Ok(Self {
            algorithm,
            algorithm_name: name.map(str::to_owned),
            is_session,
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: opaque.map(str::to_owned),
            quality,
            is_stale: is_true("stale"),
            is_utf8: text("charset").is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8")),
            hashes_user: is_true("userhash"),
        })
    }
}

impl Quality {
    fn named(name: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}
