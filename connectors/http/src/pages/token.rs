//! Pages by what the page before says: a token, or the address of the next one.

use document::Path;

use super::{End, Param, Repeated, Spot, Step, Walk, differs};
use crate::answer::Page;

/// Pages by a token or an address.
#[derive(Debug)]
pub(crate) struct Token {
    /// The parameter that takes the token; `None` where it is the address itself.
    pub(crate) param: Option<String>,
    pub(crate) origin: Origin,
}

/// Where the token stands.
#[derive(Debug)]
pub(crate) enum Origin {
    Body(Path),
    Header(String),
    Link,
}

impl Token {
    pub(super) fn ask(&self, walk: &Walk) -> (Vec<Param>, Option<String>) {
        match (&walk.at, &self.param) {
            (Some(Spot::Value(token)), Some(param)) => {
                (vec![(param.clone(), token.clone().into())], None)
            }
            (Some(Spot::Url(url)), _) => (Vec::new(), Some(url.clone())),
            _ => (Vec::new(), None),
        }
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page) -> Result<Step, Repeated> {
        let print = differs(walk, page)?;
        let token = match &self.origin {
            Origin::Body(at) => page.text(at),
            Origin::Header(name) => page.headers.get(name).cloned(),
            Origin::Link => page.headers.get("link").and_then(|link| next(link)),
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let spot = token.map(|token| match self.param {
            Some(_) => Spot::Value(token),
            None => Spot::Url(token),
        });
        if spot.is_some() && spot == walk.at {
            return Err(Repeated(format!("page {} names itself as the next", walk.pages + 1)));
        }
        let end = if spot.is_some() { End::More } else { End::Last };
        walk.at = spot;
        walk.passed(print);
        Ok(Step { end, is_known: false })
    }
}

/// The address with `rel="next"` in a `Link` header (RFC 8288 §3).
fn next(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, behind)) = rest.split_once('<') {
        let (url, behind) = behind.split_once('>')?;
        // Parameters end where the next address begins; `<` stands in none of those that are used.
        let end = behind.find('<').unwrap_or(behind.len());
        let parameters = behind[..end].to_lowercase();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim() == "rel" && relations.any(|relation| relation == "next")
        });
        if is_next {
            return Some(url.trim().to_owned());
        }
        rest = &behind[end..];
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
