//! What several kinds of connectors share, and nothing that talks to anybody.
//!
//! A request is signed, an answer unwrapped and a budget kept by plain functions and small state
//! machines here; whoever owns the connection calls them. So every scheme is tested with the
//! vectors of its platform and without a network.

#![warn(missing_docs)]

pub mod auth;
pub mod envelope;
pub mod gate;
pub mod guard;

mod cipher;
