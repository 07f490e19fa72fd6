//! How far each channel has come.

pub(crate) mod backfill;
pub(crate) mod progress;
