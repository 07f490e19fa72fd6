//! How mistakes are reported. The folder `tests/folder` has none; every test edits it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod folder;

mod anything;
mod mistakes;
mod resolved;
