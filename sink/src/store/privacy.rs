//! Sealed values in a store, and the keys that it belongs to.

pub(crate) mod key;
pub(crate) mod sealed;
