//! Sealing: of a personal value, only a mask, a token and a ciphertext leave the normaliser.
//!
//! Nonces are derived from the sealed value and not random, so that the same record always gives the same
//! bytes: golden files, redelivery and the books rely on that. In return, equal values of the same field of
//! the same demand have equal ciphertexts, which reveals only that a value did not change. The associated
//! data binds a ciphertext to its place: it cannot be opened for another demand, field or channel.

mod keys;
mod personal;
mod raw;
mod sealer;
mod suite;

pub use keys::{KeyError, Keys};
pub use personal::Personal;
pub(crate) use personal::{HIDDEN_PART, mask_middle};
pub(crate) use raw::Compressor;
pub use sealer::{OpenError, Place, RAW, Sealer, UNMASKED, open_raw, open_sealed, open_unmasked};
pub use suite::Suite;
