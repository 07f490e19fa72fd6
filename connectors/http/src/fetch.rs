//! Repeats a request until its answer can be read, or until there is a reason to give up.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

use chrono_tz::Tz;
use contract::{Fault, FaultKind, Held, Memory};
use document::{Diagnostics, DocumentFormat, Message, MessageError, Text, table_bytes, tree_bytes};
use normalizer_text::Hints;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    calls,
    client::{Answer, Client, FetchError},
    credentials::Credentials,
    elsewhere::Elsewhere,
    inner::InnerDocument,
    job::OpenJob,
    list, network, origin,
    page_reader::OpenPage,
    plan::Plan,
    request::{Call, Request},
    rules::{AnswerView, Meaning, Rule},
};

/// Maximum number of requests for an answer that cannot be read.
const MAX_ATTEMPTS: usize = 3;

/// How long a page waits at most until there is room for it. Then the channel gives up what it holds itself, and begins
/// again: what it waits for may be held by one who waits for it, such as a backfill that takes turns with it.
const MAX_ROOM_TIME: Duration = Duration::from_secs(30);

/// A successful answer.
#[derive(Debug)]
pub(crate) struct ReadAnswer {
    pub(crate) parsed: Parsed,
    pub(crate) answer: Answer,
    /// The memory of a page.
    pub(crate) room: Option<Held>,
}

/// What was parsed of an answer.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// `null` if the source says that there is nothing.
    pub(crate) tree: Value,
    /// Whether a rule of the channel says that there is nothing.
    pub(crate) is_nothing: bool,
    /// Whether what was asked for does not exist, by one of the rules in `missing`.
    pub(crate) is_missing: bool,
    /// Whether the tree, or a document within it, was XML: it then has no empty lists.
    pub(crate) is_xml: bool,
    /// Whether it should be nothing but a list of records.
    pub(crate) is_lines: bool,
    /// Whether nothing shows that it was not cut between two lines.
    pub(crate) may_be_cut: bool,
    /// Whether it is CSV and has nothing, not even the header that it should have.
    pub(crate) is_blank: bool,
    /// The diagnostics of the text of the answer.
    pub(crate) diagnostics: Diagnostics,
}

/// A source: its client, and what lets requests in.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) client: Client,
    pub(crate) credentials: Credentials,
    /// The zone of the configuration.
    pub(crate) zone: Tz,
    /// Whether cookies were fetched and, as far as we know, have not expired.
    pub(crate) has_cookies: bool,
    /// What answers with records said about themselves, so that it is no failure beside an empty list.
    pub(crate) known: BTreeSet<String>,
    /// The memory of the process.
    pub(crate) memory: Memory,
    /// The page whose last records were left for the next batch.
    pub(crate) open_page: Option<OpenPage>,
    /// The jobs of the walks that have not ended, by the index of their sequence.
    pub(crate) jobs: BTreeMap<usize, OpenJob>,
}

