//! From the bytes of a body to trees that paths address: JSON and XML alike.
//!
//! Bytes become text once, before anything is split; the text becomes a tree; a path picks the
//! records. What is
//! wrong with the bytes of one record stays a fact about that record. A document that cannot be
//! parsed at all is [`Broken`]: its caller decides what to do about the page.
//!
//! Reading order: `decode.rs`, `json.rs`, `xml.rs`, `path.rs`, `malformed.rs`.

#![warn(missing_docs)]

mod decode;
mod malformed;
mod texts;

mod json;
mod tree;
mod xml;

mod path;

pub use decode::{Text, decode, encode, fields_with};
pub use json::parse as json;
pub use malformed::{Malformed, Spoilt};
pub use path::{Path, scalar};
pub use tree::{Broken, Shape};
pub use xml::parse as xml;
