//! Builds the tree of a whole document, or of one record in it, from the events of an XML reader.

use quick_xml::{
    events::{BytesStart, Event},
    reader::Config,
};
use serde_json::{Map, Value};

use super::entities::{Entities, Entity, numbered, predefined};
use crate::{
    findings::{Findings, Problem},
    tree::{MAX_DEPTH, MAX_NODES},
};

/// The name under which the text of an element is stored.
pub const TEXT_NAME: &str = "$text";
/// HTML elements that have no content and no end tag.
const VOID_ELEMENTS: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "col", "wbr"];

const FORBIDDEN_CHARACTER: Problem =
    Problem::control_character("a character that XML forbids was removed", None);
const BAD_REFERENCE: Problem = Problem::irregularity(
    "it contains a character reference that names no character",
    Some(char::REPLACEMENT_CHARACTER),
);
const LONE_AMPERSAND: Problem = Problem::irregularity("it contains a lone &", Some('&'));
const ELSEWHERE: Problem = Problem::irregularity(
    "it contains a name that another file declares, which is not read",
    Some('&'),
);
/// The detail of the flag for a text that is not whole.
pub const MIXED_TEXT: &str =
    "it has text between elements that have text too, which is not in this value";
const MIXED: Problem = Problem::irregularity(MIXED_TEXT, None);
const UNCLOSED_HTML: Problem =
    Problem::irregularity("it contains an HTML element that is not closed", None);
const REPEATED_ATTRIBUTE: Problem = Problem::irregularity(
    "the attribute occurs twice, with different values; the last is used",
    None,
);
const UNCLOSED: Problem = damage("the element is not closed");
const UNOPENED: Problem = damage("it closes an element that is not open");
const BAD_ATTRIBUTE: Problem = damage("it has a malformed attribute");
const UNKNOWN_ENTITY: Problem =
    damage("it contains a name that the document declares for more than a short text");
const TOO_DEEP: &str = "it has more than 128 levels";

const fn damage(detail: &'static str) -> Problem {
    Problem::damage("bad_xml", detail, None)
}

/// Builds one or more trees from events. Damage is marked in the trees.
#[derive(Debug)]
pub struct Builder {
    /// The open elements, the innermost last.
    open: Vec<Element>,
    n_nodes: usize,
    /// Number of open elements deeper than the limit; they are not built.
    n_too_deep: usize,
    /// Names of the elements around the record; `None` if a whole document is built.
    ancestors: Option<Vec<String>>,
    /// Whether the text was searched as a whole and has no forbidden character. If not, each text
    /// in it is searched.
    has_only_allowed: bool,
    entities: Entities,
}

/// What [`Builder::take`] returns for an event.
#[derive(Debug)]
pub enum Step {
    /// More events are needed.
    More,
    /// The document or the record is complete. There are several records if an end tag was missing:
    /// the following records were then parsed as children of this one, and are returned after it.
    Complete(Vec<Value>),
    /// The record has no end tag, so the end tag of an element around it ended it. Contains the
    /// records, as in `Complete`, and the name of that element.
    EndedByParent(Vec<Value>, String),
}

impl Builder {
    /// Configures a reader, so that the builder and not the reader checks end tags.
    pub fn configure(config: &mut Config) {
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
    }

    /// A builder for a whole document.
    pub fn document(text: &str) -> Self {
        Self {
            open: vec![Element::default()],
            n_nodes: 0,
            n_too_deep: 0,
            ancestors: None,
            has_only_allowed: is_allowed(text),
            entities: Entities::default(),
        }
    }

    /// A builder for one record, after its start tag was read. `ancestors` are the elements around
    /// it, and `entities` what the document declares.
    pub fn record(
        start: &BytesStart<'_>,
        ancestors: Vec<String>,
        entities: &Entities,
        findings: &mut Findings,
    ) -> Self {
        let mut builder = Self {
            open: Vec::new(),
            n_nodes: 0,
            n_too_deep: 0,
            ancestors: Some(ancestors),
            has_only_allowed: false,
            entities: entities.clone(),
        };
        let element = builder.element(start, findings);
        builder.open.push(element);
        builder
    }

