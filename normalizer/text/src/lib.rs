//! Decodes bytes to text, exactly, and cleans and repairs the text.
//!
//! Sources send GBK labelled as GB2312, cut columns in the middle of a character, and write rare
//! names with private-use characters. Text that is decoded wrongly is stored wrongly for ever. So
//! this crate decodes strictly and reports what it found and where. It does no I/O. Malformed bytes are
//! never an error: they become U+FFFD and are reported (only `decode_file` refuses them). Input that
//! needs no change is returned as it is.

#![warn(missing_docs)]

mod cesu8;
mod charset;
mod decode;
mod detect;
mod foreign;
mod private_use;
mod stream;
mod strict;

pub mod model;
mod repair;

mod clean;
pub mod identify;

pub use charset::Charset;
pub use clean::{Cleaned, Found, Profile, clean, clean_unescaped, is_invisible, without_radicals};
pub use contract::DecidedBy;
pub use decode::{Claim, Evidence, Hints, decode, decode_file};
pub use detect::{Detected, Detector, detect};
pub use repair::{
    MAX_REPAIR_STEPS, Repair, Repaired, Rule, is_lost, repair, repair_record, repair_within,
};
pub use stream::Stream;
pub use strict::{Decoded, Span, decode_column, decode_strict};
