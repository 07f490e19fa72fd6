//! Reads the records of a JSON document that is more than their list: `{"code": 0, "data": [...]}`.

use std::{fs::File, os::unix::fs::FileExt as _, sync::Arc};

use document::{Diagnostics, DocumentFormat, Path, Text, decode, take_records};
use normalizer_text::Hints;

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
    let mut tree = text.parse(DocumentFormat::Json).map_err(bad_json)?;
    let Text { diagnostics: Diagnostics { findings, .. }, .. } = text;
    // `$.data` and `$.data[*]` mean the same list.
    let elements = match path.list() {
        Some(_) => path.clone(),
        None => Path::parse(&format!("{}[*]", path.as_str())).map_err(bad_json)?,
    };
    let records = take_records(&mut tree, &elements, false, &findings).map_err(bad_json)?;
    let mut records = records.into_iter().enumerate();
    let findings = Arc::new(findings);
    Ok(Box::new(move || {
        let Some((index, tree)) = records.next() else { return Ok(None) };
        Ok(Some(RawRow {
            at: format!("record {}", index + 1),
            bytes: Some(findings.source_bytes(&tree.to_string())),
            findings: Arc::clone(&findings),
            tree,
            ..RawRow::default()
        }))
    }))
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
    fn records_are_counted_from_one() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(br#"{"rows":[{"id":7},{"id":8}]}"#).unwrap();
        let path = Path::parse("$.rows").unwrap();
        let mut next = open_document(&file, &Hints::default(), &path).unwrap();
        let places: Vec<String> =
            std::iter::from_fn(|| next().unwrap()).map(|row| row.at).collect();
        assert_eq!(places, ["record 1", "record 2"]);
    }

    #[test]
    fn a_missing_list_is_never_an_empty_one() {
        for (text, problem) in [
            (r#"{"code":0}"#, "no list"),
            (r#"{"data":null}"#, "no list"),
            (r#"{"Data":[{"id":1}]}"#, "no list"),
            (r#"{"data":{"id":1}}"#, "no records"),
            (r#"{"data":"[]"}"#, "no list"),
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