    /// Processes an event.
    ///
    /// # Errors
    /// The text is not an XML document, ends too early, or is too large.
    pub fn take(
        &mut self,
        event: Event<'_>,
        findings: &mut Findings,
    ) -> Result<Step, &'static str> {
        let n_findings = findings.len();
        match event {
            Event::Start(_) if self.open.len() > MAX_DEPTH => {
                if self.n_too_deep == 0 {
                    self.add_problem(damage(TOO_DEEP), findings);
                }
                self.n_too_deep += 1;
            }
            Event::End(_) if self.n_too_deep > 0 => self.n_too_deep -= 1,
            Event::Start(start) => {
                let element = self.element(&start, findings);
                self.open.push(element);
            }
            Event::Empty(start) => {
                let element = self.element(&start, findings);
                self.add(element, findings);
            }
            Event::End(end) => return Ok(self.end_element(local_name(end.name().0), findings)),
            Event::Text(text) => self.add_text(&text.xml10_content(), true, findings),
            Event::CData(text) => self.add_text(&text.xml10_content(), false, findings),
            Event::GeneralRef(name) => {
                if let Some(Element { text, is_ampersand_marked, .. }) = self.open.last_mut() {
                    push_reference(&name, text, is_ampersand_marked, &mut self.entities, findings);
                }
            }
            Event::Eof => return self.finish(),
            Event::DocType(doctype) => self.entities = Entities::declared(&doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        // What is kept about damage takes as much memory as a node.
        self.n_nodes += findings.len().saturating_sub(n_findings);
        if self.n_nodes > MAX_NODES {
            return Err("it has more than 1000000 nodes");
        }
        Ok(Step::More)
    }

    /// Closes the innermost open element with this name, and those within it. If none is open, the
    /// end tag of an element around the record ends the record; any other one is marked, except that
    /// of a void element.
    fn end_element(&mut self, name: &str, findings: &mut Findings) -> Step {
        let first_closable = usize::from(self.ancestors.is_none());
        let index = self.open.iter().rposition(|element| element.name == name);
        let Some(index) = index.filter(|at| *at >= first_closable) else {
            if self.ancestors.iter().flatten().any(|open| open == name) {
                return match self.close_to(0, true, findings) {
                    Step::Complete(trees) => Step::EndedByParent(trees, name.to_owned()),
                    other => other,
                };
            }
            if !VOID_ELEMENTS.contains(&name) {
                self.add_problem(UNOPENED, findings);
            }
            return Step::More;
        };
        self.close_to(index, false, findings)
    }

    /// Closes the open elements from the innermost one out to that at `index`. The end tag of the one
    /// at `index` was read, unless `lacks_end_tag`; the others have none.
    fn close_to(&mut self, index: usize, lacks_end_tag: bool, findings: &mut Findings) -> Step {
        while self.open.len() > index {
            let is_at_index = self.open.len() == index + 1;
            let Some(mut element) = self.open.pop() else { break };
            if is_at_index && !lacks_end_tag {
                if self.open.is_empty() {
                    return Step::Complete(vec![element.close(findings).1]);
                }
                self.add(element, findings);
                break;
            }
            if VOID_ELEMENTS.contains(&element.name.as_str())
                && let Some(parent) = self.open.last_mut()
            {
                parent.add_void_element(element, findings);
                continue;
            }
            findings.add(UNCLOSED, "", &mut element.text);
            let (name, mut value) = element.close(findings);
            // The next siblings with the same name were parsed as children.
            let siblings = value.as_object_mut().and_then(|element| element.remove(&name));
            let mut values = vec![value];
            if let Some(Value::Array(list)) = siblings {
                values.extend(list);
            }
            match self.open.last_mut() {
                None => return Step::Complete(values),
                Some(parent) => values.into_iter().for_each(|v| parent.add(name.clone(), v)),
            }
        }
        Step::More
    }

    /// Ends a document at the end of its text.
    fn finish(&mut self) -> Result<Step, &'static str> {
        if self.n_too_deep > 0 {
            return Err(TOO_DEEP);
        }
        if self.ancestors.is_some() || self.open.len() > 1 {
            return Err("the XML text ends too early");
        }
        match self.open.pop() {
            Some(document) if document.children.len() == 1 => {
                Ok(Step::Complete(vec![Value::Object(document.children)]))
            }
            _ => Err("the text is not an XML document"),
        }
    }

