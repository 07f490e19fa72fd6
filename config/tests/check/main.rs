//! What an admin sees of a mistake. The folder `tests/folder` is without one; every test edits it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod folder;

mod anything;
mod many;
mod mistakes;
mod resolved;
mod secrets;
