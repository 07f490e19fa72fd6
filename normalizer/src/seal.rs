//! Sealing: what leaves the normaliser about a person is a mask, a token and a ciphertext.
//!
//! Nonces are derived from what is sealed instead of drawn at random, so that the same record gives
//! the same bytes every time: golden files, redelivery and the books rely on that. The price, that
//! equal values of the same field of the same demand have equal ciphertexts, reveals only that a
//! value did not change. Key and associated data tie a ciphertext to its place: moved to another
//! row, field or channel it does not open.

mod keys;
mod personal;
mod raw;
mod sealer;
mod suite;

pub use keys::{KeyError, Keys};
pub use personal::Personal;
pub(crate) use personal::{HIDDEN, shorten};
pub(crate) use raw::{Compressor, decompress};
pub use sealer::{OpenError, Sealer};
pub use suite::Suite;
