//! Reads the header `WWW-Authenticate` (RFC 9110 §11.6.1): the schemes that a source offers.
//!
//! Small devices write it carelessly: several schemes in one header, values without quotes, lists without quotes. So
//! the reader takes whatever can be told apart, and leaves the rest.

/// Maximum size of a header, in bytes. Longer ones are not read.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// A scheme, and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Its name as it was written.
    pub(super) scheme: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// The schemes of a header, in their order. Several headers are one, joined by commas.
    pub(super) fn all(header: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut rest = if header.len() > MAX_BYTES { "" } else { header };
        // Whether a comma stands before: without one, what follows a scheme belongs to it.
        let mut is_apart = true;
        loop {
            let name = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            let (between, _) = rest.split_at(rest.len() - name.len());
            is_apart |= between.contains(',');
            let end = name.find(|c: char| c.is_whitespace() || "=,\"".contains(c));
            let (name, after) = name.split_at(end.unwrap_or(name.len()));
            rest = after;
            if name.is_empty() {
                let mut stray = rest.chars();
                if stray.next().is_none() {
                    return found;
                }
                rest = stray.as_str();
            } else if let Some(text) = after.trim_start().strip_prefix('=') {
                let (value, after) = read_value(text.trim_start());
                rest = after;
                if let Some(challenge) = found.last_mut()
                    && challenge.param(name).is_none()
                {
                    challenge.params.push((name.to_owned(), value));
                }
            } else if is_apart && !is_quality(name) {
                found.push(Self { scheme: name.to_owned(), params: Vec::new() });
            }
            is_apart = false;
        }
    }

    /// The parameters of a header that names no scheme, like `Authentication-Info`.
    pub(super) fn without_scheme(header: &str) -> Self {
        let none = || Self { scheme: String::new(), params: Vec::new() };
        Self::all(&format!("none {header}")).into_iter().next().unwrap_or_else(none)
    }

    /// Whether it is this scheme.
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, without its quotes.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        params.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Whether a word is no scheme, but what is left of `qop=auth,auth-int`: a list that should have quotes.
fn is_quality(word: &str) -> bool {
    ["auth", "auth-int"].iter().any(|quality| word.eq_ignore_ascii_case(quality))
}

/// The value at the beginning of a text, and what follows it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}
