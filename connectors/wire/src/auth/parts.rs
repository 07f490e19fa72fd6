//! The parts of a text that is signed.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Algorithm, DigestFormat, Request, merge_tables, percent_encoded, signable::Signable,
    sorted::Sorted, steps::DigestInput,
};

/// Maximum depth of digests of digests; real ones have two.
const MAX_DEPTH: usize = 4;

/// A part of the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum SignedPart {
    /// This text.
    Text(String),
    /// This secret text. A signature may have several.
    Secret(Secret),
    /// The value of a parameter in the query, of a field of a form, or of a member of a JSON body.
    Param(String),
    /// The value of a header.
    Header(String),
    /// All parameters, sorted by name, as `a=1&b=2`, not encoded; empty ones are left out.
    Params,
    /// All members of a JSON body, sorted by name, as `a=1&b=2`: a list or an object as JSON without blanks, in the
    /// order of the body; empty ones and `null` are left out.
    Members,
    /// Parameters and members, sorted by name, in another form than `params` and `members`.
    Sorted(Sorted),
    /// The digest of these parts, such as `md5(secret)` before the time.
    Digest(InnerDigest),
    /// These parts, percent-encoded (RFC 3986 §2.1).
    Encoded(Vec<SignedPart>),
    /// These parts, in upper case.
    Upper(Vec<SignedPart>),
    /// The time of the request.
    Timestamp,
    /// The random text.
    Nonce,
    /// The body.
    Body,
    /// `GET` or `POST`.
    Method,
    /// The path of the address.
    Path,
}

/// A digest or HMAC within the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InnerDigest {
    /// The digest.
    pub algorithm: Algorithm,
    /// The key of an HMAC.
    pub key: Option<Secret>,
    /// What it is made of, in this order.
    #[schemars(length(min = 1))]
    pub parts: Vec<SignedPart>,
    /// The text between the parts.
    #[serde(default)]
    pub join: String,
    /// How the digest is written.
    #[serde(default)]
    pub coding: DigestFormat,
}

/// The text that these parts make of a request.
pub(super) fn text_of(
    parts: &[SignedPart],
    join: &str,
    signable: &Signable<'_>,
) -> Result<DigestInput, Fault> {
    let request = signable.request;
    let mut input = DigestInput::default();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            input = input.text(join);
        }
        input = match part {
            SignedPart::Text(text) => input.text(text),
            SignedPart::Secret(secret) => input.secret("secret", secret.expose()),
            SignedPart::Param(name) => {
                input.named(name, require(request, name, signable.param(name))?)
            }
            SignedPart::Header(name) => {
                input.named(name, require(request, name, request.header(name))?)
            }
            SignedPart::Params => input.text(signable.joined_params()),
            SignedPart::Members => input.text(signable.joined_members()),
            SignedPart::Sorted(sorted) => input.text(&sorted.text(request)),
            SignedPart::Digest(digest) => {
                let InnerDigest { algorithm, key, parts, join, coding } = digest;
                let (has_key, key) = (key.is_some(), key.as_ref().map_or("", Secret::expose));
                input.made(text_of(parts, join, signable)?, "digest", has_key, |bytes| {
                    algorithm.written(*coding, key.as_bytes(), bytes).into_bytes()
                })
            }
            SignedPart::Encoded(parts) => {
                input.made(text_of(parts, "", signable)?, "encoded", false, |bytes| {
                    percent_encoded(bytes).to_string().into_bytes()
                })
            }
            SignedPart::Upper(parts) => {
                input.made(text_of(parts, "", signable)?, "upper", false, |bytes| {
                    String::from_utf8_lossy(bytes).to_uppercase().into_bytes()
                })
            }
            SignedPart::Timestamp => input.text(signable.timestamp),
            SignedPart::Nonce => input.text(signable.nonce),
            SignedPart::Body => input.body(signable.body),
            SignedPart::Method => input.text(&request.method),
            SignedPart::Path => input.text(&request.path),
        };
    }
    Ok(input)
}

/// All parts, and those of which they are made.
pub(super) fn all(parts: &[SignedPart]) -> Vec<&SignedPart> {
    let inner = |part| std::iter::once(part).chain(all(within(part)));
    parts.iter().flat_map(inner).collect()
}

/// Whether the text changes with every byte of the body. In upper case it would not.
pub(super) fn cover_body(parts: &[SignedPart]) -> bool {
    parts.iter().any(|part| match part {
        SignedPart::Body => true,
        SignedPart::Upper(_) => false,
        _ => cover_body(within(part)),
    })
}

/// The secrets of these parts.
pub(super) fn secrets(parts: &[SignedPart]) -> Vec<&Secret> {
    let secrets = all(parts).into_iter().filter_map(|part| match part {
        SignedPart::Secret(secret) => Some(secret),
        SignedPart::Digest(digest) => digest.key.as_ref(),
        _ => None,
    });
    secrets.collect()
}

/// Checks the digests within a text.
pub(super) fn check(parts: &[SignedPart]) -> Result<(), (&'static str, &'static str)> {
    if depth(parts) > MAX_DEPTH {
        return Err(("the digests are nested too deeply", "nest at most three of them"));
    }
    let mut digests = all(parts).into_iter().filter_map(|part| match part {
        SignedPart::Digest(digest) => Some(digest),
        _ => None,
    });
    digests.try_for_each(|digest| check_key(digest.algorithm, digest.key.is_some()))
}

/// Checks that an HMAC has a key, and a plain digest has none.
pub(super) fn check_key(
    algorithm: Algorithm,
    has_key: bool,
) -> Result<(), (&'static str, &'static str)> {
    match (algorithm.is_keyed(), has_key) {
        (true, false) => Err(("an HMAC needs a key", "set `key`")),
        (false, true) => {
            Err(("a plain digest uses no `key`", "write the key as a part: { secret = … }"))
        }
        _ => Ok(()),
    }
}

fn depth(parts: &[SignedPart]) -> usize {
    1 + parts.iter().map(within).filter(|parts| !parts.is_empty()).map(depth).max().unwrap_or(0)
}

/// The parts of which a part is made.
fn within(part: &SignedPart) -> &[SignedPart] {
    match part {
        SignedPart::Digest(digest) => &digest.parts,
        SignedPart::Encoded(parts) | SignedPart::Upper(parts) => parts,
        _ => &[],
    }
}

fn require<'a>(request: &Request, name: &str, value: Option<&'a str>) -> Result<&'a str, Fault> {
    value.ok_or_else(|| {
        Fault::stopped(format!("`{name}` is signed, but it is not in the request"))
            .at(request.path.clone())
            .remedy("check the parts in `auth.sign`")
    })
}
