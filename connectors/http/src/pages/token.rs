//! Pages that the previous page names: by a token, or by their address.

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Position, Size, Step, new_hash};
use crate::answer::Page;

/// By a token in the previous page; the last page has none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// The parameter that takes the token.
    pub(super) param: String,
    /// Where the token is in the answer; write this or `header`.
    pub(crate) at: Option<Path>,
    /// The header of the answer that holds it.
    pub(crate) header: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

/// By an address in the answer, on the same host; the last page has none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Next {
    /// Where the address is in the answer.
    pub(super) at: Path,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

impl Token {
    pub(super) fn find(&self, page: &Page) -> Option<String> {
        match (&self.at, &self.header) {
            (Some(at), _) => page.value(at),
            (None, header) => page.headers.get(&header.as_ref()?.to_lowercase()).cloned(),
        }
    }
}

/// Moves to the next page that a page names.
pub(super) fn step(
    at: &mut Position,
    page: &Page,
    named: Option<String>,
    next_page: fn(String) -> NextPage,
) -> Result<Step, String> {
    let hash = new_hash(at, page)?;
    let named = named.map(|named| named.trim().to_owned()).filter(|named| !named.is_empty());
    let next = named.map(next_page);
    if next.is_some() && next == at.next {
        return Err(format!("page {} names itself as the next", at.n_pages + 1));
    }
    let is_last = next.is_none();
    at.next = next;
    at.note_page(hash);
    Ok(Step { is_last, is_known: false })
}

/// The address of the next page in the header `Link`.
pub(super) fn link(page: &Page) -> Option<String> {
    page.headers.get("link").and_then(|link| next(link))
}

/// The address with `rel="next"` in a `Link` header (RFC 8288 §3).
fn next(header: &str) -> Option<String> {
    let mut unread = header;
    while let Some((_, after)) = unread.split_once('<') {
        let (url, after) = after.split_once('>')?;
        // Parameters end where the next address begins; none of those in use contains `<`.
        let end = after.find('<').unwrap_or(after.len());
        let parameters = after[..end].to_lowercase();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim() == "rel" && relations.any(|relation| relation == "next")
        });
        if is_next {
            return Some(url.trim().to_owned());
        }
        unread = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_address_is_found_among_others() {
        for (header, url) in [
            ("<https://a.example/?p=2>; rel=\"next\"", Some("https://a.example/?p=2")),
            ("<?p=1>; rel=prev, <?p=3>; title=\"a, b\"; rel=\"last next\"", Some("?p=3")),
            ("</x,y>; rel=NEXT", Some("/x,y")),
            ("<?p=1>; rel=prev", None),
            ("<?p=1>; title=next", None),
            ("<?p=1", None),
            ("", None),
        ] {
            assert_eq!(next(header).as_deref(), url, "{header}");
        }
    }
}
