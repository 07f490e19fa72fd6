//! Builds trees from the events of an XML reader: of a whole document, or of one record of it.

use contract::demand::QualityFlag;
use quick_xml::{
    events::{BytesStart, Event},
    reader::Config,
};
use serde_json::{Map, Value, map::Entry};

use crate::{
    findings::Findings,
    tree::{MAX_DEPTH, MAX_NODES},
};

/// The name under which the text of an element is stored.
const TEXT: &str = "$text";
/// HTML elements that have no end tag.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "col", "wbr"];

type Oddity = (QualityFlag, &'static str);
const FORBIDDEN: Oddity =
    (QualityFlag::ControlCharacters, "a character that XML forbids was removed");
const NO_CHARACTER: Oddity =
    (QualityFlag::Damaged, "it contains a reference that is not a character");
const LONE_AMP: Oddity = (QualityFlag::Damaged, "it contains a lone &");
const HTML: Oddity = (QualityFlag::Damaged, "it contains an HTML element that is not closed");
const REPEATED: Oddity =
    (QualityFlag::Damaged, "the attribute occurs twice with different values; the last one counts");
const UNCLOSED: (&str, &str) = ("bad_xml", "the element is not closed");
const UNOPENED: (&str, &str) = ("bad_xml", "it closes an element that is not open");
const BAD_ATTRIBUTE: (&str, &str) = ("bad_xml", "it has a malformed attribute");
const TOO_DEEP: (&str, &str) = ("bad_xml", "it has more than 128 levels");

/// Builds trees from events. Damage within a tree is marked in it.
#[derive(Debug)]
pub struct Builder {
    open: Vec<Element>,
    n_nodes: usize,
    /// Open elements below the depth limit.
    n_too_deep: usize,
    /// Names of the elements around the record; `None` where a whole document is built.
    around: Option<Vec<String>>,
}

/// The result of an event.
#[derive(Debug)]
pub enum Step {
    /// More events are needed.
    More,
    /// The document or the record. More than one record where a record was not closed: the elements
    /// of the same name within it are records of their own, and come after it.
    Whole(Vec<Value>),
    /// Records that were ended by the end tag of an element around them, and the name of that
    /// element.
    Cut(Vec<Value>, String),
}

impl Builder {
    /// Configures a reader: the builder, not the reader, checks how elements are closed.
    pub fn prepare(config: &mut Config) {
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
    }

    /// For a whole document.
    pub fn document() -> Self {
        Self { open: vec![Element::default()], n_nodes: 0, n_too_deep: 0, around: None }
    }

    /// For one record, whose start tag was just read, within other elements.
    pub fn record(start: &BytesStart<'_>, around: Vec<String>, findings: &mut Findings) -> Self {
        let around = Some(around);
        let mut builder = Self { open: Vec::new(), n_nodes: 0, n_too_deep: 0, around };
        let element = Element::of(start, &mut builder.n_nodes, findings);
        builder.open.push(element);
        builder
    }

    /// Takes an event.
    ///
    /// # Errors
    /// It is not a document, it ends too early, or it is too large.
    pub fn take(
        &mut self,
        event: Event<'_>,
        findings: &mut Findings,
    ) -> Result<Step, &'static str> {
        match event {
            Event::Start(_) if self.open.len() > MAX_DEPTH => {
                if self.n_too_deep == 0 {
                    self.damage(TOO_DEEP, findings);
                }
                self.n_too_deep += 1;
            }
            Event::End(_) if self.n_too_deep > 0 => self.n_too_deep -= 1,
            Event::Start(start) => {
                self.open.push(Element::of(&start, &mut self.n_nodes, findings));
            }
            Event::Empty(start) => {
                let element = Element::of(&start, &mut self.n_nodes, findings);
                self.add(element);
            }
            Event::End(end) => return Ok(self.end(local(end.name().0), findings)),
            Event::Text(text) => self.add_text(&text.xml10_content(), true, findings),
            Event::CData(text) => self.add_text(&text.xml10_content(), false, findings),
            Event::GeneralRef(name) => {
                if let Some(element) = self.open.last_mut() {
                    resolve(&name, &mut element.text, findings);
                }
            }
            Event::Eof => return self.finish(),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if self.n_nodes > MAX_NODES {
            return Err("more than 1000000 nodes");
        }
        Ok(Step::More)
    }

    /// Closes the innermost element of a name, and the open ones within it.
    fn end(&mut self, name: &str, findings: &mut Findings) -> Step {
        let outermost = usize::from(self.around.is_none());
        let opened = self.open.iter().rposition(|element| element.name == name);
        let Some(opened) = opened.filter(|at| *at >= outermost) else {
            if self.around.iter().flatten().any(|open| open == name) {
                return match self.close_to(0, true, findings) {
                    Step::Whole(trees) => Step::Cut(trees, name.to_owned()),
                    other => other,
                };
            }
            if !VOID.contains(&name) {
                self.damage(UNOPENED, findings);
            }
            return Step::More;
        };
        self.close_to(opened, false, findings)
    }

    /// Closes elements from the innermost to the one at `opened`.
    fn close_to(&mut self, opened: usize, is_unclosed: bool, findings: &mut Findings) -> Step {
        while self.open.len() > opened {
            let is_last = self.open.len() == opened + 1;
            let Some(mut element) = self.open.pop() else { break };
            if is_last && !is_unclosed {
                if self.open.is_empty() {
                    return Step::Whole(vec![element.close().1]);
                }
                self.add(element);
                break;
            }
            if VOID.contains(&element.name.as_str())
                && let Some(parent) = self.open.last_mut()
            {
                parent.absorb(element, findings);
                continue;
            }
            findings.damage(UNCLOSED, None, "", &mut element.text);
            let (name, mut value) = element.close();
            // A child of the same name is taken as the next element of its kind, not as a child.
            let next = value.as_object_mut().and_then(|element| element.remove(&name));
            let mut all = vec![value];
            if let Some(Value::Array(list)) = next {
                all.extend(list);
            }
            match self.open.last_mut() {
                None => return Step::Whole(all),
                Some(parent) => all.into_iter().for_each(|value| parent.add(name.clone(), value)),
            }
        }
        Step::More
    }

    fn finish(&mut self) -> Result<Step, &'static str> {
        if self.n_too_deep > 0 {
            return Err(TOO_DEEP.1);
        }
        if self.around.is_some() || self.open.len() > 1 {
            return Err("the XML text ends too early");
        }
        match self.open.pop() {
            Some(document) if document.children.len() == 1 => {
                Ok(Step::Whole(vec![Value::Object(document.children)]))
            }
            _ => Err("the text is not an XML document"),
        }
    }

    fn add(&mut self, element: Element) {
        let (name, value) = element.close();
        if let Some(parent) = self.open.last_mut() {
            parent.add(name, value);
        }
    }

    fn damage(&mut self, what: (&'static str, &'static str), findings: &mut Findings) {
        if let Some(element) = self.open.last_mut() {
            findings.damage(what, None, "", &mut element.text);
        }
    }

    fn add_text(&mut self, text: &str, has_references: bool, findings: &mut Findings) {
        let Some(element) = self.open.last_mut() else { return };
        if has_references && let Some(rest) = text.strip_prefix('&') {
            // The reader gives a lone `&` and the text after it as one text.
            if element.has_amp {
                element.text.push('&');
            } else {
                element.has_amp = true;
                findings.oddity(LONE_AMP, Some('&'), "&", &mut element.text);
            }
            return push_allowed(rest, &mut element.text, findings);
        }
        push_allowed(text, &mut element.text, findings);
    }
}