    /// A new element, after its start tag.
    fn element(&mut self, start: &BytesStart<'_>, findings: &mut Findings) -> Element {
        let mut element =
            Element { name: local_name(start.name().0).to_owned(), ..Element::default() };
        self.n_nodes += 1;
        for attribute in start.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                findings.add(BAD_ATTRIBUTE, &**start, &mut element.text);
                continue;
            };
            let name = attribute.key.0;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            self.n_nodes += 1;
            let value = unescape(&attribute.value, &mut self.entities, findings);
            // Attributes that differ only in their prefix get the same name.
            let name = format!("@{}", local_name(name));
            let value = Value::String(value);
            findings.insert(&mut element.children, name, value, REPEATED_ATTRIBUTE, "");
        }
        element
    }

    /// Closes an element, and adds it to the element around it.
    fn add(&mut self, element: Element, findings: &mut Findings) {
        let (name, value) = element.close(findings);
        if let Some(parent) = self.open.last_mut() {
            parent.add(name, value);
        }
    }

    /// Marks a problem in the innermost open element.
    fn add_problem(&mut self, problem: Problem, findings: &mut Findings) {
        if let Some(element) = self.open.last_mut() {
            findings.add(problem, "", &mut element.text);
        }
    }

    /// Adds text to the innermost open element. A CDATA section cannot contain references.
    fn add_text(&mut self, mut text: &str, may_have_references: bool, findings: &mut Findings) {
        let Some(element) = self.open.last_mut() else { return };
        if may_have_references && let Some(rest) = text.strip_prefix('&') {
            // The reader gives a lone `&` and the text after it as one text event.
            let Element { text: own, is_ampersand_marked, .. } = element;
            push_ampersand(LONE_AMPERSAND, own, is_ampersand_marked, findings);
            text = rest;
        }
        if self.has_only_allowed {
            element.text.push_str(text);
        } else {
            push_allowed(text, &mut element.text, findings);
        }
    }
}

/// An element that is not closed yet; the outermost one stands for the document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    children: Map<String, Value>,
    text: String,
    /// Only the first `&` in an element that should not be there is marked.
    is_ampersand_marked: bool,
}

impl Element {
    fn add(&mut self, name: String, value: Value) {
        // Room for one value: most elements have no siblings of their name.
        let siblings = self.children.entry(name);
        if let Value::Array(list) = siblings.or_insert_with(|| Value::Array(Vec::with_capacity(1)))
        {
            list.push(value);
        }
    }

    /// Adds an HTML element without an end tag. Such an element has no content: what was parsed as
    /// its content follows it, and is added to this element.
    fn add_void_element(&mut self, mut html: Self, findings: &mut Findings) {
        findings.add(UNCLOSED_HTML, "", &mut self.text);
        self.text.push_str(&std::mem::take(&mut html.text));
        let children = std::mem::take(&mut html.children);
        let (attributes, following): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(name, _)| name.starts_with('@'));
        html.children.extend(attributes);
        let (name, value) = html.close(findings);
        self.add(name, value);
        for (name, value) in following {
            let Value::Array(list) = value else { continue };
            list.into_iter().for_each(|value| self.add(name.clone(), value));
        }
    }

    /// The name and the tree of the element. If it has child elements, whitespace at both ends of its
    /// text is layout and is removed; without children it keeps all its text.
    fn close(self, findings: &mut Findings) -> (String, Value) {
        let Self { name, mut children, text, .. } = self;
        let is_leaf = children.keys().all(|name| name.starts_with('@'));
        let mut text = if is_leaf { text } else { text.trim().to_owned() };
        if !text.is_empty() {
            if !is_leaf && children.values().any(contains_text) {
                findings.add(MIXED, "", &mut text);
            }
            children.insert(TEXT_NAME.to_owned(), Value::String(text));
        }
        (name, Value::Object(children))
    }
}

