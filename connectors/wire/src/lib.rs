//! What several kinds of connectors share, without network code.
//!
//! Plain functions and small state machines sign requests, open envelopes and enforce budgets. The code
//! that owns the connection calls them. So every scheme is tested without a network, with the test vectors
//! of its platform.

#![warn(missing_docs)]

pub mod auth;
pub mod envelope;
pub mod gate;
pub mod guard;

mod cipher;