/// An element that is not closed yet; the document itself is the outermost.
#[derive(Debug, Default)]
struct Element {
    name: String,
    children: Map<String, Value>,
    n_attributes: usize,
    text: String,
    has_amp: bool,
}

impl Element {
    fn of(start: &BytesStart<'_>, n_nodes: &mut usize, findings: &mut Findings) -> Self {
        let mut element = Self { name: local(start.name().0).to_owned(), ..Self::default() };
        *n_nodes += 1;
        for attribute in start.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                findings.damage(BAD_ATTRIBUTE, None, start, &mut element.text);
                continue;
            };
            let name = attribute.key.0;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            *n_nodes += 1;
            let value = Value::String(unescape(&attribute.value, findings));
            // Attributes that differ only in their prefix have one name here.
            let name = format!("@{}", local(name));
            findings.insert(&mut element.children, name, value, REPEATED, "");
        }
        element.n_attributes = element.children.len();
        element
    }

    fn add(&mut self, name: String, value: Value) {
        match self.children.entry(name) {
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

    /// Adds an HTML element that was not closed. What seemed to be its content came after it, and
    /// is added to this element.
    fn absorb(&mut self, mut html: Self, findings: &mut Findings) {
        findings.oddity(HTML, None, "", &mut self.text);
        self.text.push_str(&std::mem::take(&mut html.text));
        let children = std::mem::take(&mut html.children);
        let (attributes, after): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(name, _)| name.starts_with('@'));
        html.children.extend(attributes);
        let (name, value) = html.close();
        self.add(name, value);
        for (name, value) in after {
            let Value::Array(list) = value else { continue };
            list.into_iter().for_each(|value| self.add(name.clone(), value));
        }
    }

    /// The name and the tree of the element. Blanks around text between children are layout and are
    /// removed; an element without children keeps all its text.
    fn close(self) -> (String, Value) {
        let Self { name, mut children, n_attributes, text, .. } = self;
        let is_leaf = children.len() == n_attributes;
        let text = if is_leaf { text } else { text.trim().to_owned() };
        if !text.is_empty() {
            children.insert(TEXT.to_owned(), Value::String(text));
        }
        (name, Value::Object(children))
    }
}

