//! Reads a curl command line, as browsers and vendors' documents give it. It is not run.

use anyhow::{Context as _, Result, bail, ensure};

use super::{percent, words};

/// A request as a curl command describes it. It may hold secrets.
#[derive(Default)]
pub(super) struct Curl {
    pub(super) method: Option<String>,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    /// `USER:PASSWORD`.
    pub(super) user: Option<String>,
    /// Whether the password must not be sent itself: the source gets an answer to its challenge (RFC 7616).
    pub(super) has_digest: bool,
    /// The body; `None` without one.
    pub(super) body: Option<String>,
    /// Options without an effect on a channel, with what to do instead, if anything.
    pub(super) ignored: Vec<String>,
}

/// Options with a value that say nothing about the request, or nothing that a command may decide.
const WITH_VALUE: &str = "--abstract-unix-socket --alt-svc --cacert --capath --cert --cert-type --ciphers \
    --config --connect-timeout --connect-to --cookie-jar --create-file-mode --crlfile --delegation --dns-servers \
    --doh-url --dump-header --ech --egd-file --engine --etag-compare --etag-save --expect100-timeout \
    --happy-eyeballs-timeout-ms --hostpubmd5 --hsts --interface --ipfs-gateway --keepalive-time --key --key-type \
    --limit-rate --local-port --max-filesize --max-redirs --max-time --netrc-file --noproxy --oauth2-bearer --output \
    --output-dir --parallel-max --pass --pinnedpubkey --proto --proto-default --proto-redir --proxy --proxy-header \
    --proxy-user --range --rate --resolve --retry --retry-delay --retry-max-time --speed-limit --speed-time --stderr \
    --time-cond --tls-max --trace --trace-ascii --unix-socket --variable --write-out \
    -C -D -E -K -P -Q -T -U -Y -c -m -o -r -t -w -x -y -z";
/// What to do about options that a channel has a setting for.
const INSTEAD: [(&str, &str); 8] = [
    ("--insecure", "certificates are always checked: set `ca` if the source has its own authority"),
    ("--cacert", "set `ca`"),
    ("--cert", "set `auth = { mtls = … }`"),
    ("--proxy", "set `proxy`"),
    ("--resolve", "set `resolve`"),
    ("--location", "redirects to other hosts need `redirects`"),
    ("--max-time", "set `timeout`"),
    ("--range", "a part of an answer is not read"),
];
/// The long names of options with one letter.
const SHORT: [(&str, &str); 19] = [
    ("-X", "--request"),
    ("-H", "--header"),
    ("-d", "--data"),
    ("-G", "--get"),
    ("-u", "--user"),
    ("-A", "--user-agent"),
    ("-e", "--referer"),
    ("-b", "--cookie"),
    ("-F", "--form"),
    ("-I", "--head"),
    ("-T", "--upload-file"),
    ("-:", "--next"),
    ("-k", "--insecure"),
    ("-E", "--cert"),
    ("-x", "--proxy"),
    ("-L", "--location"),
    ("-m", "--max-time"),
    ("-r", "--range"),
    ("-K", "--config"),
];
/// Options with a value that describe the request.
const READ: &str = "--request --header --data --data-ascii --data-raw --data-binary --data-urlencode --json --user \
    --user-agent --referer --cookie --form --form-string --upload-file --url --url-query";

/// Whether a text is a curl command.
pub(super) fn is_command(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = text.strip_prefix("$ ").unwrap_or(text).trim_start();
    let program = text.split_whitespace().next().unwrap_or_default();
    ["curl", "curl.exe"].contains(&program)
}

/// Reads a command.
///
/// # Errors
/// It is no request that a channel could send; the message says why, and contains no value of it.
pub(super) fn parse(text: &str) -> Result<Curl> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let words = words::split(text.strip_prefix("$ ").unwrap_or(text))?;
    let mut reader = Reader::default();
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        let word = straight(word);
        if word.len() < 2 || !word.starts_with('-') {
            reader.address(&word)?;
        } else if word.starts_with("--") {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let value = value.or_else(|| takes_value(&name).then(|| words.next()).flatten());
            reader.option(&name, value)?;
        } else {
            reader.letters(&word, &mut words)?;
        }
    }
    reader.finish()
}

/// An option with the dashes that it was typed with: programs for writing make a long one of them.
fn straight(word: String) -> String {
    let Some(rest) = word.strip_prefix(['–', '—', '−']) else { return word };
    let dashes =
        if rest.chars().nth(1).is_some_and(|c| c.is_ascii_lowercase()) { "--" } else { "-" };
    format!("{dashes}{rest}")
}

fn takes_value(name: &str) -> bool {
    [WITH_VALUE, READ].iter().any(|list| list.split_whitespace().any(|known| known == name))
}

/// Collects what the options say.
#[derive(Default)]
struct Reader {
    curl: Curl,
    data: Vec<String>,
    query: Vec<String>,
    is_get: bool,
}

