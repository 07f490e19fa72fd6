//! The mapping as its users see it: from a `[demand]` table and a record to a sealed demand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

mod broken;
mod building;
mod conversions;
mod defects;
mod hostile;
mod identifiers;
mod leaks;
mod places;
mod privacy;
mod reference;
mod scrubbed;
mod tokens;
mod totality;
