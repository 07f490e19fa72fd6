//! HTTP Digest access authentication (RFC 7616, and the older RFC 2617 and 2069).
//!
//! The source sends a challenge with status 401, and the request is repeated with an answer to it: a digest that
//! covers the password. A challenge is answered in the next requests too, which are counted, until the source sends
//! another one. Each origin has its own.

use std::collections::BTreeMap;

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Algorithm, DigestFormat, SigningSteps,
    challenge::{self, Challenge},
    percent_encoded,
    steps::DigestInput,
};
use crate::reason::quote;

/// User and password for HTTP Digest. The password itself is never sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDigest {
    /// The user. One that is not ASCII is sent in UTF-8.
    user: String,
    /// The password.
    password: Secret,
}

/// A request as it is sent, without its headers.
#[derive(Debug, Clone, Copy)]
pub struct SentRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path and the query, exactly as they are sent.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The challenges that are answered, by their origin: no nonce of one host is sent to another.
#[derive(Debug, Default)]
pub(super) struct Challenges(BTreeMap<String, Answered>);

/// A challenge that is answered.
#[derive(Debug)]
struct Answered {
    offer: Offer,
    /// Our own random text, the same for all answers: with `-sess`, the first one counts.
    cnonce: String,
    /// Number of requests that have answered it.
    count: u32,
    /// Whether a request has answered it, and nothing came back yet.
    is_open: bool,
    /// Whether the source has accepted an answer.
    was_accepted: bool,
    /// Whether it came in the place of another one, since the source has last accepted an answer.
    is_second: bool,
}

/// What a challenge asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    algorithm: Algorithm,
    /// The algorithm as it was written; older sources name none.
    algorithm_name: Option<String>,
    /// Whether the nonces are part of what is made of the password (`-sess`).
    is_session: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    quality: Option<Quality>,
    /// Whether the last nonce was only too old.
    is_stale: bool,
    is_utf8: bool,
    /// Whether the name of the user is sent as a digest.
    hashes_user: bool,
}

/// What the digest covers (`qop`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    /// The method and the address.
    Auth,
    /// The body as well.
    AuthInt,
}

impl Challenges {
    /// Begins a request. An answer from which nothing came back is forgotten, with its challenge: if the nonce has
    /// ended since then, the source would seem to refuse the password.
    pub(super) fn begin(&mut self) {
        self.0.retain(|_, held| held.was_accepted || !held.is_open);
    }

    /// Whether the challenge in the answer with status 401 is new, so that the request is repeated. If not, the source
    /// refuses the user or the password, or offers nothing that can be answered: see [`HttpDigest::explain`].
    pub(super) fn take(
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
    pub(super) fn accept(&mut self, origin: &str, info: Option<&str>) {
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

/// The place of faults that concern all requests of a channel.
const PLACE: &str = "http.auth";

impl HttpDigest {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if !self.user.chars().any(char::is_control) {
            return Ok(());
        }
        Err(Fault::stopped("the user contains a character that no header may have")
            .at("auth.digest")
            .remedy("check `user` for line breaks and tabs"))
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        vec![self.password.expose().to_owned()]
    }

    /// What a refusal means if the source has sent no challenge for this scheme, or refuses the answer to it.
    pub(super) fn explain(header: &str, fault: Fault) -> Fault {
        if header.len() > challenge::MAX_BYTES {
            let kib = challenge::MAX_BYTES / 1024;
            let what = format!("the challenge of the source is longer than {kib} KiB (status 401)");
            let remedy = "ask the owner of the source why it is so long";
            return Fault::stopped(what).at(PLACE).remedy(remedy);
        }
        let offered = Challenge::all(header);
        if offered.iter().any(|one| one.is("digest")) {
            // It has a remedy, which says what to check.
            return fault.at(PLACE);
        }
        let (what, remedy) = if offered.iter().any(|one| one.is("basic")) {
            let remedy = "if the password may be sent itself, write `basic` in the place of `digest` in `auth`";
            ("the source offers Basic, and not Digest".to_owned(), remedy)
        } else if offered.is_empty() {
            let remedy =
                "ask the owner of the source how requests are authenticated, and correct `auth`";
            ("the source refuses the request, and sends no challenge".to_owned(), remedy)
        } else {
            let names: Vec<String> = offered.iter().take(4).map(|one| quote(&one.scheme)).collect();
            let remedy = "use the scheme of `auth` that the source wants";
            (format!("the source offers {}, and not Digest", names.join(" and ")), remedy)
        };
        Fault::stopped(format!("{what} (status 401)")).at(PLACE).remedy(remedy)
    }

    /// The value of the header `Authorization` for this request, and how it was made; without a value if the source
    /// has sent no challenge yet.
    pub(super) fn answer(
        &self,
        held: &mut Challenges,
        origin: &str,
        request: SentRequest<'_>,
    ) -> (Option<String>, SigningSteps) {
        let steps = SigningSteps::new("digest");
        let Some(held) = held.0.get_mut(origin) else {
            return (
                None,
                steps.step("authorization", "none yet: the source sends a challenge first"),
            );
        };
        held.count = held.count.wrapping_add(1);
        held.is_open = true;
        let (value, steps) = self.authorization(held, request, steps);
        (Some(value), steps)
    }

    fn authorization(
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

impl Answered {
    fn new(offer: Offer, cnonce: String, is_second: bool) -> Self {
        let (count, is_open, was_accepted) = (0, false, false);
        Self { offer, cnonce, count, is_open, was_accepted, is_second }
    }
}

impl Offer {
    /// The first challenge that can be answered, as the source prefers it (RFC 7616 §3.7); `None` if it offers no
    /// Digest at all.
    fn best(header: &str) -> Result<Option<Self>, Fault> {
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
    fn is_repeated_in(&self, other: &Self) -> bool {
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

    const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// A quoted string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
