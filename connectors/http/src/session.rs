//! The cookies of a source. They are in memory only: after a restart they are fetched again.

use std::{collections::BTreeMap, fmt};

use reqwest::Url;

/// Maximum number of cookies for a host, to limit memory; no source needs so many.
const MAX_COOKIES: usize = 64;

/// Cookies by host and name. As in a browser, they go to all ports of a host (RFC 6265 §8.5), but never from
/// `https` to `http`, where others could read them.
#[derive(Clone, Default)]
pub(crate) struct Cookies {
    by_host: BTreeMap<Host, BTreeMap<String, String>>,
}

impl Cookies {
    /// Stores the cookie of a `Set-Cookie` header (RFC 6265 §5.2), or removes it if it has expired. Ignores
    /// paths and domains, because a channel uses one application.
    pub(crate) fn store(&mut self, url: &Url, header: &str) {
        let (pair, attributes) = header.split_once(';').unwrap_or((header, ""));
        let Some((name, value)) = pair.split_once('=') else { return };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        let has_expired = attributes.split(';').any(|attribute| {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            name.trim().eq_ignore_ascii_case("max-age") && value.trim().starts_with(['0', '-'])
        });
        let cookies = self.by_host.entry(host(url)).or_default();
        if has_expired {
            cookies.remove(&name);
        } else if cookies.len() < MAX_COOKIES || cookies.contains_key(&name) {
            cookies.insert(name, value);
        }
    }

    /// The `Cookie` header for an address.
    pub(crate) fn header(&self, url: &Url) -> Option<String> {
        let cookies = self.by_host.get(&host(url)).filter(|cookies| !cookies.is_empty())?;
        let pairs = cookies.iter().map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join("; "))
    }

    pub(crate) fn clear(&mut self) {
        self.by_host.clear();
    }
}

/// Shows hosts and names: a value may be that of a session.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |cookies: &BTreeMap<String, String>| cookies.keys().cloned().collect::<Vec<_>>();
        let hosts = self.by_host.iter().map(|((_, host), cookies)| (host, names(cookies)));
        f.debug_map().entries(hosts).finish()
    }
}

/// Whether the scheme is `https`, and the host.
type Host = (bool, String);

fn host(url: &Url) -> Host {
    (url.scheme() == "https", url.host_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_to_the_host_they_came_from() {
        let url = |text: &str| Url::parse(text).unwrap();
        let mut cookies = Cookies::default();
        cookies.store(&url("https://a.example/"), "__jsluid_s=abc=; Path=/; HttpOnly");
        cookies.store(&url("https://a.example/x"), "t=1");
        cookies.store(&url("https://a.example/x"), "t=2; Max-Age=60");
        cookies.store(&url("https://a.example/x"), "nonsense");
        assert_eq!(cookies.header(&url("https://a.example/y")).unwrap(), "__jsluid_s=abc=; t=2");
        let shown = format!("{cookies:?}");
        assert_eq!(shown, r#"{"a.example": ["__jsluid_s", "t"]}"#, "a value is shown");
        let other_port = url("https://a.example:8443/");
        assert_eq!(cookies.header(&other_port).unwrap(), "__jsluid_s=abc=; t=2");
        for other in ["https://b.example/", "http://a.example/"] {
            assert_eq!(cookies.header(&url(other)), None, "{other}");
        }
        cookies.store(&url("https://a.example/"), "t=; max-age=0");
        assert_eq!(cookies.header(&url("https://a.example/y")).unwrap(), "__jsluid_s=abc=");
        cookies.clear();
        assert_eq!(cookies.header(&url("https://a.example/")), None);
    }
}
