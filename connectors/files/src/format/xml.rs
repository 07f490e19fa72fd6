//! Reads the records of an XML document: the children of its root, or all elements with one name.
//!
//! Records are parsed into trees one at a time. Damage in one does not affect the records after it.

use std::{collections::VecDeque, io::ErrorKind, sync::Arc};

use contract::Reason;
use document::{Builder, Defects, Entities, KeyPath, Step, without_long_numbers};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::Value;

use super::{RawRow, RowReader, stream::TextStream};
use crate::{options::Options, spool::FileError, text::DecodedFile};

/// The number of element names that a message shows.
const MAX_NAMES: usize = 10;

/// Names of elements in which a document says that it is not whole.
const FAILURES: [&str; 5] = ["error", "errors", "exception", "错误", "异常"];
/// What stands there if all went well.
const SUCCESSES: [&str; 9] = ["0", "00", "000", "200", "false", "none", "null", "ok", "无"];

/// Opens an XML document.
pub(super) fn open(file: DecodedFile, options: &Options) -> RowReader {
    let mut xml = XmlReader::new(file, options);
    Box::new(move || xml.next())
}

struct XmlReader {
    reader: Reader<TextStream>,
    /// Name of the element that is a record; `None` for the children of the root.
    element: Option<String>,
    limit: usize,
    /// Names of the open elements around the records.
    ancestors: Vec<String>,
    entities: Entities,
    n_records: u64,
    /// The number of records before the open element whose name is `element` in other letters.
    n_before_misspelt: Option<u64>,
    /// Names of elements that are not records, and whether there is text outside records.
    other_names: Vec<String>,
    has_other_text: bool,
    /// The name of an element outside records that reports a failure.
    failure: Option<String>,
    /// The name of the first record.
    first_name: Option<String>,
    /// Whether the text outside records goes on after a `&lt;`.
    is_after_lt: bool,
    key: KeyPath,
    /// Records that were read and not returned yet.
    pending: VecDeque<RawRow>,
}

impl XmlReader {
    fn new(file: DecodedFile, options: &Options) -> Self {
        let mut reader = Reader::from_reader(TextStream::new(file));
        Builder::configure(reader.config_mut());
        reader.config_mut().expand_empty_elements = true;
        let (element, limit) = (options.config.element.clone(), options.max_record_bytes);
        Self {
            reader,
            element,
            limit,
            ancestors: Vec::new(),
            entities: Entities::default(),
            n_records: 0,
            n_before_misspelt: None,
            other_names: Vec::new(),
            has_other_text: false,
            failure: None,
            first_name: None,
            is_after_lt: false,
            key: options.config.key.clone(),
            pending: VecDeque::new(),
        }
    }

    fn is_record(&self, start: &BytesStart<'_>) -> bool {
        match &self.element {
            Some(name) => start.local_name().as_ref() == name.as_str(),
            None => self.ancestors.len() == 1,
        }
    }

    /// Whether this is the name of a record, with small letters for capital ones or the reverse.
    fn is_misspelt(&self, name: &str) -> bool {
        let other = self.element.as_ref().filter(|element| *element != name);
        other.is_some_and(|element| element.eq_ignore_ascii_case(name))
    }

