//! Who may come in. Nothing here waits: the listener calls it with a request that has arrived whole.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use contract::{Secret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::config::{Auth, Config};

/// How far the clock of a signing sender may be off, in seconds.
const MOST_SKEW: i64 = 90;

/// A request as it arrived.
#[derive(Debug)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path, without query.
    pub path: &'a str,
    /// The query as it was written, without `?`.
    pub query: &'a str,
    /// Value of a header by its name in lower case; a value that is no text counts as missing.
    pub headers: Headers<'a>,
}

/// Looks up a header.
#[derive(Clone, Copy)]
pub struct Headers<'a>(pub &'a (dyn Fn(&str) -> Option<&'a str> + Sync));

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Headers(…)")
    }
}

/// The door of one channel.
#[derive(Debug)]
pub struct Guard {
    auth: Auth,
}

impl Guard {
    /// The door that the settings describe.
    pub fn new(config: &Config) -> Self {
        Self { auth: config.auth.clone() }
    }

    /// Whether a request comes from who may send.
    ///
    /// # Errors
    /// It does not; the text says what is wrong with it.
    pub fn admit(&self, request: &Request<'_>, now: Timestamp) -> Result<(), &'static str> {
        let Headers(header) = request.headers;
        match &self.auth {
            Auth::None => Ok(()),
            Auth::Bearer(secret) => {
                let given = header("authorization").ok_or("there is no Authorization header")?;
                let (scheme, token) = given.split_once(' ').ok_or("no bearer token is given")?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err("no bearer token is given");
                }
                same(token.trim(), secret)
            }
            Auth::Header(expected) => {
                let given = header(&expected.name.to_ascii_lowercase());
                same(given.ok_or("the header with the shared secret is missing")?, &expected.value)
            }
            Auth::XBg(account) => {
                let of = |name: &str| header(name).ok_or("an X-BG header is missing");
                let date = of("x-bg-date-time")?;
                let sent =
                    DateTime::parse_from_rfc2822(date).map_err(|_| "X-BG-DATE-TIME is no date")?;
                if (now - sent.to_utc()).num_seconds().abs() > MOST_SKEW {
                    return Err("the clocks differ by more than 90 seconds");
                }
                if of("x-bg-hmac-access-key")? != account.access_key {
                    return Err("the access key is not known");
                }
                if !of("x-bg-hmac-algorithm")?.eq_ignore_ascii_case("hmac-sha256") {
                    return Err("the algorithm is not hmac-sha256");
                }
                let signature = STANDARD.decode(of("x-bg-hmac-signature")?);
                let signature = signature.map_err(|_| "the signature is not Base64")?;
                let text = signed_text(request, &account.access_key, date);
                let key = account.secret_key.expose().as_bytes();
                let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| "the key is unusable")?;
                let is_right = mac.chain_update(text).verify_slice(&signature);
                is_right.map_err(|_| "the signature is wrong")
            }
        }
    }
}

/// `METHOD\nPATH\nSORTED_QUERY\nAK\nDATE\n`.
fn signed_text(request: &Request<'_>, access_key: &str, date: &str) -> String {
    let mut pairs: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let query = pairs.join("&");
    format!("{}\n{}\n{query}\n{access_key}\n{date}\n", request.method, request.path)
}

/// Compares hashes: how long it takes says nothing of where two texts differ.
fn same(given: &str, secret: &Secret) -> Result<(), &'static str> {
    let is_same = Sha256::digest(given) == Sha256::digest(secret.expose());
    if is_same { Ok(()) } else { Err("the secret is wrong") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Tue, 09 Nov 2021 08:49:20 GMT";

    /// The published vector.
    const SIGNED: [(&str, &str); 4] = [
        ("x-bg-date-time", DATE),
        ("x-bg-hmac-access-key", "test"),
        ("x-bg-hmac-algorithm", "hmac-sha256"),
        ("x-bg-hmac-signature", "KJJG0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis="),
    ];

    fn admit(auth: Auth, headers: &[(&str, &str)], skew: i64) -> Result<(), &'static str> {
        let now = DateTime::parse_from_rfc2822(DATE).unwrap().to_utc();
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let request = Request {
            method: "POST",
            path: "/restapi/prod/IC33000020211105003270/post",
            query: "v=123&test=123",
            headers: Headers(&header),
        };
        let now = now + chrono::TimeDelta::seconds(skew);
        Guard { auth }.admit(&request, now)
    }

    fn x_bg() -> Auth {
        let secret_key = Secret::new("tet");
        Auth::XBg(crate::config::XBg { access_key: "test".to_owned(), secret_key })
    }

    #[test]
    fn a_signed_request_comes_in_while_the_clocks_agree() {
        for (skew, is_in) in [(0, true), (90, true), (-90, true), (91, false), (-91, false)] {
            assert_eq!(admit(x_bg(), &SIGNED, skew).is_ok(), is_in, "{skew}");
        }
    }

    #[test]
    fn a_request_that_is_signed_otherwise_does_not() {
        for (name, value) in [
            ("x-bg-hmac-signature", "AAAA0L/1ilAOrfHxAsJR67f6oVm38fwREEp9hFnAcis="),
            ("x-bg-hmac-signature", "not base64"),
            ("x-bg-hmac-access-key", "tset"),
            ("x-bg-hmac-algorithm", "hmac-md5"),
            ("x-bg-date-time", "yesterday"),
            ("x-bg-date-time", "Tue, 09 Nov 2021 08:49:21 GMT"),
        ] {
            let mut headers = SIGNED;
            headers.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value;
            let refusal = admit(x_bg(), &headers, 0);
            assert!(refusal.is_err(), "{name}: {value}");
        }
        assert!(admit(x_bg(), &SIGNED[..3], 0).is_err());
    }

    #[test]
    fn bearer_and_shared_header_are_compared_whole() {
        let bearer = || Auth::Bearer(Secret::new("t0ken"));
        let header = || {
            let value = Secret::new("t0ken");
            Auth::Header(crate::config::Header { name: "X-Api-Key".to_owned(), value })
        };
        assert!(admit(bearer(), &[("authorization", "Bearer t0ken")], 0).is_ok());
        assert!(admit(bearer(), &[("authorization", "bearer t0ken")], 0).is_ok());
        assert!(admit(header(), &[("x-api-key", "t0ken")], 0).is_ok());
        for wrong in ["Bearer t0ke", "Bearer t0ken2", "Basic t0ken", "Bearer", "t0ken", ""] {
            assert!(admit(bearer(), &[("authorization", wrong)], 0).is_err(), "{wrong}");
        }
        assert!(admit(bearer(), &[], 0).is_err());
        assert!(admit(header(), &[("x-api-key", "T0ken")], 0).is_err());
    }
}
