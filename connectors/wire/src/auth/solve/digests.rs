//! Digests of digests: the digest of the secret in its place, and the digest of the parameters before the secret is added.

use std::ops::ControlFlow;

use super::{
    around::around,
    fields,
    search::{Search, Uses},
};
use crate::auth::{Algorithm, DigestFormat, InnerDigest, SignedPart};

/// Number of ways to join the parameters that are tried: all of those in sorted order.
const MAX_CORES: usize = 22;

/// Tries them with MD5 within, in lower and in upper case: no vendor is known that has another digest there.
pub(super) fn try_all(search: &mut Search<'_>) -> ControlFlow<()> {
    let secret = SignedPart::Secret(search.sent.secret.clone());
    for coding in [DigestFormat::Hex, DigestFormat::HexUpper] {
        let md5 = |parts: Vec<SignedPart>| {
            let (key, join) = (None, String::new());
            SignedPart::Digest(InnerDigest { algorithm: Algorithm::Md5, key, parts, join, coding })
        };
        let cores = fields::cores(search.sent).into_iter().take(MAX_CORES);
        for core in fields::singles(search.sent).into_iter().chain(cores) {
            for parts in around(&md5(vec![secret.clone()]), &core) {
                search.try_parts(parts, Uses::Any)?;
            }
            for parts in around(&secret, &[md5(core.clone())]) {
                search.try_parts(parts, Uses::Any)?;
            }
            for parts in around(&secret, &core) {
                search.try_parts(vec![md5(parts)], Uses::Any)?;
            }
        }
    }
    ControlFlow::Continue(())
}
