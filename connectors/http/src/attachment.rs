//! Files within a record.
//!
//! A photograph in Base64 is a thousand times larger than the rest of its record. So the record keeps only
//! its name, size and hash, with which files can be compared.

use connector_wire::envelope::{self, Layer};
use document::{Path, scalar_text};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Files in Base64 within a record: each becomes `{ name, bytes, sha256 }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment {
    /// Where the files are in a record.
    at: Path,
    /// Where the name is in a file.
    name: Option<Path>,
    /// Where the content in Base64 is in a file; by default, the file itself is the content.
    content: Option<Path>,
}

impl Attachment {
    /// Replaces the files of a record. Content that is not Base64 is marked `unreadable`; a file
    /// without content is left as it is.
    pub(crate) fn replace_content(&self, record: &mut Value) {
        for pointer in self.at.locations(record) {
            let Some(file) = record.pointer_mut(&pointer) else { continue };
            let content = match &self.content {
                Some(path) => path.text(file),
                None => scalar_text(file),
            };
            let Some(content) = content else { continue };
            let name = self.name.as_ref().and_then(|name| name.text(file));
            *file = match decode_base64(&content) {
                Some(bytes) => json!({
                    "name": name,
                    "bytes": bytes.len(),
                    "sha256": hex::encode(Sha256::digest(&bytes)),
                }),
                None => json!({ "name": name, "unreadable": true }),
            };
        }
    }
}

/// Decodes Base64, with or without the head of a data URL.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = match text.split_once(";base64,") {
        Some((head, content)) if head.starts_with("data:") => content,
        _ => text,
    };
    envelope::open(&[Layer::Base64], text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_its_name_size_and_hash() {
        let attachment: Attachment = serde_json::from_value(json!({
            "at": "$.files[*]", "name": "$.n", "content": "$.c",
        }))
        .unwrap();
        let mut record = json!({ "files": [
            { "n": "a.txt", "c": "YWJj\r\n" }, { "n": "b.txt", "c": "data:text/plain;base64,YWJj" },
            { "n": "c.txt", "c": "???" }, { "n": "d.txt", "c": null },
        ] });
        attachment.replace_content(&mut record);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            record,
            json!({ "files": [
                { "name": "a.txt", "bytes": 3, "sha256": sha256 },
                { "name": "b.txt", "bytes": 3, "sha256": sha256 },
                { "name": "c.txt", "unreadable": true },
                { "n": "d.txt", "c": null },
            ] })
        );
    }

    #[test]
    fn the_text_of_an_xml_element_is_the_content_of_a_file() {
        let attachment: Attachment =
            serde_json::from_value(json!({ "at": "$.fj[*]", "name": "$['@mc']" })).unwrap();
        let mut record = json!({ "fj": [{ "@mc": "x.jpg", "$text": "YWJj" }] });
        attachment.replace_content(&mut record);
        assert_eq!(record["fj"][0]["bytes"], 3);
        assert_eq!(record["fj"][0]["name"], "x.jpg");
    }
}
