//! An XML document of records: the children of its root, or elements of a name.
//!
//! One record at a time becomes a tree in which children are always arrays, text is `$text` and
//! attributes are `@name`. Names are taken without their prefix. Entities of a DTD are not
//! expanded, so nothing grows.

use contract::Reason;
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesRef, BytesStart, Event},
};
use serde_json::{Map, Value};

use super::{FormOptions, RawRow, RowReader, stream::Stream};
use crate::{spool::Broken, text::Pieces};

/// Elements within elements.
const MAX_DEPTH: usize = 64;

/// The records of an XML document.
pub(super) struct Xml {
    reader: Reader<Stream>,
    /// Name of a record's element.
    element: Option<String>,
    limit: usize,
    depth: usize,
    n_records: u64,
}

impl Xml {
    pub(super) fn open(pieces: Pieces, options: &FormOptions) -> Self {
        let mut reader = Reader::from_reader(Stream::new(pieces));
        reader.config_mut().expand_empty_elements = true;
        let (element, limit) = (options.element.clone(), options.max_record);
        Self { reader, element, limit, depth: 0, n_records: 0 }
    }

    fn is_record(&self, start: &BytesStart<'_>) -> bool {
        match &self.element {
            Some(name) => start.local_name().as_ref() == name.as_str(),
            None => self.depth == 1,
        }
    }

    fn record(&mut self, from: u64, root: Node) -> Result<RawRow, Broken> {
        let at = format!("record {}", self.n_records);
        let tree = self.tree(from, &at, root)?;
        let to = self.reader.buffer_position();
        let stream = self.reader.get_mut();
        let (bytes, malformed, marks) = stream.evidence(from, to);
        stream.forget(to);
        self.n_records += 1;
        Ok(RawRow { at, tree, bytes: Some(bytes), malformed, marks, problem: None::<Reason> })
    }

    /// The element that was just opened, up to its end.
    fn tree(&mut self, from: u64, at: &str, root: Node) -> Result<Value, Broken> {
        let (mut open, mut buffer) = (vec![root], Vec::new());
        loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            match event.map_err(|error| broken(&error))? {
                Event::Start(start) => {
                    if open.len() >= MAX_DEPTH {
                        let detail = format!("{at} is more than {MAX_DEPTH} elements deep");
                        return Err(Broken::content("bad_xml", detail));
                    }
                    open.push(Node::new(&start)?);
                }
                Event::End(_) => {
                    let Some(node) = open.pop() else { break };
                    match open.last_mut() {
                        None => return Ok(node.into_tree()),
                        Some(parent) => parent.adopt(node),
                    }
                }
                Event::Text(text) => push(&mut open, &text.xml10_content()),
                Event::CData(text) => push(&mut open, &text.xml10_content()),
                Event::GeneralRef(name) => push(&mut open, &referred(&name)),
                Event::Eof => break,
                _ => {}
            }
            if self.reader.buffer_position() - from > self.limit as u64 {
                return Err(Broken::too_large(at, self.limit));
            }
        }
        Err(Broken::content("truncated", format!("the document ends within {at}")))
    }
}

impl RowReader for Xml {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        let mut buffer = Vec::new();
        loop {
            let from = self.reader.buffer_position();
            self.reader.get_mut().forget(from);
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            match event.map_err(|error| broken(&error))? {
                Event::Start(start) => {
                    let node = Node::new(&start)?;
                    if self.is_record(&start) {
                        return self.record(from, node).map(Some);
                    }
                    self.depth += 1;
                }
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::Eof if self.depth == 0 => return Ok(None),
                Event::Eof => {
                    return Err(Broken::content("truncated", "the document is not closed"));
                }
                _ => {}
            }
        }
    }
}

/// An element that is open.
struct Node {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Node {
    fn new(start: &BytesStart<'_>) -> Result<Self, Broken> {
        let mut members = Map::new();
        for attribute in start.attributes() {
            let no = || Broken::content("bad_xml", "an attribute is malformed");
            let attribute = attribute.map_err(|_| no())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| no())?;
            let name = format!("@{}", attribute.key.local_name().as_ref());
            members.insert(name, Value::String(value.into_owned()));
        }
        Ok(Self { name: start.local_name().as_ref().to_owned(), members, text: String::new() })
    }

    fn adopt(&mut self, child: Self) {
        let name = child.name.clone();
        let siblings = self.members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(siblings) = siblings {
            siblings.push(child.into_tree());
        }
    }

    fn into_tree(mut self) -> Value {
        // Between elements there is nothing but layout.
        if !self.text.trim().is_empty() {
            self.members.insert("$text".to_owned(), Value::String(self.text));
        }
        Value::Object(self.members)
    }
}

fn push(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

/// What a reference stands for; one that is declared elsewhere stays as it is written.
fn referred(name: &BytesRef<'_>) -> String {
    match name.resolve_char_ref() {
        Ok(Some(character)) => character.to_string(),
        _ => resolve_xml_entity(name).map_or_else(|| format!("&{};", &**name), str::to_owned),
    }
}

fn broken(error: &quick_xml::Error) -> Broken {
    match error {
        quick_xml::Error::Io(error) => Broken::Disk(error.kind().into()),
        // The parser's own message may quote the text.
        _ => Broken::content("bad_xml", "the document is not well-formed"),
    }
}

#[cfg(test)]
mod tests {
    use normalizer_text::Charset;
    use serde_json::json;

    use super::*;
    use crate::{form, text};

    fn rows(bytes: &[u8], element: Option<&str>) -> (Vec<RawRow>, Option<String>) {
        let mut options = form::options();
        options.element = element.map(str::to_owned);
        let mut xml = Xml::open(text::pieces(bytes, Charset::Utf8), &options);
        let mut found = Vec::new();
        loop {
            match xml.next() {
                Ok(Some(row)) => found.push(row),
                Ok(None) => return (found, None),
                Err(Broken::Content(reason)) => return (found, Some(reason.code.into_owned())),
                Err(Broken::Disk(error)) => panic!("{error}"),
            }
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
        assert_eq!(rows[1].tree, json!({ "@x": "u" }));
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
        let n_malformed: Vec<usize> = rows.iter().map(|row| row.malformed.len()).collect();
        assert_eq!(n_malformed, [0, 1, 0]);
        assert_eq!(rows[1].bytes.as_deref(), Some(&b"<r><n>\xff\xff</n></r>\n"[..]));
    }

    #[test]
    fn what_is_not_well_formed_ends_the_file_and_keeps_what_it_gave() {
        let deep = format!("<a><r>{}", "<x>".repeat(100));
        for (text, said, n) in [
            ("<a><r/><r>", "truncated", 1),
            ("<a><r/>", "truncated", 1),
            ("<a><r/><r></s></a>", "bad_xml", 1),
            (deep.as_str(), "bad_xml", 0),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a><r>&x;&x;</r></a>", "", 1),
        ] {
            let (rows, ended) = rows(text.as_bytes(), None);
            assert_eq!((ended.unwrap_or_default().as_str(), rows.len()), (said, n), "{text}");
        }
    }
}
