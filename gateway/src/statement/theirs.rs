//! The source's own list of keys, as vendors write it: the first column of a CSV file, in UTF-8, UTF-16 or GBK, with or
//! without byte order mark, heading and quotes.

use std::{collections::BTreeMap, path::Path};

use contract::Fault;

/// Maximum size of a list, in KiB.
const MAX_FILE_KIB: u64 = 1 << 18;

/// The keys of a list.
#[derive(Debug, PartialEq)]
pub(crate) struct TheirKeys {
    /// The key of the first line, which may be a heading.
    pub(super) first: Option<String>,
    /// How often each key occurs.
    pub(super) counts: BTreeMap<String, u64>,
}

impl TheirKeys {
    /// Reads a list.
    ///
    /// # Errors
    /// The file cannot be read, has no known charset, or no key.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let place = path.display().to_string();
        let bytes = config::file_bytes(path, MAX_FILE_KIB).map_err(|why| {
            Fault::stopped("cannot read the list of keys").at(&*place).because(why)
        })?;
        Self::parse(&bytes).map_err(|fault| fault.at(place))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = normalizer_text::decode_file(bytes).ok_or_else(|| {
            Fault::stopped("the list of keys has no known charset")
                .remedy("save it as a CSV file in UTF-8; a workbook cannot be read here")
        })?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut first = None;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(&text))
            .from_reader(text.as_bytes());
        for record in reader.records() {
            let record = record.map_err(|error| {
                Fault::stopped("the list of keys is no CSV file").because(error)
            })?;
            let key = key(record.get(0).unwrap_or_default());
            if !key.is_empty() {
                first.get_or_insert_with(|| key.to_owned());
                *counts.entry(key.to_owned()).or_default() += 1;
            }
        }
        if counts.is_empty() {
            return Err(Fault::stopped("the list of keys has no key in its first column"));
        }
        Ok(Self { first, counts })
    }
}

/// What separates the columns: a tab, if the first line has one between two texts and no comma.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if first.contains('\t') && !first.contains(',') { b'\t' } else { b',' }
}

/// The key in a cell. Programs write `="0012"`, or a tab or an apostrophe before it, so that a spreadsheet does not take
/// it for a number.
fn key(cell: &str) -> &str {
    let cell = cell.trim();
    let quoted = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or_else(|| cell.strip_prefix('\'').unwrap_or(cell)).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<String> {
        TheirKeys::parse(bytes).unwrap().counts.into_keys().collect()
    }

    #[test]
    fn a_list_is_read_however_a_vendor_writes_it() {
        let gbk = b"\xB1\xE0\xBA\xC5,\xB1\xEA\xCC\xE2\r\nD-1,\"a\"\r\nD-2,\"b,\r\nc\"\r\n\r\n";
        assert_eq!(keys(gbk), ["D-1", "D-2", "编号"]);
        assert_eq!(keys("\u{feff}编号\r\nD-1\r\n\r\nD-2".as_bytes()), ["D-1", "D-2", "编号"]);
        let utf16: Vec<u8> =
            "\u{feff}D-1\tx\r\nD-2\ty\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(keys(&utf16), ["D-1", "D-2"]);
        assert_eq!(keys(b"=\"001\"\n\t002\n'003\n\" 004 \"\n"), ["001", "002", "003", "004"]);
    }

    #[test]
    fn keys_that_come_twice_are_counted_and_no_keys_are_an_error() {
        let list = TheirKeys::parse(b"b\na\nb\n").unwrap();
        assert_eq!(list.first.as_deref(), Some("b"));
        assert_eq!(list.counts, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
        for nothing in [&b""[..], b"\r\n\r\n", b",a\n", b"\xFF\xFFa"] {
            assert!(TheirKeys::parse(nothing).is_err(), "{nothing:?}");
        }
    }
}
