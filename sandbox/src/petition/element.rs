//! Writes and reads the XML of the petition bureau. It has no attributes except namespaces.

use serde_json::{Value, json};

use crate::source::http::Reply;

/// Stands for half a character until the text is encoded; no text contains this character.
pub(super) const HALF_CHARACTER: char = '\u{f8ff}';
/// The byte that is sent for [`HALF_CHARACTER`]: the first byte of a two-byte character.
const HALF_BYTE: u8 = 0xd5;

/// Appends the element `name` as XML. If `content` is an object, it has the children; an array gives one
/// element for each item, null gives none, and any other value is text. Does not escape `&#x0;` and `&#xB;`.
pub(super) fn write_element(name: &str, content: &Value, out: &mut String) {
    match content {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| write_element(name, item, out)),
        Value::Object(children) => {
            out.push_str(&format!("<{name}>"));
            children.iter().for_each(|(name, child)| write_element(name, child, out));
            out.push_str(&format!("</{name}>\n"));
        }
        leaf => match text(leaf).as_str() {
            "" => out.push_str(&format!("<{name}/>")),
            text => {
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
                // Like the real bureau, this does not escape `]]>`, although XML requires that.
                let escaped = escaped.replace("&amp;#x", "&#x");
                out.push_str(&format!("<{name}>{escaped}</{name}>"));
            }
        },
    }
}

/// The tree that a reader parses from an element: children are arrays, and text is `$text`. It has no
/// half characters.
pub(super) fn parsed_tree(content: &Value) -> Value {
    let parsed_trees = |child: &Value| match child {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(parsed_tree).collect(),
        one => vec![parsed_tree(one)],
    };
    match content {
        Value::Object(children) => {
            let children = children.iter().map(|(name, child)| (name.clone(), parsed_trees(child)));
            children.filter(|(_, trees)| !trees.is_empty()).collect()
        }
        leaf => match text(leaf).replace(HALF_CHARACTER, "") {
            empty if empty.is_empty() => json!({}),
            text => json!({ "$text": text }),
        },
    }
}

/// The text of a value. The bureau writes flags as `1` and `0`.
fn text(leaf: &Value) -> String {
    match leaf {
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The document in a CDATA section, or in several if it contains `]]>`.
pub(super) fn cdata(inner: &str) -> String {
    format!("<![CDATA[{}]]>", inner.replace("]]>", "]]]]><![CDATA[>"))
}

/// Encodes text in GB18030; each [`HALF_CHARACTER`] becomes [`HALF_BYTE`].
pub(super) fn gbk(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, part) in text.split(HALF_CHARACTER).enumerate() {
        if i > 0 {
            bytes.push(HALF_BYTE);
        }
        bytes.extend_from_slice(&encoding_rs::GB18030.encode(part).0);
    }
    bytes
}

/// The text of the first element with this name, with any namespace prefix.
pub(super) fn element_text(xml: &str, name: &str) -> Option<String> {
    let mut unread = xml;
    while let Some((_, after)) = unread.split_once('<') {
        unread = after;
        let (tag, content) = after.split_once('>')?;
        let local = tag.split([' ', '\n', '\t']).next().unwrap_or_default();
        let local = local.rsplit(':').next().unwrap_or_default();
        if local == name && !tag.starts_with('/') {
            let (text, _) = content.split_once('<')?;
            return Some(unescape(text.trim()));
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

/// The answer to `action`: a document with the package, in an envelope. `outer` and `inner` are the
/// charsets that the envelope and the document declare.
pub(super) fn envelope(action: &str, outer: &str, inner: &str, package: &Value) -> Reply {
    let mut document = format!("<?xml version=\"1.0\" encoding=\"{inner}\"?>\n");
    write_element("PACKAGE", package, &mut document);
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

/// A SOAP Fault, with status 500.
pub(super) fn soap_fault(message: &str) -> Reply {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"GB2312\"?>\n\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <soap:Fault><faultcode>soap:Server</faultcode><faultstring>{message}</faultstring>\
         <detail/></soap:Fault></soap:Body></soap:Envelope>"
    );
    Reply::new(500, "text/xml; charset=gb2312", gbk(&xml))
}

/// The content of the element `PACKAGE` of an answer: its head, then the children of `results`.
pub(super) fn package(head: Value, results: Value) -> Value {
    let mut package = json!({ "PACKAGEHEAD": head });
    if let (Some(package), Value::Object(results)) = (package.as_object_mut(), results) {
        package.extend(results);
    }
    package
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
        assert_eq!(element_text(xml, "pageNo").as_deref(), Some("3"));
        assert_eq!(element_text(xml, "pageSize").as_deref(), Some("a&b"));
        assert_eq!(element_text(xml, "kssj"), None);
    }

    #[test]
    fn children_of_one_name_share_an_array() {
        let list =
            json!({ "XFR": [{ "xm": "李喆" }, { "xm": "王<" }], "x": "", "y": null, "z": [] });
        let expected = json!({
            "XFR": [{ "xm": [{ "$text": "李喆" }] }, { "xm": [{ "$text": "王<" }] }],
            "x": [{}],
        });
        assert_eq!(parsed_tree(&list), expected);
        let mut out = String::new();
        write_element("LIST", &list, &mut out);
        let people = "<XFR><xm>李喆</xm></XFR>\n<XFR><xm>王&lt;</xm></XFR>\n";
        assert_eq!(out, format!("<LIST>{people}<x/></LIST>\n"));
        assert_eq!(gbk("李喆"), b"\xc0\xee\x86\xb4");
        assert_eq!(gbk(&format!("中{HALF_CHARACTER}<")), b"\xd6\xd0\xd5<");
    }
}