/// Whether there is the text of an XML element in a value.
pub fn contains_text(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(contains_text),
        Value::Object(members) => {
            members.contains_key(TEXT_NAME) || members.values().any(contains_text)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A name without its prefix.
pub(crate) fn local_name(name: &str) -> &str {
    // Names are short, so a simple loop is faster than a search that compares many bytes at a time.
    name.bytes().rposition(|byte| byte == b':').map_or(name, |colon| &name[colon + 1..])
}

pub(super) fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a text has no character that XML forbids. All bytes are compared, without a branch: that
/// is faster than to stop at the first.
fn is_allowed(text: &str) -> bool {
    let is_control = |byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31);
    !text.bytes().fold(false, |found, byte| found | is_control(byte))
        && !text.contains('\u{fffe}')
        && !text.contains('\u{ffff}')
}

/// Appends a text without the characters that XML forbids, the first of which is marked.
fn push_allowed(text: &str, into: &mut String, findings: &mut Findings) {
    let mut rest = text;
    let mut is_marked = false;
    while let Some(at) = rest.find(is_forbidden) {
        into.push_str(&rest[..at]);
        let len = rest[at..].chars().next().map_or(1, char::len_utf8);
        if !is_marked {
            findings.add(FORBIDDEN_CHARACTER, &rest[at..at + len], into);
        }
        is_marked = true;
        rest = &rest[at + len..];
    }
    into.push_str(rest);
}

/// Appends what a reference stands for; `name` is the text between `&` and `;`. A name that nothing
/// declares, such as `nbsp`, stays as it is. It is marked if another file may declare it, or if it cannot be
/// a name. One that the document declares for more than a short text is damage.
fn push_reference(
    name: &str,
    into: &mut String,
    is_ampersand_marked: &mut bool,
    entities: &mut Entities,
    findings: &mut Findings,
) {
    if let Some(character) = predefined(name) {
        return into.push(character);
    }
    if let Some(number) = name.strip_prefix('#') {
        return match numbered(number) {
            None => findings.add(BAD_REFERENCE, format!("&{name};"), into),
            Some(character) if is_forbidden(character) => {
                findings.add(FORBIDDEN_CHARACTER, format!("&{name};"), into);
            }
            Some(character) => into.push(findings.guard_character(character, "")),
        };
    }
    match entities.take(name) {
        Entity::Text(text) => into.push_str(text),
        Entity::Unknown => findings.add(UNKNOWN_ENTITY, format!("&{name};"), into),
        entity => {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
            let is_name = !name.is_empty() && name.chars().all(is_part);
            match entity {
                // Such as `&nbsp;`: it stays, and `clean = "html"` reads it.
                Entity::Undeclared if is_name => into.push('&'),
                _ if is_name => push_ampersand(ELSEWHERE, into, is_ampersand_marked, findings),
                _ => push_ampersand(LONE_AMPERSAND, into, is_ampersand_marked, findings),
            }
            into.extend([name, ";"]);
        }
    }
}

/// Appends an `&` that should not be there; the first one is marked.
fn push_ampersand(
    problem: Problem,
    into: &mut String,
    is_marked: &mut bool,
    findings: &mut Findings,
) {
    if std::mem::replace(is_marked, true) {
        into.push('&');
    } else {
        findings.add(problem, "&", into);
    }
}

/// Replaces the references in the value of an attribute with what they stand for.
fn unescape(text: &str, entities: &mut Entities, findings: &mut Findings) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let (mut rest, mut is_marked) = (text, false);
    while let Some(at) = rest.find('&') {
        push_allowed(&rest[..at], &mut unescaped, findings);
        rest = &rest[at + 1..];
        let end = rest.find(['&', ';']).filter(|end| rest[*end..].starts_with(';'));
        match end {
            Some(end) => {
                let name = &rest[..end];
                push_reference(name, &mut unescaped, &mut is_marked, entities, findings);
                rest = &rest[end + 1..];
            }
            None => push_ampersand(LONE_AMPERSAND, &mut unescaped, &mut is_marked, findings),
        }
    }
    push_allowed(rest, &mut unescaped, findings);
    unescaped
}
