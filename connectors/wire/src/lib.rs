//! What several kinds of connectors share, without network code.
//!
//! Plain functions and small state machines sign requests, unwrap answers and keep budgets; whoever
//! owns the connection calls them. So every scheme is tested with the vectors of its platform and
//! without a network.

#![warn(missing_docs)]

pub mod auth;
pub mod envelope;
pub mod gate;
pub mod guard;

mod cipher;
