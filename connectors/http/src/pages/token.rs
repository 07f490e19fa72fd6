//! Pages that the previous page names, by a token or an address.

use connector_wire::identity::short_hash;
use contract::EndedBy;
use document::{Path, scalar_text};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Position, Said, Size, Step, position::to_u64, stop::MAX_EMPTY};
use crate::answer::Page;

/// Each page names the next one by a token; the last page has none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// The parameter whose value is the token.
    pub(super) param: String,
    /// Where the token is in the answer; set this or `header`.
    pub(crate) at: Option<Path>,
    /// The header of the answer that contains the token.
    pub(crate) header: Option<String>,
    /// Where the last page has the token from which the next pass goes on, so that it lists only what has changed
    /// since. Not for channels with `since` or `day`.
    /// A record that says that it is removed is left out: it has the member `@removed`, is a deleted entity of
    /// OData, or `removed` says so. What came of it before stays as it is; the account of the pass counts it.
    pub(crate) changes: Option<Path>,
    /// Where a record of a list of changes says that it is removed, such as `$.deleted`: there is a value that is
    /// neither `false`, `null`, 0 nor empty. Needs `changes`.
    pub(crate) removed: Option<Path>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

/// Each page contains the address of the next one; the last page has none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Next {
    /// Where the address is in the answer. It must be on the same host, or on one in `redirects`.
    pub(super) at: Path,
    /// Where the last page has the address from which the next pass goes on, so that it lists only what has changed
    /// since, such as `$['@odata.deltaLink']`. Not for channels with `since` or `day`.
    /// A record that says that it is removed is left out: it has the member `@removed`, is a deleted entity of
    /// OData, or `removed` says so. What came of it before stays as it is; the account of the pass counts it.
    pub(crate) changes: Option<Path>,
    /// Where a record of a list of changes says that it is removed, such as `$.deleted`: there is a value that is
    /// neither `false`, `null`, 0 nor empty. Needs `changes`.
    pub(crate) removed: Option<Path>,
    /// Takes only the path and the query of addresses, for a source that names itself as it is called in its own
    /// network: scheme, host and port stay those of the page.
    #[serde(default)]
    pub(super) path_only: bool,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

impl Token {
    /// The token of the next page; `None` if the page has none.
    pub(super) fn find(&self, page: &Page) -> Option<String> {
        match (&self.at, &self.header) {
            (Some(at), _) => page.value(at),
            (None, header) => page.headers.get(&header.as_ref()?.to_lowercase()).cloned(),
        }
    }
}

/// Moves to the next page, which `page` names by a token or an address.
pub(super) fn step(
    at: &mut Position,
    page: &Page,
    token: Option<String>,
    next_page: fn(String) -> NextPage,
    said: Said,
) -> Step {
    let token = named(token);
    let seen = at.note_cycle(page, &token.as_deref().map(short_hash).unwrap_or_default());
    at.note_records(page.len(), page.n_listed());
    at.n_records += to_u64(page.len());
    let next = token.map(next_page);
    // The last page may name itself, or have a token that brings nothing more.
    let is_own = next.is_some() && next == at.next;
    let end = match &next {
        _ if said.is_last == Some(true) => Some(EndedBy::NoMore),
        None => Some(EndedBy::LastToken),
        // Some sources give each page the same token: then only the records tell.
        Some(_) if (is_own || seen.next) && (page.is_empty() || seen.page) => {
            Some(EndedBy::Repeated)
        }
        Some(_) => at.end_of_circle(),
    };
    at.next = next;
    at.note_page(page.hash());
    let goes_back = if page.is_empty() { seen.next && !is_own } else { seen.earlier };
    let gap = (end == Some(EndedBy::Repeated) && goes_back).then(|| {
        format!(
            "the source goes back to an earlier page after page {}: its list has no end",
            at.n_pages
        )
    });
    let pauses = end.is_none() && at.n_empty >= MAX_EMPTY;
    if pauses {
        at.n_empty = MAX_EMPTY - MAX_EMPTY / 5;
    }
    Step { end, pauses, gap, ..Step::default() }
}

