//! XML as a tree that the paths of JSON address.
//!
//! Children are always arrays, so a list of one looks like a list of two. Prefixes of names are
//! dropped: every vendor's SOAP kit invents its own. Nothing is expanded: an entity that a document
//! declares itself stays as it is written. A reference to a character that XML does not allow is
//! that character: cleaning removes it and says so, and the record lives.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value, map::Entry};

use crate::tree::{Broken, MAX_DEPTH, MAX_NODES};

/// The name under which text stands.
const TEXT: &str = "$text";

/// Makes a tree of an XML text: one object with the root element in it.
///
/// # Errors
/// It is no XML, it ends too early, or it is too deep or too large.
pub fn parse(text: &str) -> Result<Value, Broken> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.check_end_names = true;
    let mut open = vec![Element::default()];
    let mut n_nodes = 0;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| Broken::at(reason(&error), at))?;
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(Broken::at(format!("more than {MAX_DEPTH} levels"), at));
                }
                open.push(Element::of(&start, &mut n_nodes));
            }
            Event::Empty(start) => {
                let element = Element::of(&start, &mut n_nodes);
                add(&mut open, element);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    add(&mut open, element);
                }
            }
            Event::Text(text) => say(&mut open, &text.xml10_content()),
            Event::CData(text) => say(&mut open, &text.xml10_content()),
            Event::GeneralRef(name) => say(&mut open, &resolve(&name.into_inner())),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if n_nodes > MAX_NODES {
            return Err(Broken::at(format!("more than {MAX_NODES} nodes"), at));
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(document), true) if document.children.len() == 1 => {
            Ok(Value::Object(document.children))
        }
        (Some(_), true) => Err(Broken::new("the text is no XML document")),
        _ => Err(Broken::new("the XML text ends too early")),
    }
}

/// An element that is not closed yet; the document itself is the outermost.
#[derive(Default)]
struct Element {
    name: String,
    children: Map<String, Value>,
    n_attributes: usize,
    text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>, n_nodes: &mut usize) -> Self {
        let mut element = Self { name: local(start.name().0), ..Self::default() };
        *n_nodes += 1;
        // One that cannot be read is left out: nothing hangs on it but itself.
        for attribute in start.attributes().with_checks(false).flatten() {
            let name = attribute.key.0;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            *n_nodes += 1;
            let value = unescape(&attribute.value);
            element.children.insert(format!("@{}", local(name)), Value::String(value));
        }
        element.n_attributes = element.children.len();
        element
    }

    /// Blanks between children are layout; the text of an element without children is all text.
    fn close(self) -> (String, Value) {
        let Self { name, mut children, n_attributes, text } = self;
        let is_leaf = children.len() == n_attributes;
        let text = if is_leaf { text } else { text.trim().to_owned() };
        if !text.is_empty() {
            children.insert(TEXT.to_owned(), Value::String(text));
        }
        (name, Value::Object(children))
    }
}

fn add(open: &mut [Element], element: Element) {
    let (name, value) = element.close();
    let Some(parent) = open.last_mut() else { return };
    match parent.children.entry(name) {
        Entry::Occupied(mut entry) => {
            if let Value::Array(list) = entry.get_mut() {
                list.push(value);
            }
        }
        Entry::Vacant(entry) => {
            entry.insert(Value::Array(vec![value]));
        }
    }
}

fn say(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn local(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
}

/// What a reference stands for, named between `&` and `;`.
fn resolve(name: &str) -> String {
    let character = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.strip_prefix('#').map(|code| {
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => code.parse(),
            };
            // Half a character, or none at all.
            code.ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
        }),
    };
    character.map_or_else(|| format!("&{name};"), String::from)
}

fn unescape(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        unescaped.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.split_once(';').filter(|(name, _)| name.len() <= 12 && !name.contains('&')) {
            Some((name, behind)) => {
                unescaped.push_str(&resolve(name));
                rest = behind;
            }
            None => unescaped.push('&'),
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// The parser's own words quote names of the document, which are not personal, and nothing else;
/// still, only the kind is told.
fn reason(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::IllFormed(_) => "an element is not closed as it was opened",
        quick_xml::Error::Syntax(_) => "the XML text ends within a mark",
        _ => "not XML",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn children_are_arrays_text_is_text_and_attributes_are_marked() {
        let tree = parse(
            "\u{feff}<?xml version=\"1.0\"?><!-- x -->\n<s:a xmlns:s=\"urn:x\" n=\"1 &lt; 2\" s:m='&amp;'>\n \
             <b>x</b> <s:c/> <b> y </b>\n</s:a>",
        );
        let expected = json!({ "a": [{
            "@n": "1 < 2", "@m": "&", "b": [{ "$text": "x" }, { "$text": " y " }], "c": [{}],
        }] });
        assert_eq!(tree, Ok(expected));
    }

    #[test]
    fn text_comes_together_from_all_its_pieces() {
        let tree = parse("<a>张三 &amp; <![CDATA[<b>]]]]><![CDATA[>]]> R&D &nbsp;&#x674E;</a>");
        assert_eq!(tree, Ok(json!({ "a": [{ "$text": "张三 & <b>]]> R&D &nbsp;李" }] })));
    }

    #[test]
    fn a_reference_to_a_forbidden_character_spoils_nothing() {
        let tree = parse("<a>x&#x0;y&#xB;z&#xD800;&#99999999;&#;</a>");
        let expected = "x\u{0}y\u{b}z\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(tree, Ok(json!({ "a": [{ "$text": expected }] })));
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\"><!ENTITY f SYSTEM \
                    \"file:///etc/passwd\">]><x y=\"&b;\">&b;&f;</x>";
        assert_eq!(parse(bomb), Ok(json!({ "x": [{ "@y": "&b;", "$text": "&b;&f;" }] })));
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        for text in
            ["", "x", "<a>", "<a><b></a>", "<a/><b/>", "{\"a\":1}", "<a", "<a></b>", "<?xml?>"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_and_size_are_limited_without_recursion() {
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert!(parse(&deep(10_000)).unwrap_err().to_string().contains("levels"));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_NODES));
        assert!(parse(&wide).unwrap_err().to_string().contains("nodes"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>/a-c!?\\[\\]&;#x0-9=\"' \\-\u{4e00}]{0,60}") {
            let _ = parse(&text);
        }
    }
}
