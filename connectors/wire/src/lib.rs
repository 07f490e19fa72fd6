//! Code that several kinds of connectors share. It signs requests, opens envelopes, enforces budgets and
//! authenticates senders.
//!
//! Nothing here uses the network: the code that owns the connection calls these functions. So every
//! scheme can be tested without a network, with the test vectors of its platform.

#![warn(missing_docs)]

pub mod auth;
pub mod envelope;
pub mod gate;
pub mod guard;
pub mod identity;
pub mod local;
pub mod reason;
pub mod secrets;
pub mod zone;

mod cipher;