/// At the end of the list, notes where the next pass goes on. Without that, it reads everything.
pub(super) fn note_changes(
    at: &mut Position,
    page: &Page,
    (changes, step): (Option<&Path>, &mut Step),
    address: impl Fn(String) -> String,
) {
    let is_end = matches!(step.end, Some(EndedBy::LastToken | EndedBy::NoMore));
    let Some(path) = changes.filter(|_| is_end) else { return };
    at.resume = named(page.value(path)).map(address);
    if at.resume.is_none() {
        let path = path.as_str();
        let doubt =
            format!("the last page has nothing at {path}, so the next pass reads everything");
        step.doubt = Some(doubt);
    }
}

/// What to say if the value at `path` is no token or address: an object, or a list that is not empty.
pub(super) fn problem(page: &Page, path: &Path) -> Option<String> {
    let value = path.first(&page.tree)?;
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    let is_container = value.is_object() || value.is_array();
    (is_container && !is_empty && scalar_text(value).is_none()).then(|| {
        format!("the value at {} names no next page: it is an object or a list", path.as_str())
    })
}

/// The token or address, if it is one: some sources write `false` where there is no next page, or `null` into a header.
pub(super) fn named(token: Option<String>) -> Option<String> {
    let token = token.map(|token| token.trim().to_owned());
    token.filter(|token| !["", "false", "null"].contains(&token.as_str()))
}

/// The address of the next page in the `Link` header.
///
/// # Errors
/// The header cannot be read, so it may name a next page; the message says so.
pub(super) fn next_link(page: &Page) -> Result<Option<String>, &'static str> {
    parse_link(page.headers.get("link").map(String::as_str).unwrap_or_default())
}

/// The address with `rel="next"` in a `Link` header (RFC 8288 §3), if there is one.
///
/// # Errors
/// The header is no list of links.
fn parse_link(header: &str) -> Result<Option<String>, &'static str> {
    let problem = "the header `Link` cannot be read, so it may name a next page: it is not like \
                   `<ADDRESS>; rel=\"next\"`";
    let mut remaining = header;
    loop {
        // A list may have empty elements (RFC 9110 §5.6.1).
        remaining = remaining.trim_start_matches([',', ' ', '\t']);
        if remaining.is_empty() {
            return Ok(None);
        }
        let link = remaining.strip_prefix('<').and_then(|link| link.split_once('>'));
        let (url, after) = link.ok_or(problem)?;
        let (parameters, next) = split_parameters(after);
        let is_next = parameters.iter().any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut relations = value.trim().trim_matches(['"', '\'']).split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Ok(Some(url.trim().to_owned()));
        }
        remaining = next;
    }
}

/// The parameters of a link, and what follows the comma after them. Text in quotes may contain both
/// `;` and `,`.
fn split_parameters(text: &str) -> (Vec<&str>, &str) {
    let (mut parameters, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b';' | b',' if !is_quoted => {
                parameters.push(&text[start..at]);
                start = at + 1;
                if byte == b',' {
                    return (parameters, &text[start..]);
                }
            }
            _ => {}
        }
    }
    parameters.push(&text[start..]);
    (parameters, "")
}

#[cfg(test)]
mod tests {
    use super::parse_link;

    #[test]
    fn the_next_address_is_found_among_others() {
        for (header, url) in [
            ("<https://a.example/?p=2>; rel=\"next\"", Some("https://a.example/?p=2")),
            ("<?p=1>; rel=prev, <?p=3>; title=\"a, b\"; rel=\"last next\"", Some("?p=3")),
            ("</x,y>; rel=NEXT", Some("/x,y")),
            ("<?p=2>;REL=\"Next\" , <?p=1>; rel=\"self\"", Some("?p=2")),
            ("<?p=1>; title=\"x, <?p=9>; rel=next\"; rel=self, <?p=2>; rel=next", Some("?p=2")),
            ("<?p=1>; title=\"; rel=next\"; rel=prev", None),
            ("<?p=1>; rel=prev", None),
            ("<?p=1>; title=next", None),
            ("<?p=2>; rel='next'", Some("?p=2")),
            (", <?p=1>; rel=prev,", None),
            ("", None),
        ] {
            assert_eq!(parse_link(header), Ok(url.map(str::to_owned)), "{header}");
        }
    }

    #[test]
    fn a_header_that_is_no_list_of_links_is_not_one_without_a_next_page() {
        for header in [
            "<?p=1",
            "https://a.example/?p=2; rel=\"next\"",
            "rel=\"next\"; <?p=2>",
            "<?p=1>; rel=prev, ?p=3; rel=next",
        ] {
            assert!(parse_link(header).is_err(), "{header}");
        }
    }
}
