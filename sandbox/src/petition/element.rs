//! XML as the product of the bureau writes it: elements without attributes except namespaces.

use serde_json::{Map, Value, json};

use crate::source::site::Reply;

/// Stands for half a character on the wire; it occurs in no text.
pub(super) const HALF: char = '\u{f8ff}';
/// The byte on the wire: the first byte of a two-byte character.
const HALF_BYTE: u8 = 0xd5;

/// An element with text or with children.
#[derive(Clone, Debug)]
pub(super) enum Element {
    Text(&'static str, String),
    Parent(&'static str, Vec<Element>),
}

impl Element {
    pub(super) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self::Text(name, text.into())
    }

    /// Appends it as XML. `&#x0;` and `&#xB;` are kept as they are.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Text(name, text) if text.is_empty() => {
                out.push_str(&format!("<{name}/>"));
            }
            Self::Text(name, text) => {
                out.push_str(&format!("<{name}>"));
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
                // `]]>` is not escaped, although XML requires it.
                out.push_str(&escaped.replace("&amp;#x", "&#x"));
                out.push_str(&format!("</{name}>"));
            }
            Self::Parent(name, children) => {
                out.push_str(&format!("<{name}>"));
                children.iter().for_each(|child| child.write(out));
                out.push_str(&format!("</{name}>\n"));
            }
        }
    }

    /// The tree of its content: children are arrays, text is `$text`. Half characters are left out.
    pub(super) fn tree(&self) -> Value {
        match self {
            Self::Text(_, text) if text.is_empty() => json!({}),
            Self::Text(_, text) => json!({ "$text": text.replace(HALF, "") }),
            Self::Parent(_, children) => {
                let mut tree: Map<String, Value> = Map::new();
                for child in children {
                    let same = tree.entry(child.name()).or_insert_with(|| json!([]));
                    if let Some(same) = same.as_array_mut() {
                        same.push(child.tree());
                    }
                }
                Value::Object(tree)
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text(name, _) | Self::Parent(name, _) => name,
        }
    }
}

/// The document inside a CDATA section, or several if it contains `]]>`.
pub(super) fn cdata(inner: &str) -> String {
    format!("<![CDATA[{}]]>", inner.replace("]]>", "]]]]><![CDATA[>"))
}

/// The text in GB18030, with half characters.
pub(super) fn gbk(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, whole) in text.split(HALF).enumerate() {
        if i > 0 {
            bytes.push(HALF_BYTE);
        }
        bytes.extend_from_slice(&encoding_rs::GB18030.encode(whole).0);
    }
    bytes
}

/// The text of the first element of this name, whatever its prefix.
pub(super) fn inside(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        let (tag, content) = after.split_once('>')?;
        let local = tag.split([' ', '\n', '\t']).next().unwrap_or_default();
        let local = local.rsplit(':').next().unwrap_or_default();
        if local == name && !tag.starts_with('/') {
            let (text, _) = content.split_once('<')?;
            return Some(unescaped(text.trim()));
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

/// An answer of `action` with the package in it, and the charsets that envelope and package declare.
pub(super) fn envelope(action: &str, outer: &str, inner: &str, package: &Element) -> Reply {
    let mut document = format!("<?xml version=\"1.0\" encoding=\"{inner}\"?>\n");
    package.write(&mut document);
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"{outer}\"?>\n\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <{action}Response xmlns=\"http://xf.sim/\"><{action}Result>{}</{action}Result>\
         </{action}Response></soap:Body></soap:Envelope>",
        cdata(&document)
    );
    let body = if outer == "UTF-8" { xml.into_bytes() } else { gbk(&xml) };
    Reply::new(200, "text/xml; charset=gb2312", body)
}

/// A SOAP Fault, with 500.
pub(super) fn fault(message: &str) -> Reply {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"GB2312\"?>\n\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <soap:Fault><faultcode>soap:Server</faultcode><faultstring>{message}</faultstring>\
         <detail/></soap:Fault></soap:Body></soap:Envelope>"
    );
    Reply::new(500, "text/xml; charset=gb2312", gbk(&xml))
}

/// The package of an answer: head, then what the action adds.
pub(super) fn package(head: Vec<Element>, rest: Vec<Element>) -> Element {
    let mut parts = vec![Element::Parent("PACKAGEHEAD", head)];
    parts.extend(rest);
    Element::Parent("PACKAGE", parts)
}

/// Code and message of a package's head.
pub(super) fn head(code: &str, message: &str) -> Vec<Element> {
    vec![Element::text("CODE", code), Element::text("MSG", message)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_cdata_section_splits_it() {
        assert_eq!(cdata("a"), "<![CDATA[a]]>");
        assert_eq!(cdata("a]]>b"), "<![CDATA[a]]]]><![CDATA[>b]]>");
    }

    #[test]
    fn an_element_is_found_whatever_its_prefix() {
        let xml = "<s:Body><xf:pageNo xmlns:xf=\"x\"> 3 </xf:pageNo><pageSize>a&amp;b</pageSize>";
        assert_eq!(inside(xml, "pageNo").as_deref(), Some("3"));
        assert_eq!(inside(xml, "pageSize").as_deref(), Some("a&b"));
        assert_eq!(inside(xml, "kssj"), None);
    }

    #[test]
    fn children_of_one_name_share_an_array() {
        let person = |name: &str| Element::Parent("XFR", vec![Element::text("xm", name)]);
        let list =
            Element::Parent("LIST", vec![person("李喆"), person("王<"), Element::text("x", "")]);
        let expected = json!({
            "XFR": [{ "xm": [{ "$text": "李喆" }] }, { "xm": [{ "$text": "王<" }] }],
            "x": [{}],
        });
        assert_eq!(list.tree(), expected);
        let mut out = String::new();
        list.write(&mut out);
        assert!(out.contains("<xm>王&lt;</xm>") && out.contains("<x/>"), "{out}");
        assert_eq!(gbk("李喆"), b"\xc0\xee\x86\xb4");
        assert_eq!(gbk(&format!("中{HALF}<")), b"\xd6\xd0\xd5<");
    }
}
