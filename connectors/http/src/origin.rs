//! Which hosts are contacted, and how.

use contract::Fault;
use reqwest::Url;

/// Checks an address of the settings. Plain HTTP is allowed to this machine, and where the channel
/// says `insecure`.
pub(crate) fn address(text: &str, insecure: bool) -> Result<Url, Fault> {
    let wrong = |what: String| Fault::stopped(what).at("http");
    let url = Url::parse(text)
        .map_err(|_| wrong(format!("`{text}` is not an address")).remedy("begin with https://"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::stopped("an address contains an account")
            .remedy("write the account in `auth`, as a secret"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if insecure || is_loopback(&url) => Ok(url),
        "http" => Err(wrong(format!("`{text}` is not encrypted")).remedy(
            "write https://; where the source has none, `insecure = true` allows everybody on the \
             way to read and change what is sent",
        )),
        _ => Err(wrong(format!("`{text}` is neither https:// nor http://"))),
    }
}

/// An address that the source names in the page at `base`. Only known hosts are contacted: an answer
/// must not send the channel, and its credentials, elsewhere.
pub(crate) fn follow(base: &Url, text: &str, allowed: &[Url]) -> Result<Url, Fault> {
    let url = base
        .join(text)
        .map_err(|_| Fault::stopped("the source names a next address that is not valid"))?;
    if is_same(&url, base) || allowed.iter().any(|other| is_same(&url, other)) {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or_default();
    Err(Fault::stopped(format!("the source leads to another host: {}://{host}", url.scheme()))
        .remedy("add it to `redirects` if that is correct"))
}

/// Whether two addresses have scheme, host and port in common.
pub(crate) fn is_same(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_or_where_it_is_said() {
        for url in
            ["https://a.example/", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/"]
        {
            assert!(address(url, false).is_ok(), "{url}");
        }
        for url in ["http://a.example/", "http://127.0.0.1.a.example/", "http://10.0.0.1/"] {
            assert!(address(url, false).is_err(), "{url}");
            assert!(address(url, true).is_ok(), "{url}");
        }
        for url in
            ["a.example/x", "ftp://a.example", "https://u:p@a.example/", "", "file:///etc/passwd"]
        {
            assert!(address(url, true).is_err(), "{url}");
        }
    }

    #[test]
    fn the_source_cannot_redirect_to_an_unknown_host() {
        let base = Url::parse("https://a.example/list?page=1").unwrap();
        let allowed = [Url::parse("https://b.example").unwrap()];
        for (text, leads) in [
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
            assert_eq!(follow(&base, text, &allowed).is_ok(), leads, "{text}");
        }
    }
}