    /// Reads the record whose start tag was just read at offset `from`, up to its end. Appends it
    /// to `pending`; if its end tag is missing, also the records that were read with it.
    fn read_record(&mut self, from: u64, start: &BytesStart<'_>) -> Result<(), FileError> {
        let ancestors = self.ancestors.clone();
        let findings = &mut self.reader.get_mut().findings;
        let mut builder = Builder::record(start, ancestors, &self.entities, findings);
        let mut buffer = Vec::new();
        let trees = loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            let event = event.map_err(|error| self.xml_error(&error))?;
            if matches!(event, Event::Eof) {
                let detail = format!("the document ends within {}", self.next_record());
                return Err(FileError::content("truncated", detail));
            }
            let step = builder.take(event, &mut self.reader.get_mut().findings);
            match step.map_err(|detail| self.bad_xml(detail))? {
                Step::More => {}
                Step::Complete(trees) => break trees,
                Step::EndedByParent(trees, name) => {
                    self.close_ancestor(&name);
                    break trees;
                }
            }
            if self.reader.buffer_position() - from > self.limit as u64 {
                return Err(FileError::too_large(&self.next_record(), self.limit));
            }
        };
        let to = self.reader.buffer_position();
        let stream = self.reader.get_mut();
        let (bytes, flags, findings) = stream.source(from, to);
        let findings = Arc::new(findings);
        stream.drop_before(to);
        let name = start.local_name().as_ref().to_owned();
        self.first_name.get_or_insert_with(|| name.clone());
        for tree in trees {
            let damage = contains_record(&tree, &name, &self.key).then(|| {
                Reason::new("bad_xml", "the record contains another record, with its own key")
            });
            self.pending.push_back(RawRow {
                at: self.next_record(),
                tree,
                bytes: Some(bytes.clone()),
                findings: Arc::clone(&findings),
                defects: Defects { flags: flags.clone(), damage },
                ..RawRow::default()
            });
            self.n_records += 1;
        }
        Ok(())
    }

    /// The place of the next record, for people, who count from 1.
    fn next_record(&self) -> String {
        format!("record {}", self.n_records + 1)
    }

    /// Closes the innermost ancestor with this name, and the ancestors within it.
    fn close_ancestor(&mut self, name: &str) {
        if let Some(at) = self.ancestors.iter().rposition(|open| open == name) {
            self.ancestors.truncate(at);
        }
    }

    /// Notes text outside records, which is refused if it has the start tag of a record: as text, records are not
    /// read. It may be in an envelope, or in place of the records.
    fn see_text(&mut self, text: &str) -> Result<(), FileError> {
        self.has_other_text |= !text.trim().is_empty();
        let is_failure = |name: &&String| FAILURES.contains(&name.to_lowercase().as_str());
        let is_success = |text: &str| text.is_empty() || SUCCESSES.contains(&text);
        if !is_success(&text.trim().to_lowercase()) && self.failure.is_none() {
            self.failure = self.ancestors.iter().find(is_failure).cloned();
        }
        let name = self.element.as_ref().or(self.first_name.as_ref());
        let begins = |text: &str| {
            let after = name.and_then(|name| text.strip_prefix(name.as_str()));
            after.is_some_and(|after| {
                !after.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c))
            })
        };
        let is_after_lt = std::mem::take(&mut self.is_after_lt) && begins(text);
        if is_after_lt || text.split('<').skip(1).any(begins) {
            return Err(self.bad_xml(
                "records stand in the document as text, in CDATA or with `&lt;` for `<`; ask the source to write them \
                 as elements; found",
            ));
        }
        Ok(())
    }

    /// The end of a document without records: only an empty root says that there are none.
    fn no_records(&self) -> Result<Option<RawRow>, FileError> {
        if self.other_names.len() < 2 && !self.has_other_text {
            return Ok(None);
        }
        let element = self.element.as_ref();
        let element = element.map_or("a child of the root".to_owned(), |name| format!("`{name}`"));
        let found = without_long_numbers(&self.other_names.join("`, `"));
        let detail =
            format!("no record was found: none is {element}, but the document has `{found}`");
        Err(FileError::content("no_records", detail))
    }

    fn xml_error(&self, error: &quick_xml::Error) -> FileError {
        match error {
            quick_xml::Error::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
                let at = format!("{}, or what stands before it", self.next_record());
                FileError::too_large(&at, self.limit)
            }
            quick_xml::Error::Io(error) => FileError::Disk(error.kind().into()),
            // The parser's own message may show text of the document.
            _ => self.bad_xml("the text is not XML"),
        }
    }

    fn bad_xml(&self, detail: &str) -> FileError {
        let position = self.reader.get_ref().position();
        FileError::content("bad_xml", format!("{detail} at {position}"))
    }

    fn next(&mut self) -> Result<Option<RawRow>, FileError> {
        let mut buffer = Vec::new();
        loop {
            if let Some(row) = self.pending.pop_front() {
                return Ok(Some(row));
            }
            let from = self.reader.buffer_position();
            self.reader.get_mut().drop_before(from);
            self.reader.get_mut().set_limit(from, self.limit);
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            match event.map_err(|error| self.xml_error(&error))? {
                Event::Start(start) if self.is_record(&start) => self.read_record(from, &start)?,
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    if self.is_misspelt(&name) {
                        self.n_before_misspelt = Some(self.n_records);
                    }
                    if self.other_names.len() < MAX_NAMES && !self.other_names.contains(&name) {
                        self.other_names.push(name.clone());
                    }
                    self.ancestors.push(name);
                }
                Event::DocType(doctype) => self.entities = Entities::declared(&doctype),
                Event::Text(text) if !self.ancestors.is_empty() => {
                    self.see_text(&text.xml10_content())?;
                }
                Event::CData(text) => self.see_text(&text.xml10_content())?,
                Event::GeneralRef(name) => {
                    self.has_other_text = true;
                    self.is_after_lt = ["lt", "#60", "#x3c", "#x3C"].contains(&&*name);
                }
                Event::End(end) => {
                    let name = end.local_name().as_ref().to_owned();
                    if self.ancestors.last() != Some(&name) {
                        return Err(self.bad_xml("an end tag does not match the open element"));
                    }
                    // It is no list of records, so it seems to be a record.
                    if self.is_misspelt(&name) && self.n_before_misspelt == Some(self.n_records) {
                        let detail = format!(
                            "`<{name}>` is not a record, because `element` is written with other \
                             letters; ask the source to write one name; found"
                        );
                        return Err(self.bad_xml(&detail));
                    }
                    self.close_ancestor(&name);
                }
                Event::Eof if self.ancestors.is_empty() => {
                    if let Some(name) = self.failure.as_ref().filter(|_| self.n_records > 0) {
                        let detail = format!(
                            "the document has `<{name}>` beside its records: some may be missing; ask the source for \
                             the file again"
                        );
                        return Err(FileError::content("truncated", detail));
                    }
                    return if self.n_records == 0 { self.no_records() } else { Ok(None) };
                }
                Event::Eof => {
                    return Err(FileError::content("truncated", "the root element is not closed"));
                }
                _ => {}
            }
        }
    }
}

