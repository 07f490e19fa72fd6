//! XML as the product of the bureau writes it: elements without attributes except namespaces.

use serde_json::{Value, json};

use crate::source::http::Reply;

/// Placeholder for half a character; it occurs in no text.
pub(super) const HALF_CHARACTER: char = '\u{f8ff}';
/// What is sent for it: the first byte of a two-byte character.
const HALF_BYTE: u8 = 0xd5;

/// Appends an element as XML. An object has its children, an array is several elements of this name,
/// null is none; anything else is a text. `&#x0;` and `&#xB;` are kept as they are.
pub(super) fn write(name: &str, content: &Value, out: &mut String) {
    match content {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| write(name, item, out)),
        Value::Object(children) => {
            out.push_str(&format!("<{name}>"));
            children.iter().for_each(|(name, child)| write(name, child, out));
            out.push_str(&format!("</{name}>\n"));
        }
        leaf => match text(leaf).as_str() {
            "" => out.push_str(&format!("<{name}/>")),
            text => {
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
                // `]]>` is not escaped, although XML requires it.
                let escaped = escaped.replace("&amp;#x", "&#x");
                out.push_str(&format!("<{name}>{escaped}</{name}>"));
            }
        },
    }
}

/// The element as a reader sees it: children are arrays, text is `$text`. Half characters are left
/// out.
pub(super) fn tree(content: &Value) -> Value {
    let trees = |child: &Value| match child {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(tree).collect(),
        one => vec![tree(one)],
    };
    match content {
        Value::Object(children) => {
            let children = children.iter().map(|(name, child)| (name.clone(), trees(child)));
            children.filter(|(_, trees)| !trees.is_empty()).collect()
        }
        leaf => match text(leaf).replace(HALF_CHARACTER, "") {
            empty if empty.is_empty() => json!({}),
            text => json!({ "$text": text }),
        },
    }
}

/// The bureau writes flags as `1` and `0`.
fn text(leaf: &Value) -> String {
    match leaf {
        Value::Bool(flag) => u8::from(*flag).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The document inside a CDATA section, or several if it contains `]]>`.
pub(super) fn cdata(inner: &str) -> String {
    format!("<![CDATA[{}]]>", inner.replace("]]>", "]]]]><![CDATA[>"))
}

/// The text in GB18030; each [`HALF_CHARACTER`] becomes [`HALF_BYTE`].
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
pub(super) fn envelope(action: &str, outer: &str, inner: &str, package: &Value) -> Reply {
    let mut document = format!("<?xml version=\"1.0\" encoding=\"{inner}\"?>\n");
    write("PACKAGE", package, &mut document);
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

/// The package of an answer: code and message in its head, then the children of `results`.
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
        assert_eq!(inside(xml, "pageNo").as_deref(), Some("3"));
        assert_eq!(inside(xml, "pageSize").as_deref(), Some("a&b"));
        assert_eq!(inside(xml, "kssj"), None);
    }

    #[test]
    fn children_of_one_name_share_an_array() {
        let list =
            json!({ "XFR": [{ "xm": "李喆" }, { "xm": "王<" }], "x": "", "y": null, "z": [] });
        let expected = json!({
            "XFR": [{ "xm": [{ "$text": "李喆" }] }, { "xm": [{ "$text": "王<" }] }],
            "x": [{}],
        });
        assert_eq!(tree(&list), expected);
        let mut out = String::new();
        write("LIST", &list, &mut out);
        let people = "<XFR><xm>李喆</xm></XFR>\n<XFR><xm>王&lt;</xm></XFR>\n";
        assert_eq!(out, format!("<LIST>{people}<x/></LIST>\n"));
        assert_eq!(gbk("李喆"), b"\xc0\xee\x86\xb4");
        assert_eq!(gbk(&format!("中{HALF_CHARACTER}<")), b"\xd6\xd0\xd5<");
    }
}