impl Source {
    /// Sends a request and reads the answer. An answer that matches a rule in `missing` is `null`.
    /// `check` makes the result from the answer, or says why the answer cannot be used: then the request
    /// is repeated.
    pub(crate) async fn fetch<T>(
        &mut self,
        plan: &Plan,
        call: &Call,
        request: &Request,
        missing: &[Rule],
        check: impl Fn(ReadAnswer) -> Result<T, (String, Answer)>,
    ) -> Result<T, FetchError> {
        let mut has_renewed_cookies = false;
        let mut attempt = 1;
        // Only the origin in `url` gets credentials, even if a part or `ack` has another.
        let is_at_home = plan.list.is_at_home(&request.url);
        let sent =
            Elsewhere::new(&self.credentials).request(&self.credentials, plan, call, request)?;
        let request: &Request = &sent;
        // If a web server that is no proxy has the address in `proxy`, it answers such requests itself.
        let via_proxy = network::uses_web_proxy(&plan.config) && request.url.scheme() == "http";
        loop {
            // These seldom send anything, and would make the futures of all readers larger.
            Box::pin(self.fetch_cookies(plan)).await?;
            let (signed, signature) = match is_at_home {
                true => {
                    Box::pin(self.sign_in(plan)).await?;
                    let (signed, steps) = Box::pin(self.authenticate(plan, request)).await?;
                    (signed, Some(steps))
                }
                false => (request.clone(), None),
            };
            let is_answer = |status| plan.config.rules.has_status(call.success.as_ref(), status);
            let elsewhere = Elsewhere::of_request(&self.credentials, &signed, Some(request));
            let credentials = &mut self.credentials;
            let follow = |request: &mut Request, is_here| {
                if is_here && is_at_home {
                    credentials.answer_challenge(request);
                }
                elsewhere.follow(credentials, request, is_here)
            };
            let exchange = self.client.exchange(signed, request, signature, is_answer, follow);
            let answer = exchange.await;
            // There may be an answer even if this is an error: a redirect that is not allowed.
            self.client.traces.hide_in_last(&self.credentials);
            let answer = answer?;
            let content_type = answer.headers.get("content-type").map(String::as_str);
            let opened = open(plan, &answer.body, &answer.headers);
            // What is fetched for a record of a page is small beside it, and must not wait for other pages.
            let is_page = std::ptr::eq(call, plan.pages());
            let is_of_job = plan.is_of_job(call);
            let is_ack = plan.ack.as_ref().is_some_and(|ack| std::ptr::eq(call, ack));
            let set_format = plan.config.format.filter(|_| !is_of_job);
            let format = opened.as_ref().ok();
            let format = format.map(|(message, text)| format_of(set_format, message, text));
            let size = opened.as_ref().ok().filter(|_| is_page);
            let size = size.map(|opened| memory_of(plan, call, opened));
            let room = match size {
                Some(size) => Some(self.hold_page(size).await?),
                None => None,
            };
            // Other formats have an end of their own.
            let is_lines = format.is_some_and(is_lines);
            let (text, diagnostics, tree) = parse_as(set_format, plan, call, opened);
            if matches!(tree, Err(MessageError::TooLarge(_))) {
                return Err(FetchError::above_limit());
            }
            let Answer { status, retry_after, is_login, .. } = answer;
            let tree_view = tree.as_ref().ok();
            let view = AnswerView {
                status,
                content_type,
                text: &text,
                tree: tree_view,
                retry_after,
                via_proxy,
            };
            // The rules of the channel come first: they may tell such answers apart by their text.
            let is_missing =
                missing.iter().any(|rule| rule.matches(view)) && !plan.config.rules.explain(view);
            if is_missing && status >= 400 && attempt == 1 {
                // A server that is being restarted may answer so once, in the middle of a list.
                attempt += 1;
                continue;
            }
            let meaning = match is_missing {
                true => Meaning::Nothing,
                false => plan.config.rules.judge(call.success.as_ref(), view),
            };
            let is_redirect = (300..400).contains(&status);
            let meaning = match meaning {
                Meaning::Success | Meaning::Unclear if is_login && tree.is_err() => {
                    Meaning::Expired
                }
                Meaning::Fault(_) if is_login && is_redirect => Meaning::Expired,
                meaning => meaning,
            };
            let meaning = calls::meaning_for_part(plan, call, meaning, view);
            let is_xml = call.has_xml(&text);
            let is_nothing = matches!(meaning, Meaning::Nothing);
            // A rule of the channel may say that such a status means something else.
            let is_refusal =
                matches!(status, 401 | 403) && is_at_home && !plan.config.rules.explain(view);
            // The answer may be that of another host, to which the source has redirected the request.
            let is_challenge =
                is_refusal && status == 401 && origin::is_same_origin(&answer.url, &request.url);
            if is_at_home && !is_challenge {
                self.credentials.accept_challenge(&answer);
            }
            let parsed = match (meaning, tree) {
                (Meaning::Fault(_), _) if is_challenge && self.take_challenge(&answer)? => continue,
                // The token was not valid: this does not count as an attempt.
                (Meaning::Fault(_), _) if is_refusal && self.credentials.discard() => {
                    if self.credentials.are_cookies() {
                        self.has_cookies = false;
                        self.client.cookies.clear();
                    }
                    continue;
                }
                (Meaning::Fault(fault), _) if is_challenge => {
                    return Err(FetchError::Fault(
                        self.credentials.explain_refusal(&answer, fault),
                    ));
                }
                (Meaning::Fault(fault), _) if !is_at_home && matches!(status, 401 | 403) => {
                    let place = "another host than that in `url`, to which no credential is sent";
                    return Err(FetchError::Fault(fault.at(place)));
                }
                (Meaning::Fault(fault), _) => {
                    if let FaultKind::Throttled(wait) = fault.kind() {
                        self.client.gate.hold(wait);
                    }
                    return Err(FetchError::Fault(fault));
                }
                (Meaning::Refused(fault), _) => return Err(FetchError::Refused(fault)),
                (Meaning::Expired, _) => {
                    let can_renew_cookies = plan.warm_up.is_some() && !has_renewed_cookies;
                    if self.credentials.discard() || can_renew_cookies {
                        has_renewed_cookies = true;
                        self.has_cookies = false;
                        self.client.cookies.clear();
                        continue;
                    }
                    let (what, remedy) = match is_login {
                        true => (
                            "the source redirects to its login page: it probably refuses the credentials \
                             or the session",
                            "check `auth`, or `warm_up` or `login` if the source wants cookies; if the login on \
                             another host needs no form, add that host to `redirects`",
                        ),
                        false => (
                            "the source refuses the cookies or token, even new ones",
                            "check `auth` and `login`, and the clock of this machine",
                        ),
                    };
                    return Err(Fault::stopped(what).remedy(remedy).into());
                }
                (Meaning::Nothing, _) => Ok(Value::Null),
                // That it took an acknowledgement, a source may say without a word.
                (Meaning::Success, Err(_)) if is_ack && answer.body.is_empty() => Ok(Value::Null),
                // So it may say about a job, by a status and a header.
                (Meaning::Success, Err(_))
                    if is_of_job && (answer.body.is_empty() || is_redirect) =>
                {
                    Ok(Value::Null)
                }
                // A whole document in the place of lines has an end of its own.
                (Meaning::Success, Ok(tree))
                    if list::ends_within_a_line(&text)
                        || is_lines
                            && tree.is_array()
                            && !answer.has_end
                            && list::lacks_line_end(&text) =>
                {
                    Err("it ends within a line: it was cut".to_owned())
                }
                (Meaning::Success, Ok(tree)) => Ok(tree),
                (Meaning::Success | Meaning::Unclear, Err(why)) => Err(why.to_string()),
                (Meaning::Unclear, Ok(_)) => {
                    Err(format!("by the rules of the channel, status {status} is not a success"))
                }
            };
            let (what, answer) = match parsed {
                Err(what) => (what, answer),
                Ok(tree) => {
                    self.credentials.confirm();
                    match check(ReadAnswer {
                        parsed: Parsed {
                            tree,
                            is_nothing,
                            is_missing,
                            is_xml,
                            is_lines,
                            may_be_cut: is_lines && !answer.has_end,
                            is_blank: format == Some(DocumentFormat::Csv)
                                && plan.config.csv.header.is_none()
                                && text.trim().is_empty(),
                            diagnostics,
                        },
                        answer,
                        room,
                    }) {
                        Ok(result) => return Ok(result),
                        Err(problem) => problem,
                    }
                }
            };
            if attempt == MAX_ATTEMPTS || plan.begins_job(call) {
                return Err(FetchError::Unreadable { what, answer });
            }
            let what = self.credentials.hide(&what);
            tracing::warn!(attempt, "an answer cannot be read, so it is requested again: {what}");
            attempt += 1;
        }
    }

