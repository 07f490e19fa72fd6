//! From bytes to trees that paths address: JSON and XML alike, whole and record by record.
//!
//! Bytes become text once, before anything is split; the text becomes a tree; a path picks the
//! records. What is wrong with the bytes or the writing of one record stays a fact about that
//! record, and its neighbours pass. A document that does not hold together at all is [`Broken`]:
//! its caller decides what to do about the page. The alternative, a strict parser for each kind of
//! source, gave the same bytes four different fates.
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
pub use tree::{Broken, Malformed, Shape};
pub use xml::{Builder, Step, parse as xml};
