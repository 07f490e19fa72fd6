//! Tests of checking and resolving. The folder `tests/folder` has no mistakes; every test edits a copy.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod folder;

mod allow;
mod anything;
mod doors;
mod hostile;
mod mistakes;
mod resolved;
