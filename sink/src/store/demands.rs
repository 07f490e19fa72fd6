//! Demands as a store keeps them: which rows follow from an intake, and how they are read back.

pub(crate) mod columns;
pub(crate) mod identity;
pub(crate) mod link;
pub(crate) mod patient;
pub(crate) mod plan;
pub(crate) mod poison;
pub(crate) mod quality;
pub(crate) mod quarantine;
pub(crate) mod questions;
pub(crate) mod records;
pub(crate) mod shape;
pub(crate) mod volume;
pub(crate) mod walk;
