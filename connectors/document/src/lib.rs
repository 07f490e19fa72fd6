//! From bytes to trees in which JSONPaths work: JSON and XML, whole documents and single records.
//!
//! Bytes are decoded before anything is split; the text becomes a tree; a path selects the records.
//! Damage in the bytes or the syntax of one record is a finding about that record and does not
//! affect the others. A document that cannot be parsed at all is an error: the caller decides what
//! to do about the page. The alternative, a strict parser for each kind of source, would treat the
//! same bytes in a different way in each.
//!
//! Reading order: `decode.rs`, `findings.rs`, `json.rs`, `xml.rs`, `path.rs`.

#![warn(missing_docs)]

mod decode;
mod findings;

mod json;
mod scan;
mod tree;
mod xml;

mod path;
mod time;

pub use decode::{Facts, Text, decode, encode};
pub use findings::{Findings, Verdict, malformed_detail};
pub use json::parse as json;
pub use path::{Path, scalar};
pub use scan::{Scan, elements};
pub use time::{TimeFormat, before, delta};
pub use tree::{Malformed, Shape};
pub use xml::{Builder, Step, parse as xml};