    /// A fault without the secrets of this channel: what it repeats of an answer may repeat our request.
    pub(crate) fn without_secrets(&self, fault: Fault) -> Fault {
        let text = fault.to_string();
        let shown = self.credentials.hide(&text);
        if shown == text {
            return fault;
        }
        let place = self.credentials.hide(&fault.place().join(", "));
        let what = shown.strip_prefix(&format!("{place}: ")).unwrap_or(&shown);
        let places = fault.place().iter().rev();
        places.fold(Fault::new(fault.kind(), what), |fault, place| {
            fault.at(self.credentials.hide(place))
        })
    }

    /// Waits until there is room for a page that takes so many bytes when it is parsed.
    async fn hold_page(&mut self, bytes: usize) -> Result<Held, FetchError> {
        let mib = bytes.div_ceil(1 << 20);
        if bytes > self.memory.total {
            let what =
                format!("a page takes {mib} MiB of memory, more than `memory` in [limits] allows");
            let remedy = "raise `memory` in [limits] of gateway.toml, or request smaller pages";
            return Err(FetchError::TooLarge(Fault::stopped(what).remedy(remedy)));
        }
        let mut holding = pin!(self.memory.pages.hold(bytes));
        if let Ok(held) = timeout(Duration::ZERO, &mut holding).await {
            return Ok(held);
        }
        // The rest of a page of another value of `each`: it is requested again in its turn.
        self.open_page = None;
        timeout(MAX_ROOM_TIME, holding).await.map_err(|_| {
            let what =
                format!("other pages left no room in memory for a page that takes {mib} MiB");
            let remedy =
                "if this repeats, raise `memory` in [limits] of gateway.toml, or request smaller pages";
            Fault::transient(what).remedy(remedy).into()
        })
    }
}

