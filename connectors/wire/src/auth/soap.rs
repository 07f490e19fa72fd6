//! Finds the place of a header in a SOAP envelope, and puts one there.
//!
//! It looks at the beginning of the document only: everything else stays as it is, byte for byte. In every charset
//! that requests are sent in, but for UTF-16, the characters of markup are single bytes that stand for nothing else.

use std::ops::Range;

/// The namespaces of the envelopes of SOAP 1.1 and 1.2.
const NAMESPACES: [&str; 2] =
    ["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"];

/// The place of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeaderPlace {
    /// What is replaced; it is empty if nothing is.
    replaced: Range<usize>,
    /// What stands before and after the header.
    around: (String, String),
    /// The prefix of the envelope; it is empty if its namespace is the default one.
    pub(super) prefix: String,
    pub(super) namespace: &'static str,
}

/// A tag, with its place in the document.
struct Tag<'a> {
    /// Everything between `<` and `>`.
    text: &'a str,
    place: Range<usize>,
}

impl HeaderPlace {
    /// Finds it, or says what is missing.
    pub(super) fn find(body: &[u8]) -> Result<Self, &'static str> {
        let envelope = Tag::next(body, 0).ok_or("it does not begin with an element of XML")?;
        let (prefix, "Envelope") = envelope.name() else {
            return Err("its first element is not `Envelope`");
        };
        let declaration = match prefix {
            "" => "xmlns".to_owned(),
            prefix => format!("xmlns:{prefix}"),
        };
        let declared = envelope.attribute(&declaration);
        let namespace = NAMESPACES.into_iter().find(|one| declared == Some(one));
        let namespace =
            namespace.ok_or("its `Envelope` is not in a namespace of SOAP 1.1 or 1.2")?;
        let child = (!envelope.is_closed()).then(|| Tag::next(body, envelope.place.end)).flatten();
        let child = child.ok_or("its `Envelope` is empty")?;
        let own = match prefix {
            "" => "Header".to_owned(),
            prefix => format!("{prefix}:Header"),
        };
        let (replaced, around) = match child.name() {
            (_, "Header") if child.is_closed() => {
                let (name, open) = (child.qualified_name(), child.text.trim_end_matches('/'));
                let around = (format!("<{}>", open.trim_end()), format!("</{name}>"));
                (child.place, around)
            }
            (_, "Header") => (child.place.end..child.place.end, (String::new(), String::new())),
            _ => {
                let start = child.place.start;
                (start..start, (format!("<{own}>"), format!("</{own}>")))
            }
        };
        Ok(Self { replaced, around, prefix: prefix.to_owned(), namespace })
    }

    /// Puts a header there.
    pub(super) fn put(self, body: &mut Vec<u8>, header: &str) {
        let (before, after) = self.around;
        body.splice(self.replaced, format!("{before}{header}{after}").into_bytes());
    }
}

impl<'a> Tag<'a> {
    /// The next start tag or end tag behind `from`.
    fn next(body: &'a [u8], from: usize) -> Option<Self> {
        let mut at = from;
        loop {
            at += body.get(at..)?.iter().position(|byte| *byte == b'<')?;
            let rest = body.get(at..)?;
            // Comments and processing instructions may contain tags.
            let skipped = [("<!--", "-->"), ("<?", "?>")]
                .into_iter()
                .find(|(start, _)| rest.starts_with(start.as_bytes()));
            if let Some((start, end)) = skipped {
                let len =
                    rest.windows(end.len()).skip(start.len()).position(|w| w == end.as_bytes())?;
                at += start.len() + len + end.len();
                continue;
            }
            let len = tag_len(rest)?;
            let text = str::from_utf8(rest.get(1..len.checked_sub(1)?)?).ok()?;
            return Some(Self { text, place: at..at + len });
        }
    }

    /// Its name with its prefix.
    fn qualified_name(&self) -> &'a str {
        let end = self.text.find(|c: char| c.is_whitespace() || c == '/');
        self.text.split_at(end.unwrap_or(self.text.len())).0
    }

    /// Its prefix and its local name.
    fn name(&self) -> (&'a str, &'a str) {
        self.qualified_name().split_once(':').unwrap_or(("", self.qualified_name()))
    }

    /// Whether it has no content.
    fn is_closed(&self) -> bool {
        self.text.ends_with('/')
    }

    /// The value of an attribute, as it is written.
    fn attribute(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.text.split_at(self.qualified_name().len()).1;
        loop {
            let (key, value) = rest.split_once('=')?;
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| "\"'".contains(*c))?;
            let (value, after) = value.strip_prefix(quote)?.split_once(quote)?;
            if key.trim() == name {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// The length of the tag at the beginning: a `>` within quotes does not end it.
fn tag_len(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(index + 1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}
