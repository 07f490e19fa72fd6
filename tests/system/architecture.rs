//! The law of the house, as tests: what ARCHITECTURE.md and CONTRIBUTING.md say about the code is
//! checked against the code, because a rule that nobody checks is false within a year.
//!
//! Everything here reads files and asks cargo offline; nothing is built and nothing is run.

mod crates;
mod dependencies;
mod documents;
mod sources;
mod tree;
