//! What the programs about text share: texts that are public, texts that are made up, and the
//! programs in Python that we are measured against.

pub mod lines;
pub mod messages;
pub mod peers;
