//! Checks addresses: which hosts may be contacted, and how.

use connector_wire::local::is_this_machine;
use contract::Fault;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::plain_secret;

/// Parses the address in `setting`. Plain HTTP is allowed only to this machine, unless `insecure` is set. No
/// fault repeats more than the host: an address may contain a secret.
pub(crate) fn parse_address(setting: &str, text: &str, insecure: bool) -> Result<Url, Fault> {
    let fault = |what: String| Fault::stopped(what).at("http");
    let url = Url::parse(text).map_err(|_| {
        fault(format!("`{setting}` is not an address")).remedy("begin with https://")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault(format!("`{setting}` contains a user or password"))
            .remedy("use `auth` instead, with a secret"));
    }
    plain_secret::check_address(setting, &url)?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => Ok(url),
        "http" if insecure || is_this_machine(host) => Ok(url),
        "http" => Err(fault(format!("requests to {host} in `{setting}` would not be encrypted"))
            .remedy(
                "use https://; if the source has none, set `insecure = true`: everybody on the network \
                 path can then read and change what is sent",
            )),
        _ => Err(fault(format!("`{setting}` begins with neither https:// nor http://"))),
    }
}

/// Resolves an address that an answer from `base` contains. Only the host of `base` and the `allowed` ones
/// may be contacted, so that no answer sends the channel elsewhere: all of them stand in the settings, to which
/// `[allow]` of gateway.toml applies. Credentials stay with the origin of the settings even then.
pub(crate) fn resolve(base: &Url, text: &str, allowed: &[Url]) -> Result<Url, Fault> {
    resolve_or(base, text, allowed, "")
}

/// Like [`resolve`], for the address of a next page.
pub(crate) fn next(base: &Url, text: &str, allowed: &[Url]) -> Result<Url, Fault> {
    let more = "; if the source only calls itself so, set `path_only` in `page`";
    resolve_or(base, text, allowed, more)
}

/// `more` is what else to do about another host.
fn resolve_or(base: &Url, text: &str, allowed: &[Url], more: &str) -> Result<Url, Fault> {
    let url =
        base.join(text).map_err(|_| Fault::stopped("the source refers to an invalid address"))?;
    if is_same_origin(&url, base) || allowed.iter().any(|other| is_same_origin(&url, other)) {
        return Ok(url);
    }
    let other = name(&url);
    Err(Fault::stopped(format!("the source refers to another host: {other}"))
        .remedy(format!("if that is correct, add \"{other}\" to `redirects`{more}")))
}

/// Removes query parameters by their names. The others stay as they are written.
pub(crate) fn remove_params(url: &mut Url, is_removed: impl Fn(&str) -> bool) {
    let Some(query) = url.query() else { return };
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !is_removed(&percent_decode_str(name).decode_utf8_lossy())
    };
    let kept = query.split('&').filter(is_kept).collect::<Vec<_>>().join("&");
    if kept.len() < query.len() {
        url.set_query((!kept.is_empty()).then_some(kept.as_str()));
    }
}

/// The origin of an address, as `redirects` names it.
pub(crate) fn name(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

/// Whether two addresses have the same scheme, host and port.
pub(crate) fn is_same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_allowed_to_this_machine_or_if_the_settings_say_so() {
        for url in
            ["https://a.example/", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/"]
        {
            assert!(parse_address("url", url, false).is_ok(), "{url}");
        }
        for url in ["http://a.example/", "http://127.0.0.1.a.example/", "http://10.0.0.1/"] {
            assert!(parse_address("url", url, false).is_err(), "{url}");
            assert!(parse_address("url", url, true).is_ok(), "{url}");
        }
        for url in
            ["a.example/x", "ftp://a.example", "https://u:p@a.example/", "", "file:///etc/passwd"]
        {
            assert!(parse_address("url", url, true).is_err(), "{url}");
        }
    }

    #[test]
    fn the_source_cannot_redirect_to_an_unknown_host() {
        let base = Url::parse("https://a.example/list?page=1").unwrap();
        let allowed = [Url::parse("https://b.example").unwrap()];
        for (text, is_allowed) in [
            ("?page=2", true),
            ("/other", true),
            ("https://a.example:443/x", true),
            ("https://b.example/x", true),
            ("http://a.example/x", false),
            ("https://a.example:8443/x", false),
            ("//c.example/x", false),
            ("https://a.example.c.example/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(resolve(&base, text, &allowed).is_ok(), is_allowed, "{text}");
        }
        let fault = resolve(&base, "https://a.example:8443/x", &allowed).unwrap_err().to_string();
        assert!(fault.contains("another host: https://a.example:8443"), "{fault}");
    }
}
