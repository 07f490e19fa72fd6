//! Asks until there is an answer that can be read, or a reason why there is none.

use connector_wire::auth::{self, Auth, Occasion};
use contract::{Clock, Fault, FaultKind, Timestamp};
use document::{Facts, Shape};
use normalizer_text::Hints;
use serde_json::Value;

use crate::{
    ask::Ask,
    client::{Answer, Client, Trouble},
    config::Rule,
    origin,
    plan::{Plan, Target},
    rules::{Evidence, Judgement, holds},
};

/// How often a page that cannot be read is asked for.
const ATTEMPTS: usize = 3;

/// An answer that is a success.
#[derive(Debug)]
pub(crate) struct Read {
    /// `null` where the source says there is nothing.
    pub(crate) tree: Value,
    pub(crate) text: Facts,
    pub(crate) answer: Answer,
}

/// An answer that can be read and is refused all the same.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) what: String,
    pub(crate) answer: Answer,
}

/// Why a page was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It cannot be read, however often it is asked for.
    Bad {
        what: String,
        answer: Answer,
    },
    /// It is larger than the limit.
    TooLarge,
    Fault(Fault),
}

impl From<Trouble> for Unread {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::TooLarge => Self::TooLarge,
            Trouble::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Who is asked, and with which papers.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) client: Client,
    pub(crate) auth: Auth,
    /// Ours; the source's counts as soon as it is known.
    pub(crate) clock: Clock,
    /// Cookies were got since they were last found too old.
    pub(crate) is_warm: bool,
}

impl Source {
    /// Asks, and reads the answer. Where one of the rules of `missing` holds, there is nothing;
    /// `check` takes what can be read, or refuses it.
    pub(crate) async fn fetch<T>(
        &mut self,
        plan: &Plan,
        target: &Target,
        ask: &Ask,
        missing: &[Rule],
        check: impl Fn(Read) -> Result<T, Refused>,
    ) -> Result<T, Unread> {
        let mut was_refreshed = false;
        let mut attempt = 1;
        loop {
            self.warm_up(plan).await?;
            let (signed, how) = self.signed(plan, ask).await?;
            let means = |status| target.rules.means(status);
            let answer = self.client.exchange(signed, ask, Some(how), means).await?;
            let is_refused = answer.status == 401;
            let judged = judge(target, missing, answer);
            let (what, answer) = match judged {
                // None of the attempts: it was not asked with valid papers yet.
                Judged::Fault(_) if is_refused && self.auth.refused() => continue,
                Judged::Fault(fault) => {
                    if let FaultKind::Throttled(wait) = fault.kind() {
                        self.client.hold(wait);
                    }
                    return Err(Unread::Fault(fault));
                }
                Judged::Stale => {
                    let has_cookies = plan.warm_up.is_some() && !was_refreshed;
                    if self.auth.refused() || has_cookies {
                        was_refreshed = true;
                        self.is_warm = false;
                        self.client.forget_cookies();
                        continue;
                    }
                    let what = "the source takes neither new cookies nor a new secret";
                    return Err(Fault::stopped(what)
                        .remedy("check `auth`, and the clock of this machine")
                        .into());
                }
                Judged::Unreadable(what, answer) => (what, answer),
                Judged::Read(read) => {
                    self.auth.accepted();
                    match check(read) {
                        Ok(found) => return Ok(found),
                        Err(Refused { what, answer }) => (what, answer),
                    }
                }
            };
            if attempt == ATTEMPTS {
                return Err(Unread::Bad { what, answer });
            }
            attempt += 1;
        }
    }

    /// Gets cookies where the channel needs some and has none.
    async fn warm_up(&mut self, plan: &Plan) -> Result<(), Unread> {
        let Some(url) = plan.warm_up.as_ref().filter(|_| !self.is_warm) else { return Ok(()) };
        let ask = Ask::plain(url.clone());
        match self.client.exchange(ask.clone(), &ask, None, |_| false).await {
            // Whatever it says: it is asked for its cookies.
            Ok(_) | Err(Trouble::TooLarge) => self.is_warm = true,
            Err(trouble) => return Err(trouble.into()),
        }
        Ok(())
    }
}

