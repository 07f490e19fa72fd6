//! Converts HTML in a field to the text that a browser would show.
//!
//! A field that may hold HTML often holds plain text. An HTML tokenizer takes `面积<b区` for the
//! beginning of a tag, and finds © in `?a=1&copy=2`: it would change what a citizen wrote. So
//! everything that is not certainly markup (see [`finder`]) is escaped before html5ever reads it.

mod finder;

use std::cell::RefCell;

use html5ever::{
    buffer_queue::BufferQueue,
    tendril::StrTendril,
    tokenizer::{
        CharacterTokens, TagKind, TagToken, Token, TokenSink, TokenSinkResult, Tokenizer,
        TokenizerOpts,
    },
};

use finder::{Finder, Kind};

/// Whether a text contains markup.
pub(super) fn is_in(text: &str) -> bool {
    Finder::new(text).is_some_and(|finder| finder.next_from(0).is_some())
}

/// The text without its markup; `None` if it has none.
pub(super) fn to_plain(text: &str) -> Option<String> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(&only_certain_markup(text)?));
    let tokenizer = Tokenizer::new(PlainText::default(), TokenizerOpts::default());
    // The sink runs no script, so one call reads everything.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    Some(tokenizer.sink.0.into_inner())
}

/// The text as HTML: invisible markup is removed, and everything that is not markup is escaped.
/// `None` if there is no markup.
fn only_certain_markup(text: &str) -> Option<String> {
    let finder = Finder::new(text)?;
    let mut next = finder.next_from(0);
    next.as_ref()?;
    let mut html = String::with_capacity(text.len() + 16);
    let mut end = 0;
    while let Some((kind, range)) = next {
        push_escaped(&mut html, &text[end..range.start]);
        if kind == Kind::Visible {
            push_visible(&mut html, &text[range.clone()]);
        }
        end = range.end;
        next = finder.next_from(end);
    }
    push_escaped(&mut html, &text[end..]);
    Some(html)
}

/// Appends a reference as it is, or a tag without its attributes. Attributes do not change the text,
/// and for many of them the tokenizer takes quadratic time.
fn push_visible(html: &mut String, markup: &str) {
    let Some(tag) = markup.strip_prefix('<') else { return html.push_str(markup) };
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let end = name.find(|c| !is_in_name(c)).unwrap_or(name.len());
    html.push_str(if name.len() < tag.len() { "</" } else { "<" });
    html.push_str(&name[..end]);
    html.push('>');
}

fn push_escaped(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            _ => html.push(c),
        }
    }
}

/// Collects the text that a browser would show.
#[derive(Default)]
struct PlainText(RefCell<String>);

impl TokenSink for PlainText {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut text = self.0.borrow_mut();
        match token {
            CharacterTokens(shown) => text.push_str(&shown),
            TagToken(tag) => match &*tag.name {
                "br" if tag.kind == TagKind::StartTag => text.push('\n'),
                "td" | "th" => text.push(' '),
                // Between </p> and <p> there is one line end, not an empty line.
                name if !text.ends_with('\n') && BLOCKS.split(' ').any(|block| block == name) => {
                    text.push('\n');
                }
                _ => {}
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Block elements, which begin and end a line.
const BLOCKS: &str = "\
    address article aside blockquote body caption center dd div dl dt fieldset figcaption figure \
    footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol option p pre section table tbody \
    tfoot thead tr ul";
