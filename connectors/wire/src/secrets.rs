//! Hides secrets in what is shown of a source, by the names of their values.

/// Names of headers, parameters and members whose values may be secrets, in lower case and without `-` and
/// `_`.
pub(crate) const NAMES: [&str; 34] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "appkey",
    "appsecret",
    "auth",
    "authorization",
    "authtoken",
    "clientsecret",
    "cookie",
    "csrftoken",
    "idtoken",
    "key",
    "passwd",
    "password",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "session",
    "sessionid",
    "setcookie",
    "sign",
    "signature",
    "subscriptionkey",
    "ticket",
    "token",
    "xsrftoken",
    "口令",
    "令牌",
    "密码",
    "密钥",
];
/// Of [`NAMES`], the ones that may as well be members of a record.
const AMBIGUOUS: [&str; 6] = ["auth", "key", "session", "sign", "ticket", "token"];
/// Minimum length in bytes of a value with one of these names that is hidden in a record.
const MIN_TOKEN: usize = 8;
/// Of [`NAMES`], the ones whose value may as well be public: the name of an account, what is searched for, a
/// switch, the number of a demand.
const MAYBE_PUBLIC: [&str; 7] = ["accesskey", "appkey", "auth", "key", "session", "sign", "ticket"];
/// Of [`NAMES`], the ones with which ordinary words end, like `monkey` and `design`.
const ENDINGS: [&str; 4] = ["auth", "key", "session", "sign"];

/// A text with `…` in the place of secrets: of parameters like `token=…`, as in the address of a next page,
/// and of members like `"access_token": "…"`.
pub fn hide(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "&;,\"'<>()\\".contains(c);
    let without_params = hide_after(text, '=', |before, after| {
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && !"-_".contains(c)).next();
        // A page may consist of separators, so the rest is searched only behind the name of a secret.
        is_name(name?).then(|| (0, after.find(is_end).unwrap_or(after.len())))
    });
    hide_after(&without_params, ':', |before, after| {
        let before = before.trim_end().strip_suffix('"')?;
        // JSON in a text of JSON has a backslash before each quote.
        let quote = if before.ends_with('\\') { "\\\"" } else { "\"" };
        let name = before.trim_end_matches('\\').rsplit('"').next()?;
        let start = after.len() - after.trim_start().strip_prefix(quote)?.len();
        // The text may be cut within the secret.
        let end = after.get(start..)?.find(quote).map_or(after.len(), |len| start + len);
        // A short value is that of a record or a page, and so is that of a key.
        let may_be_public = |secret: &str| {
            AMBIGUOUS.contains(&secret) && (secret == "key" || end - start < MIN_TOKEN)
        };
        ends_with(name, |secret| !may_be_public(secret)).then_some((start, end))
    })
}

/// Shorter values are left: a text would become unreadable without them.
pub(crate) const MIN_VALUE: usize = 4;
/// Minimum length of the beginning of a secret that is recognised before `…`, where a quotation was cut.
const MIN_BEGINNING: usize = 6;

/// A text with `…` in the place of these values and of `others`, and of the beginning of a value where the text was cut.
pub(crate) fn hide_values(text: &str, mut values: Vec<String>, others: &[String]) -> String {
    values.retain(|value| value.len() >= MIN_VALUE);
    let others = others.iter().filter(|other| other.len() >= MIN_VALUE);
    // The longest come first: another may be a part of it.
    let mut all: Vec<&String> = values.iter().chain(others).collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let hidden = all.into_iter().fold(text.to_owned(), |text, value| text.replace(value, "…"));
    let beginning = |text: &str| {
        let lengths = values.iter().flat_map(|value| {
            let lengths = (MIN_BEGINNING..value.len()).rev();
            lengths.filter_map(move |length| value.get(..length))
        });
        lengths.filter(|beginning| text.ends_with(beginning)).map(str::len).max().unwrap_or(0)
    };
    let mut shown = String::with_capacity(hidden.len());
    for (index, piece) in hidden.split('…').enumerate() {
        if index > 0 {
            shown.truncate(shown.len() - beginning(&shown));
            shown.push('…');
        }
        shown.push_str(piece);
    }
    shown
}