impl Source {
    /// The source's clock; ours while it has not said what time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.client.now().unwrap_or_else(|| self.clock.now())
    }

    /// The request with what proves who asks; a secret that has to be fetched first is fetched.
    async fn signed(&mut self, plan: &Plan, ask: &Ask) -> Result<(Ask, auth::Trace), Unread> {
        let mut occasion = self.occasion()?;
        if let Some(errand) = self.auth.errand(&occasion) {
            let url = origin::address(&errand.url, plan.insecure)?;
            let asked = Ask::plain(url.clone()).with(errand.request);
            let unsigned = Ask { method: asked.method, ..Ask::plain(url) };
            let how = Some(errand.trace);
            let answer = self.client.exchange(asked, &unsigned, how, |_| false).await?;
            occasion = self.occasion()?;
            self.auth.fetched(answer.status, &answer.body, occasion.now)?;
        }
        let mut request = ask.request();
        let signature = self.auth.sign(&mut request, &occasion)?;
        Ok((ask.clone().with(request), signature))
    }

    fn occasion(&self) -> Result<Occasion, Fault> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|_| Fault::transient("this machine gives no random numbers"))?;
        Ok(Occasion { now: self.now(), nonce })
    }
}

enum Judged {
    Read(Read),
    Unreadable(String, Answer),
    Stale,
    Fault(Fault),
}

fn judge(target: &Target, missing: &[Rule], answer: Answer) -> Judged {
    let content_type = answer.headers.get("content-type").map(String::as_str);
    let (text, facts, tree) = open(target, &answer.body, content_type);
    let evidence = Evidence {
        status: answer.status,
        text: &text,
        tree: tree.as_ref().ok(),
        retry_after: answer.retry_after,
    };
    let judgement = match missing.iter().any(|rule| holds(rule, evidence)) {
        true => Judgement::Nothing,
        false => target.rules.judge(evidence),
    };
    match (judgement, tree) {
        (Judgement::Fault(fault), _) => Judged::Fault(fault),
        (Judgement::Stale, _) => Judged::Stale,
        (Judgement::Nothing, _) => Judged::Read(Read { tree: Value::Null, text: facts, answer }),
        (Judgement::Success, Ok(tree)) => Judged::Read(Read { tree, text: facts, answer }),
        (Judgement::Success | Judgement::Unclear, Err(broken)) => {
            Judged::Unreadable(broken, answer)
        }
        (Judgement::Unclear, Ok(_)) => {
            let what = format!("status {} and no success by the channel's rules", answer.status);
            Judged::Unreadable(what, answer)
        }
    }
}

/// Bytes to text to tree, inner documents opened.
pub(crate) fn open(
    target: &Target,
    bytes: &[u8],
    content_type: Option<&str>,
) -> (String, Facts, Result<Value, String>) {
    let hints = Hints { force: target.force, content_type, declared: target.declared };
    let document::Text { text, mut facts } = document::decode(bytes, &hints);
    let shape = target.shape.unwrap_or_else(|| Shape::of(&text));
    let parsed = shape.parse(&text, &mut facts.findings).and_then(|mut tree| {
        for inner in &target.inner {
            // The content type is that of the answer, not of what is within.
            inner.open(&mut tree, &mut facts.findings, &Hints { content_type: None, ..hints })?;
        }
        Ok(tree)
    });
    let parsed = parsed.map_err(|broken| broken.to_string()).and_then(|tree| match &tree {
        // A page for people that happens to be well-formed would be an answer without records.
        Value::Object(root)
            if shape == Shape::Xml && root.keys().any(|name| name.eq_ignore_ascii_case("html")) =>
        {
            Err("the answer is an HTML page".to_owned())
        }
        _ => Ok(tree),
    });
    (text, facts, parsed)
}