/// Parses an answer: decodes its text and opens the documents within it. Returns the text, the diagnostics of
/// it, and the tree or the reason why there is none.
pub(crate) fn parse(
    plan: &Plan,
    call: &Call,
    bytes: &[u8],
    headers: &BTreeMap<String, String>,
) -> (String, Diagnostics, Result<Value, MessageError>) {
    parse_opened(plan, call, open(plan, bytes, headers))
}

/// Parses the answer to a login, or one about a job. Its format is its own, and not that of lists.
pub(crate) fn parse_own(
    plan: &Plan,
    call: &Call,
    answer: &Answer,
) -> (String, Result<Value, MessageError>) {
    let opened = open(plan, &answer.body, &answer.headers);
    let (text, _, tree) = parse_as(None, plan, call, opened);
    (text, tree)
}

/// Unpacks an answer and decodes its text.
fn open<'a>(
    plan: &Plan,
    bytes: &'a [u8],
    headers: &BTreeMap<String, String>,
) -> Result<(Message<'a>, Text), MessageError> {
    let header = |name: &str| headers.get(name).map(String::as_str);
    let (content_type, encoding) = (header("content-type"), header("content-encoding"));
    let message = Message::open(bytes, content_type, encoding, plan.max_bytes())?;
    let text = message.decode(&hints(plan));
    Ok((message, text))
}

/// Whether answers in this format are nothing but a list of records.
pub(crate) fn is_lines(format: DocumentFormat) -> bool {
    matches!(format, DocumentFormat::Csv | DocumentFormat::JsonLines)
}

/// The format of a message.
fn format_of(set: Option<DocumentFormat>, message: &Message<'_>, text: &Text) -> DocumentFormat {
    set.unwrap_or_else(|| own_format(message, text))
}

/// The format that a message has by its content type and its first characters.
fn own_format(message: &Message<'_>, text: &Text) -> DocumentFormat {
    match message.is_csv() {
        true => DocumentFormat::Csv,
        false => message.format(&text.text),
    }
}

/// About how much memory a message takes when it is parsed.
fn memory_of(plan: &Plan, call: &Call, (message, text): &(Message<'_>, Text)) -> usize {
    let inner = &call.config.inner;
    let tree_bytes = match format_of(plan.config.format, message, text) {
        DocumentFormat::Csv => table_bytes(&text.text, &plan.layout),
        _ => tree_bytes(&text.text, !inner.is_empty()),
    };
    let inner_bytes = match inner.iter().any(InnerDocument::is_csv) {
        // Within a text of JSON, the ends of its lines and some separators are escaped.
        true => {
            let table = text.text.replace("\\n", "\n").replace("\\t", "\t");
            table_bytes(&table, &plan.layout)
        }
        false => 0,
    };
    tree_bytes + inner_bytes + message.file_bytes()
}

fn hints(plan: &Plan) -> Hints<'_> {
    let config = &plan.config;
    Hints { force: config.force_charset, content_type: None, declared: config.charset }
}

fn parse_opened(
    plan: &Plan,
    call: &Call,
    opened: Result<(Message<'_>, Text), MessageError>,
) -> (String, Diagnostics, Result<Value, MessageError>) {
    parse_as(plan.config.format, plan, call, opened)
}

/// Parses a message in this format, or in its own.
fn parse_as(
    format: Option<DocumentFormat>,
    plan: &Plan,
    call: &Call,
    opened: Result<(Message<'_>, Text), MessageError>,
) -> (String, Diagnostics, Result<Value, MessageError>) {
    let (message, mut text) = match opened {
        Ok(opened) => opened,
        Err(why) => return (String::new(), Diagnostics::default(), Err(why)),
    };
    let parsed = match format.unwrap_or_else(|| own_format(&message, &text)) {
        DocumentFormat::Csv => message.parse_csv(&mut text, &plan.layout),
        format => message.parse(&mut text, Some(format)),
    };
    let parsed = parsed.and_then(|mut tree| {
        for inner in &call.config.inner {
            // The content type is the type of the answer, not of the document within it.
            let findings = &mut text.diagnostics.findings;
            inner.open(&mut tree, findings, &hints(plan), &plan.config.csv)?;
        }
        Ok(tree)
    });
    (text.text, text.diagnostics, parsed.map_err(MessageError::from))
}