/// Replaces what `secret` finds in the text after a separator; it gets the text before and after it.
fn hide_after(
    text: &str,
    separator: char,
    secret: impl Fn(&str, &str) -> Option<(usize, usize)>,
) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(separator) {
        shown.push_str(before);
        shown.push(separator);
        let found = secret(before, after).filter(|(start, end)| start < end);
        rest = match found {
            Some((start, end)) => {
                shown.push_str(&after[..start]);
                shown.push('…');
                &after[end..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    shown
}

/// Whether the value with this name may be a secret: by the whole name, or by its end, as in `corpsecret`.
pub fn is_name(name: &str) -> bool {
    ends_with(name, |_| true)
}

/// Whether the value with this name is certainly a secret, which must not stand in a settings file.
pub fn is_certain_name(name: &str) -> bool {
    ends_with(name, |secret| !MAYBE_PUBLIC.contains(&secret))
}

/// Whether a name ends with one of those [`NAMES`] that count.
fn ends_with(name: &str, counts: impl Fn(&str) -> bool) -> bool {
    let name = name.trim_end_matches(['-', '_']);
    let plain: String =
        name.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect();
    NAMES.iter().filter(|secret| counts(secret)).any(|secret| {
        plain.ends_with(*secret) && (!ENDINGS.contains(secret) || ends_with_word(name, secret))
    })
}

/// Whether a name ends with a word that is set off by a separator or, as in `aesKey`, by its first letter.
fn ends_with_word(name: &str, word: &str) -> bool {
    let start = name.len().saturating_sub(word.len());
    let Some((before, end)) = name.split_at_checked(start) else { return false };
    let is_set_off = before.chars().next_back().is_none_or(|last| {
        !last.is_ascii_alphabetic() || last.is_lowercase() && end.starts_with(char::is_uppercase)
    });
    is_set_off && end.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_other_values_are_not() {
        for (text, shown) in [
            ("page=2&token=s3cret&key=s3cret", "page=2&token=…&key=…"),
            ("access_token=s3cret", "access_token=…"),
            (
                "</list?api_key=s3cret&page=2>; rel=\"next\"",
                "</list?api_key=…&page=2>; rel=\"next\"",
            ),
            (
                r#"{"next":"https://a.example/?page=2&access_token=s3cret"}"#,
                r#"{"next":"https://a.example/?page=2&access_token=…"}"#,
            ),
            (r#"{"access_token" : "s3cret", "id": "T1"}"#, r#"{"access_token" : "…", "id": "T1"}"#),
            (
                r#"{"key":"T1","token":"p2","password":""}"#,
                r#"{"key":"T1","token":"p2","password":""}"#,
            ),
            (r#"{"access_token":"s3cr"#, r#"{"access_token":"…"#),
            (r#"{"key":"T20261129","token":"s3cretToken"}"#, r#"{"key":"T20261129","token":"…"}"#),
            (r#"{"b":"{\"access_token\":\"s3cret\"}"}"#, r#"{"b":"{\"access_token\":\"…\"}"}"#),
            (
                "corpsecret=s3cret&suite_ticket=s3cret&aesKey=s3cret&sign-key=s3cret&登录密码=s3cret",
                "corpsecret=…&suite_ticket=…&aesKey=…&sign-key=…&登录密码=…",
            ),
            (
                r#"{"corpsecret":"s3cret","suite_access_token":"s3cret","next_token":"p2"}"#,
                r#"{"corpsecret":"…","suite_access_token":"…","next_token":"p2"}"#,
            ),
            (
                "monkey=1&design=2&a:b=c&oauth=1&possession=2&keys=3",
                "monkey=1&design=2&a:b=c&oauth=1&possession=2&keys=3",
            ),
        ] {
            assert_eq!(hide(text), shown);
        }
        for name in ["Authorization", "X-Api-Key", "x-auth-token", "Set-Cookie", "access-token"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["content-type", "www-authenticate", "x-request-id", "etag"] {
            assert!(!is_name(name), "{name}");
        }
        for name in ["X-Api-Key", "token", "corpsecret", "Cookie", "登录密码"] {
            assert!(is_certain_name(name), "{name}");
        }
        for name in ["appKey", "access-key", "key", "sign", "page_size", "tokenType", "workTicket"]
        {
            assert!(!is_certain_name(name), "{name}");
        }
    }
}
