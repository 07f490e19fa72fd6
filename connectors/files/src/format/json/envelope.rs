//! Reads the records of a JSON document that is more than their list: `{"code": 0, "data": [...]}`.

use std::{fs::File, os::unix::fs::FileExt as _};

use document::{Facts, Findings, Path, Shape, Text, decode};
use normalizer_text::Hints;
use serde_json::Value;

use super::{RawRow, RowReader};
use crate::spool::FileError;

/// The maximum size of such a document, which is parsed as a whole.
const MAX_BYTES: u64 = 64 << 20;

/// Opens a document whose records are the elements of the list at `path`.
pub(in crate::format) fn open_document(
    file: &File,
    hints: &Hints<'_>,
    path: &Path,
) -> Result<RowReader, FileError> {
    let n_bytes = file.metadata()?.len();
    if n_bytes > MAX_BYTES {
        let detail = format!("a document with `records` has at most {MAX_BYTES} bytes");
        return Err(FileError::content("too_large", detail));
    }
    let mut bytes = vec![0; usize::try_from(n_bytes).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let mut text = decode(&bytes, hints);
    let bad_json = |detail| FileError::content("bad_json", detail);
    let mut tree = text.parse(Shape::Json).map_err(bad_json)?;
    let Text { facts: Facts { findings, .. }, .. } = text;
    let records = take_records(&mut tree, &findings, path).map_err(bad_json)?;
    let mut records = records.into_iter().enumerate();
    Ok(Box::new(move || {
        let Some((index, tree)) = records.next() else { return Ok(None) };
        let text = tree.to_string();
        let bytes = findings.source_bytes(&text);
        // Markers stand for other bytes.
        let is_clean = bytes == text.as_bytes();
        Ok(Some(RawRow {
            at: format!("record {index}"),
            bytes: Some(bytes),
            findings: if is_clean { Findings::default() } else { findings.clone() },
            tree,
            ..RawRow::default()
        }))
    }))
}

/// Takes the records out of the document. Fails if the list is missing, is no list, may be another
/// list, or if the document around it is damaged.
fn take_records(tree: &mut Value, findings: &Findings, path: &Path) -> Result<Vec<Value>, String> {
    // `$.data[*]` means the elements of the list `$.data`, which may be empty.
    let list = path.as_str().strip_suffix("[*]").unwrap_or(path.as_str());
    let lists = Path::parse(list)?.locations(tree);
    let mut records = Vec::new();
    for pointer in &lists {
        match tree.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(list)) => records.extend(list),
            _ => return Err(format!("what the document has at `{list}` is not a list")),
        }
    }
    records.retain(|record| !findings.is_missing_value(record));
    if lists.is_empty() {
        return Err(format!("the document has no list at `{list}`"));
    }
    if let Some(damage) = findings.damage_in(tree) {
        return Err(damage);
    }
    let repeated = findings.repeated_names(tree);
    match repeated.iter().find(|name| list.contains(name.as_str())) {
        Some(name) => Err(format!("the document has `{name}` twice, with different values")),
        None => Ok(records),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str, path: &str) -> Result<Vec<String>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let opened = open_document(&file, &Hints::default(), &Path::parse(path).unwrap());
        match opened {
            Ok(mut next) => {
                Ok(std::iter::from_fn(|| next().unwrap()).map(|row| row.tree.to_string()).collect())
            }
            Err(FileError::Content(reason)) => Err(reason.detail),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn records_are_found_in_an_envelope() {
        for path in ["$.data.rows", "$.data.rows[*]", "$['data'].rows"] {
            let text = r#"{"code":0,"data":{"total":2,"rows":[{"id":1},{"id":2}]}}"#;
            assert_eq!(read(text, path).unwrap(), [r#"{"id":1}"#, r#"{"id":2}"#], "{path}");
            assert!(read(r#"{"data":{"rows":[]}}"#, path).unwrap().is_empty());
        }
        assert_eq!(read(r#"[{"id":1}]"#, "$[*]").unwrap(), [r#"{"id":1}"#]);
    }

    #[test]
    fn a_missing_list_is_never_an_empty_one() {
        for (text, problem) in [
            (r#"{"code":0}"#, "no list"),
            (r#"{"data":null}"#, "not a list"),
            (r#"{"Data":[{"id":1}]}"#, "no list"),
            (r#"{"data":{"id":1}}"#, "not a list"),
            (r#"{"data":"[]"}"#, "not a list"),
            (r#"{"data":[{"id":1}],"data":[]}"#, "twice"),
            (r#"{"data":[{"id":1}],"code":NaN}"#, "code"),
            (r#"{"data":[{"id":1}"#, "ends too early"),
            ("[]", "no list"),
            ("null", "no list"),
        ] {
            for path in ["$.data", "$.data[*]"] {
                let error = read(text, path).unwrap_err();
                assert!(error.contains(problem), "{text}: {error}");
            }
        }
    }
}
