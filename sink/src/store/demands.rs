//! Demands as a store keeps them: which rows follow from an intake, and how they are read back.

pub(crate) mod columns;
pub(crate) mod index;
pub(crate) mod plan;
pub(crate) mod poison;
pub(crate) mod quality;
pub(crate) mod quarantine;
pub(crate) mod records;
pub(crate) mod retry;
pub(crate) mod usual;
