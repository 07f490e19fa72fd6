//! What a text in a configuration must look like, beyond being a text.
//!
//! A schema names a format; here is what each demands. A format nobody knows demands nothing: the
//! owner of the settings checks it and reports through [`crate::ChannelSettings::problem`].

mod jsonpath;
mod quantity;
mod reference;
mod time;

use std::{net::SocketAddr, ops::Range};

use contract::Size;

pub(crate) use quantity::Rate;
pub(crate) use reference::{World, code_tables, content, reason, secret, variable};
pub(crate) use time::{Clock, Zone};

use crate::shape::Shape;

/// What is wrong with a text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    /// The bytes of the text that are meant; all of it where `None`.
    pub(crate) part: Option<Range<usize>>,
    /// What to write instead of the text.
    pub(crate) instead: Option<String>,
    /// Or what to do.
    pub(crate) advice: Option<String>,
}

/// Checks a text against the format of its shape, if it has one.
pub(crate) fn check(shape: &Shape<'_>, text: &str, world: &World<'_>) -> Option<Wrong> {
    match shape.format? {
        "period" => quantity::period(text, shape.bounds),
        "size" => quantity::size(text, shape.bounds),
        "rate" => quantity::rate(text),
        "timezone" => time::zone(text),
        "window" => time::window(text),
        "cron" => time::cron(text),
        "upstream" => reference::upstream(text),
        "jsonpath" => jsonpath::check(text),
        "codes" => reference::codes(text, world),
        "fixture" => reference::fixture(text, world),
        "address" => address(text),
        _ => None,
    }
}

fn address(text: &str) -> Option<Wrong> {
    let message = format!("`{text}` is not an address and port: write it like 127.0.0.1:8421");
    text.parse::<SocketAddr>().is_err().then(|| Wrong { message, ..Wrong::default() })
}

/// What a format wants, in words, with an example.
pub(crate) fn describe(format: &str) -> Option<&'static str> {
    Some(match format {
        "period" => "a period like \"30s\"",
        "size" => "a size like \"256MiB\"",
        "rate" => "a rate like \"5/s\"",
        "timezone" => "a time zone like \"Asia/Shanghai\"",
        "window" => "hours like \"06:00-23:00\"",
        "cron" => "clock times like \"*/5 * * * *\"",
        "upstream" => "the name of an upstream",
        "jsonpath" => "a JSONPath like \"$.title\"",
        "codes" => "the name of a code table",
        "fixture" | "content" => "the name of a file",
        "address" => "an address like \"127.0.0.1:8421\"",
        "variable" => "the name of an environment variable",
        "secret" => "a reference to a secret like { env = \"NAME\" } or { file = \"PATH\" }",
        _ => return None,
    })
}

/// The text that a bare number stands for in a format, if that is beyond doubt.
pub(crate) fn from_number(format: &str, number: i64) -> Option<String> {
    match format {
        // A small number was hardly meant in bytes.
        "period" => (number >= 0).then(|| format!("{number}s")),
        "rate" => (number > 0).then(|| format!("{number}/s")),
        "size" => u64::try_from(number)
            .ok()
            .filter(|n| *n >= 1 << 20)
            .map(|bytes| Size(bytes).to_string()),
        _ => None,
    }
}