/// A name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn push_allowed(text: &str, into: &mut String, findings: &mut Findings) {
    let mut rest = text;
    let mut is_noted = false;
    while let Some(at) = rest.find(is_forbidden) {
        into.push_str(&rest[..at]);
        let len = rest[at..].chars().next().map_or(1, char::len_utf8);
        if !is_noted {
            findings.oddity(FORBIDDEN, None, &rest[at..at + len], into);
        }
        is_noted = true;
        rest = &rest[at + len..];
    }
    into.push_str(rest);
}

/// Appends the character that a reference stands for; `name` is what is between `&` and `;`.
fn resolve(name: &str, into: &mut String, findings: &mut Findings) {
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let Some(code) = name.strip_prefix('#') else {
                into.extend(["&", name, ";"]);
                return;
            };
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => code.parse(),
            };
            match code.ok().and_then(char::from_u32) {
                // Half of a surrogate pair, or no character at all.
                None => {
                    let instead = Some(char::REPLACEMENT_CHARACTER);
                    return findings.oddity(NO_CHARACTER, instead, &format!("&{name};"), into);
                }
                Some(character) if is_forbidden(character) => {
                    return findings.oddity(FORBIDDEN, None, &format!("&{name};"), into);
                }
                Some(character) => findings.named(character, ""),
            }
        }
    };
    into.push(character);
}

/// The value of an attribute.
fn unescape(text: &str, findings: &mut Findings) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let (mut rest, mut has_amp) = (text, false);
    while let Some(at) = rest.find('&') {
        push_allowed(&rest[..at], &mut unescaped, findings);
        rest = &rest[at + 1..];
        match rest.split_once(';').filter(|(name, _)| name.len() <= 12 && !name.contains('&')) {
            Some((name, after)) => {
                resolve(name, &mut unescaped, findings);
                rest = after;
            }
            None if has_amp => unescaped.push('&'),
            None => {
                has_amp = true;
                findings.oddity(LONE_AMP, Some('&'), "&", &mut unescaped);
            }
        }
    }
    push_allowed(rest, &mut unescaped, findings);
    unescaped
}
