//! Demands as a store keeps them: which rows follow from the messages of an intake, how they are written, and
//! how they are read back.

pub(crate) mod again;
mod by_hand;
pub(crate) mod claims;
pub(crate) mod columns;
pub(crate) mod feed;
pub(crate) mod index;
pub(crate) mod keep;
pub(crate) mod known;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod reasons;
pub(crate) mod records;
pub(crate) mod rows;
pub(crate) mod statistics;
pub(crate) mod walk;
pub(crate) mod write;