impl Reader {
    /// Options with one letter, of which several may stand in one word.
    fn letters(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<()> {
        let mut letters = word.trim_start_matches('-').chars();
        while let Some(letter) = letters.next() {
            let short = format!("-{letter}");
            let long = SHORT.iter().find(|(known, _)| *known == short).map(|(_, long)| *long);
            let name = long.unwrap_or(&short);
            if takes_value(name) || takes_value(&short) {
                let rest = letters.as_str().to_owned();
                let value = if rest.is_empty() { words.next() } else { Some(rest) };
                return self.option(name, value);
            }
            self.option(name, None)?;
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: Option<String>) -> Result<()> {
        if !READ.split_whitespace().any(|known| known == name) {
            match name {
                "--get" => self.is_get = true,
                "--head" => bail!("`--head` asks for no records"),
                "--next" => {
                    bail!("the command sends several requests (`--next`): give one of them")
                }
                "--compressed" => {}
                // `--anyauth` asks the source first: it may not want the password itself.
                "--digest" | "--anyauth" => self.curl.has_digest = true,
                "--ntlm" | "--ntlm-wb" | "--negotiate" => bail!(
                    "`{name}` signs in as Windows does, which a channel cannot do: ask the owner of the source for \
                     another way"
                ),
                "--oauth2-bearer" => {
                    let token = value.unwrap_or_default();
                    self.header(&format!("Authorization: Bearer {token}"));
                }
                _ => self.ignore(name),
            }
            return Ok(());
        }
        let value = value.with_context(|| format!("`{name}` has no value"))?;
        match name {
            "--request" => self.curl.method = Some(value.to_ascii_uppercase()),
            "--header" => self.header(&value),
            "--user" => self.curl.user = Some(value),
            "--user-agent" => self.header(&format!("User-Agent: {value}")),
            "--referer" => self.header(&format!("Referer: {}", value.trim_end_matches(";auto"))),
            "--cookie" if value.contains('=') => self.header(&format!("Cookie: {value}")),
            "--cookie" => {
                bail!("`--cookie` names a file, which is not read: write the cookies themselves")
            }
            "--form" | "--form-string" => bail!(
                "`{name}` sends a form in parts (multipart/form-data), which a channel cannot send: ask whether the \
                 source takes a form in one part (`--data`)"
            ),
            "--upload-file" => bail!("`--upload-file` sends a file, and asks for no records"),
            "--url" => self.address(&value)?,
            "--url-query" => self.query.push(encoded_data(&value, name)?),
            "--data-urlencode" => self.data.push(encoded_data(&value, name)?),
            "--data-raw" => self.data.push(value),
            "--json" => {
                self.data.push(inline(&value, name)?);
                self.header("Content-Type: application/json");
                self.header("Accept: application/json");
            }
            _ => self.data.push(inline(&value, name)?),
        }
        Ok(())
    }

    /// Adds a header; one without a value is not sent.
    fn header(&mut self, line: &str) {
        let (name, value) = line.split_once([':', ';']).unwrap_or((line, ""));
        let (name, value) = (name.trim(), value.trim());
        if !name.is_empty() && !value.is_empty() {
            self.curl.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn address(&mut self, url: &str) -> Result<()> {
        ensure!(
            self.curl.url.is_empty(),
            "the command has several addresses, or an option that is not known before a value: give one address"
        );
        url.clone_into(&mut self.curl.url);
        Ok(())
    }

    fn ignore(&mut self, name: &str) {
        let instead = INSTEAD.iter().find(|(known, _)| *known == name);
        let text = instead.map_or(name.to_owned(), |(_, instead)| format!("{name}: {instead}"));
        if !self.curl.ignored.contains(&text) {
            self.curl.ignored.push(text);
        }
    }

    fn finish(mut self) -> Result<Curl> {
        ensure!(!self.curl.url.is_empty(), "the command has no address");
        if !self.curl.url.contains("://") {
            // curl does so too.
            self.curl.url = format!("http://{}", self.curl.url);
        }
        if let Some((address, _)) = self.curl.url.split_once('#') {
            self.curl.url = address.to_owned();
        }
        if self.is_get {
            self.query.append(&mut self.data);
        }
        for pairs in self.query {
            let sign = if self.curl.url.contains('?') { '&' } else { '?' };
            self.curl.url = format!("{}{sign}{pairs}", self.curl.url);
        }
        let is_json = |data: &String| data.trim_start().starts_with('{');
        let separator = if self.data.iter().any(is_json) { "" } else { "&" };
        self.curl.body = (!self.data.is_empty()).then(|| self.data.join(separator));
        let method = self.curl.method.as_deref();
        ensure!(
            self.curl.body.is_none() || method != Some("GET"),
            "the command sends a body with GET, which a channel cannot: ask whether the source takes POST"
        );
        if let Some(method) = method.filter(|method| !["GET", "POST"].contains(method)) {
            bail!("{method} does not ask for records: a channel sends GET or POST");
        }
        Ok(self.curl)
    }
}

/// The data of an option, which must not be that of a file.
fn inline(value: &str, option: &str) -> Result<String> {
    ensure!(
        !value.starts_with('@'),
        "`{option}` names a file, which is not read: write its content into the command"
    );
    Ok(value.to_owned())
}

/// The data of `--data-urlencode`: `content`, `=content` or `name=content`; only the content is encoded.
fn encoded_data(value: &str, option: &str) -> Result<String> {
    let (name, content) = match value.split_once('=') {
        Some((name, content)) => (name, content),
        None => ("", value),
    };
    ensure!(
        !value.split('=').next().unwrap_or_default().contains('@'),
        "`{option}` names a file, which is not read: write its content into the command"
    );
    let content = percent::encode(content);
    Ok(if name.is_empty() { content } else { format!("{name}={content}") })
}
