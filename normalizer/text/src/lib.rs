//! Decodes bytes to text, exactly, and cleans and repairs the text.
//!
//! Channels of public demands send GBK labelled as GB2312, cut columns in the middle of a
//! character, and put rare names into the private-use area. Text that is decoded wrongly once is
//! stored wrongly for ever. So this crate comes first: it decodes strictly, reports what it found
//! and where, and never drops or guesses. It is pure: no input makes it fail, and input that needs
//! no change is returned as it is.

#![warn(missing_docs)]

mod charset;
mod decode;
mod detect;
mod private_use;
mod stream;
mod strict;

pub mod model;
mod repair;

mod clean;
pub mod identify;

pub use charset::Charset;
pub use clean::{Cleaned, Found, Profile, clean};
pub use contract::DecidedBy;
pub use decode::{Claim, Evidence, Hints, decode, decode_file};
pub use detect::{Detected, Detector, detect};
pub use repair::{REPAIR_STEPS, Repair, Repaired, Rule, repair, repair_within};
pub use stream::Stream;
pub use strict::{Decoded, Span, decode_column, decode_strict};
