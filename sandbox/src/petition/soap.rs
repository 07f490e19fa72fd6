//! The envelopes: what is around a business answer, and in which bytes it goes out.

use crate::petition::element::{Element, cdata, gbk};
use crate::source::site::Reply;

/// Which declarations an answer bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// Both say GB2312, and GBK it is.
    Gb2312,
    /// The outer one says UTF-8, and so it is; the inner one says GB2312.
    OuterUtf8,
    /// The outer one says GB2312, and so it is; the inner one says UTF-8.
    InnerUtf8,
}

/// An answer of `action` with the package in it.
pub(super) fn envelope(action: &str, declared: Declared, package: &Element) -> Reply {
    let (outer, inner) = match declared {
        Declared::Gb2312 => ("GB2312", "GB2312"),
        Declared::OuterUtf8 => ("UTF-8", "GB2312"),
        Declared::InnerUtf8 => ("GB2312", "UTF-8"),
    };
    let mut document = format!("<?xml version=\"1.0\" encoding=\"{inner}\"?>\n");
    package.write(&mut document);
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"{outer}\"?>\n\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <{action}Response xmlns=\"http://xf.sim/\"><{action}Result>{}</{action}Result>\
         </{action}Response></soap:Body></soap:Envelope>",
        cdata(&document)
    );
    let body = if declared == Declared::OuterUtf8 { xml.into_bytes() } else { gbk(&xml) };
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
