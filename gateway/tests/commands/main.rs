//! Tests of commands and of what they use, in one program, because each program with the gateway in it takes long to
//! link.

#![allow(clippy::unwrap_used)]

mod cli;
mod private;
mod sign;
