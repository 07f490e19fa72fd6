//! Decodes bytes into trees that JSONPaths can search: JSON, XML and CSV, documents and single records.
//!
//! First all bytes are decoded, then the text is parsed into a tree, then a path selects the
//! records. Damage in the bytes or the syntax of one record is a finding about that record and does
//! not affect the others. If a document cannot be parsed at all, the caller gets an error and
//! decides what to do about it. All connectors use this code, so they treat the same bytes alike.
//!
//! Reading order: `decode.rs`, `findings.rs`, `json.rs`, `xml.rs`, `csv.rs`, `path.rs`.

#![warn(missing_docs)]

mod decode;
mod findings;
mod key;

mod csv;
mod header;
mod json;
mod scan;
mod tree;
mod xml;

mod message;
mod numbers;

mod path;
mod records;
mod time;

pub use csv::{
    CsvConfig, DecodedPart, FileError, Layout, Lines, REPLACED_CHARACTERS, Rows, open as csv,
    table_bytes, unprotected,
};
pub use decode::{Diagnostics, Text, decode, encode};
pub use findings::{Defects, Findings, malformed_detail};
pub use header::{ABOVE_HEADER, Columns, Header, MAX_COLUMNS, TableRow, find_header, is_blank};
pub use json::parse as json;
pub use key::{DuplicateOutcome, Duplicates, KeyPath, is_same, key_text};
pub use message::{Message, MessageError, gunzip, parameter as media_parameter, unpack};
pub use numbers::{masked_key, without_long_numbers};
pub use path::{Path, column_name, scalar_text};
pub use records::{put_names, take_records};
pub use scan::{ElementScanner, elements, n_values, tree_bytes, weight};
pub use time::{TimeFormat, before, delta};
pub use tree::{DocumentFormat, Malformed};
pub use xml::{Builder, Entities, MIXED_TEXT, Step, TEXT_NAME, contains_text, parse as xml};
