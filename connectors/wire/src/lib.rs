//! What several kinds of connectors share: they sign requests, open envelopes, enforce budgets and
//! authenticate senders.
//!
//! Nothing here uses the network: the code that owns the connection calls these functions. So every
//! scheme is tested without a network, with the test vectors of its platform.

#![warn(missing_docs)]

pub mod auth;
pub mod envelope;
pub mod gate;
pub mod guard;

mod cipher;
