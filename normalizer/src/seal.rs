//! Seals personal values: only the mask, the token and the ciphertext of a value leave this crate.
//!
//! Nonces are not random but derived from the sealed value, because the same record must always give the
//! same bytes. So equal values of the same field of the same demand have equal ciphertexts, which reveals
//! only that a value did not change. The associated data binds a ciphertext to its channel, demand and
//! field: it cannot be opened for others.

mod keys;
mod personal;
mod raw;
mod sealer;
mod suite;

pub use keys::{KeyError, Keys};
pub use personal::Personal;
pub(crate) use personal::{HIDDEN_PART, mask_landline, mask_middle};
pub(crate) use raw::Compressor;
pub use sealer::{OpenError, Place, RAW, Sealer, UNMASKED, open_raw, open_sealed};
pub use suite::Suite;