/// Whether a record contains an element of its own name that has a key.
fn contains_record(tree: &Value, name: &str, key: &KeyPath) -> bool {
    match tree {
        Value::Object(element) => element.iter().any(|(child, list)| {
            let has_key = |value: &Value| key.paths().iter().all(|path| path.text(value).is_some());
            let is_record = |value: &Value| child == name && has_key(value);
            let mut values = list.as_array().into_iter().flatten();
            values.any(|value| is_record(value) || contains_record(value, name, key))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use normalizer_text::Charset;
    use serde_json::json;

    use super::*;
    use crate::{options, text};

    fn rows(bytes: &[u8], element: Option<&str>) -> (Vec<RawRow>, Option<String>) {
        let mut options = options::for_tests();
        options.config.element = element.map(str::to_owned);
        let mut xml = XmlReader::new(text::decoded_file(bytes, Charset::Utf8), &options);
        let mut found = Vec::new();
        loop {
            match xml.next() {
                Ok(Some(row)) => found.push(row),
                Ok(None) => return (found, None),
                Err(FileError::Content(reason)) => return (found, Some(reason.code.into_owned())),
                Err(FileError::Disk(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_record_whose_name_has_other_letters_is_never_passed_over() {
        for (text, n_rows, expected) in [
            ("<a><Row><id>1</id></Row><row><id>2</id></row></a>", 0, Some("bad_xml")),
            ("<a><row><id>1</id></row><x><ROW/></x></a>", 1, Some("bad_xml")),
            ("<ROW><row><id>1</id></row></ROW>", 1, None),
            ("<a><Row><row><id>1</id></row></Row><rows/></a>", 1, None),
        ] {
            let (rows, ended) = rows(text.as_bytes(), Some("row"));
            assert_eq!((rows.len(), ended.as_deref()), (n_rows, expected), "{text}");
        }
    }

    #[test]
    fn text_beside_records_that_means_that_some_are_missing_ends_the_file() {
        let row = "<row><id>1</id></row>";
        let escaped = "&lt;row&gt;&lt;id&gt;2&lt;/id&gt;&lt;/row&gt;";
        for (text, element, n_rows, expected) in [
            (format!("<a><![CDATA[{row}]]></a>"), Some("row"), 0, Some("bad_xml")),
            (format!("<a><![CDATA[{row}]]></a>"), None, 0, Some("no_records")),
            (format!("<a>{escaped}</a>"), Some("row"), 0, Some("bad_xml")),
            (format!("<a>{escaped}</a>"), None, 0, Some("no_records")),
            ("<a>&#22;</a>".to_owned(), None, 0, Some("no_records")),
            (format!("<a>{row}<![CDATA[{row}]]></a>"), None, 1, Some("bad_xml")),
            (format!("<a>{row}{escaped}</a>"), Some("row"), 1, Some("bad_xml")),
            (format!("<a><b><![CDATA[<p>row</p> <rows>]]></b>{row}</a>"), Some("row"), 1, None),
            (format!("<a><b>1 &lt; 2</b>{row}</a>"), Some("row"), 1, None),
            (
                format!("<a>{row}<error code=\"500\">超时</error></a>"),
                Some("row"),
                1,
                Some("truncated"),
            ),
            (format!("<a><Error> OK </Error><errors/>{row}</a>"), Some("row"), 1, None),
        ] {
            let (rows, ended) = rows(text.as_bytes(), element);
            assert_eq!((rows.len(), ended.as_deref()), (n_rows, expected), "{text}");
        }
    }

    #[test]
    fn children_are_arrays_text_and_attributes_have_names() {
        let text = "<?xml version=\"1.0\"?><!-- x --><rows n='2'>\n <row id='7'><bt>题&amp;目&#x8BC9;</bt>\
                    <fj/><fj>a</fj><nr><![CDATA[<b>]]> 内容</nr></row>\n <x:row xmlns:x='u'/></rows>\n";
        let (rows, ended) = rows(text.as_bytes(), None);
        assert_eq!(ended, None);
        let expected = json!({
            "@id": "7", "bt": [{ "$text": "题&目诉" }], "fj": [{}, { "$text": "a" }],
            "nr": [{ "$text": "<b> 内容" }],
        });
        assert_eq!(rows[0].tree, expected);
        // A namespace is a declaration, not a value.
        assert_eq!(rows[1].tree, json!({}));
    }

    #[test]
    fn records_are_found_by_their_name_at_any_depth() {
        let text =
            b"<a><head><n>2</n></head><body><row><n>1</n></row><row><n>2</n></row></body></a>";
        let (rows, _) = rows(text, Some("row"));
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].tree, json!({ "n": [{ "$text": "2" }] }));
    }

    #[test]
    fn gbk_that_says_gb2312_is_read_and_its_damage_is_found() {
        let text = b"<?xml version='1.0' encoding='GB2312'?><a>\n<r><n>\xfe\x9f</n></r>\n<r><n>\xff\xff</n></r>\n<r/></a>";
        let (rows, ended) = rows(text, None);
        assert_eq!((rows.len(), ended), (3, None));
        assert_eq!(rows[0].tree, json!({ "n": [{ "$text": "䶮" }] }));
        let findings = rows.iter().map(|row| row.findings.defects_in("", &row.tree, "gb18030"));
        let n_malformed: Vec<usize> = findings.map(|found| found.flags.len()).collect();
        assert_eq!(n_malformed, [0, 1, 0]);
        assert_eq!(rows[1].bytes.as_deref(), Some(&b"<r><n>\xff\xff</n></r>\n"[..]));
    }

    #[test]
    fn malformed_xml_ends_the_file_and_keeps_the_records_before_it() {
        let deep = format!("<a><r>{}{}</r></a>", "<x>".repeat(200), "</x>".repeat(200));
        for (text, code, n) in [
            ("<a><r/><r>", "truncated", 1),
            ("<a><r/>", "truncated", 1),
            ("<a><r/></b><r/></a>", "bad_xml", 1),
            ("<a><r/><r></s></r></a>", "", 2),
            // The damage ends with the record.
            (deep.as_str(), "", 1),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a><r>&x;&x;</r></a>", "", 1),
        ] {
            let (rows, ended) = rows(text.as_bytes(), None);
            assert_eq!((ended.unwrap_or_default().as_str(), rows.len()), (code, n), "{text}");
        }
    }

    #[test]
    fn what_is_larger_than_a_record_is_refused_before_it_is_read_to_its_end() {
        let long = "长a".repeat(400_000);
        for text in [
            format!("<a><r><n>{long}</n></r></a>"),
            format!("<a><r/><!-- {long} --><r/></a>"),
            format!("<a><r n='{long}'/></a>"),
            format!("<!DOCTYPE a [<!ENTITY x '{long}'>]><a><r/></a>"),
        ] {
            let mut options = options::for_tests();
            options.max_record_bytes = 100_000;
            let file = text::decoded_file(text.as_bytes(), Charset::Utf8);
            let mut xml = XmlReader::new(file, &options);
            let ended = (0..9).find_map(|_| xml.next().err());
            let Some(FileError::Content(reason)) = ended else { panic!("{ended:?}") };
            assert_eq!(reason.code, "too_large");
        }
    }

    #[test]
    fn a_name_that_the_document_declares_is_replaced_in_each_record_or_damages_it() {
        let text = "<!DOCTYPE a [<!ENTITY x '路'><!ENTITY y SYSTEM 'z'>]>
            <a><r><n>&x;灯</n></r><r><n>&y;灯</n></r><r n='&x;'/></a>";
        let (rows, _) = rows(text.as_bytes(), None);
        assert_eq!(rows[0].tree, json!({ "n": [{ "$text": "路灯" }] }));
        assert_eq!(rows[2].tree, json!({ "@n": "路" }));
        let damaged: Vec<bool> =
            rows.iter().map(|row| row.findings.damage_in(&row.tree).is_some()).collect();
        assert_eq!(damaged, [false, true, false]);
    }

    #[test]
    fn a_document_in_which_no_record_is_found_is_not_empty() {
        for (text, element, reason) in [
            ("<a><row><id>1</id></row></a>", Some("Row"), "bad_xml"),
            ("<a><code>0</code></a>", Some("row"), "no_records"),
            ("<error>denied</error>", None, "no_records"),
        ] {
            assert_eq!(rows(text.as_bytes(), element).1.as_deref(), Some(reason), "{text}");
        }
        for (text, element) in [("<a/>", Some("row")), ("<a></a>", None), ("<a>\n</a>", None)] {
            assert_eq!(rows(text.as_bytes(), element).1, None, "{text}");
        }
    }

    #[test]
    fn a_record_within_a_record_is_damage_and_a_field_of_its_name_is_not() {
        let nested = "<a><id>1</id><b><id>2</id></b></a>";
        let text = format!("<all>{}{}</all>", nested.replace('b', "a"), nested);
        let mut options = options::for_tests();
        options.config.key = document::Path::parse("$.id[0]['$text']").unwrap().into();
        let mut xml = XmlReader::new(text::decoded_file(text.as_bytes(), Charset::Utf8), &options);
        let rows: Vec<RawRow> = std::iter::from_fn(|| xml.next().unwrap()).collect();
        let damaged: Vec<bool> = rows.iter().map(|row| row.defects.damage.is_some()).collect();
        assert_eq!(damaged, [true, false]);
    }
}
