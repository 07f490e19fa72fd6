//! Settings that cannot contradict each other, made once from what the author wrote.

use std::time::Duration;

use chrono_tz::Tz;
use connector_wire::{
    auth::{self, Auth},
    body::{Attachment, Inner, Opener, Path, Shape},
};
use contract::Fault;
use normalizer_text::Charset;
use serde_json::Value;

use crate::{
    ask::{Call, Draft},
    client::Limits,
    config::{self, Ack, Config, Malformed, OnBadPage, Page, Part, Rule, Since},
    origin,
    pages::{Pager, Param},
    rules::Rules,
    stretch::{DayRule, SinceRule, Stretch, UntilRule},
    time::TimeForm,
};

/// What is asked, and how answers are read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) list: Target,
    pub(crate) stretch: Stretch,
    pub(crate) pager: Pager,
    pub(crate) size: Option<(String, usize)>,
    pub(crate) each: Option<EachPlan>,
    pub(crate) reread: Option<RereadPlan>,
    pub(crate) records: Path,
    pub(crate) key: Path,
    pub(crate) malformed: Malformed,
    pub(crate) parts: Vec<PartPlan>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) ack: Option<AckPlan>,
    pub(crate) warm_up: Option<reqwest::Url>,
    pub(crate) redirects: Vec<reqwest::Url>,
    pub(crate) on_bad_page: OnBadPage,
    pub(crate) insecure: bool,
}

/// A call, and how its answers are read.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) call: Call,
    pub(crate) rules: Rules,
    pub(crate) shape: Option<Shape>,
    pub(crate) inner: Vec<Opener>,
    /// Charsets that the channel forces, and declares.
    pub(crate) force: Option<Charset>,
    pub(crate) declared: Option<Charset>,
}

/// Sequences of their own.
#[derive(Debug)]
pub(crate) struct EachPlan {
    pub(crate) param: String,
    pub(crate) values: Vec<Value>,
}

/// The walk over old records.
#[derive(Debug)]
pub(crate) struct RereadPlan {
    pub(crate) days: u32,
    pub(crate) every: Duration,
    pub(crate) params: Vec<Param>,
    /// Where pages are newest first: the time of a record.
    pub(crate) at: Option<(Path, TimeForm)>,
}

/// A call that completes a record.
#[derive(Debug)]
pub(crate) struct PartPlan {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) params: Vec<(String, Path)>,
    pub(crate) records: Option<Path>,
    pub(crate) missing: Vec<Rule>,
}

/// A call that tells what is in custody.
#[derive(Debug)]
pub(crate) struct AckPlan {
    pub(crate) target: Target,
    pub(crate) param: String,
    pub(crate) separator: Option<String>,
    pub(crate) size: usize,
    pub(crate) failed: Option<Path>,
}

/// The longest token or address of a page that is kept, where there are many positions: the
/// state of a channel stays below 64 KiB.
pub(crate) const MAX_SPOT: usize = 200;

impl Plan {
    /// Checks and resolves everything; what the client needs comes beside, and who asks.
    pub(crate) fn new(config: Config, zone: Tz) -> Result<(Self, Limits, Auth), Fault> {
        let Config {
            url,
            method,
            query,
            headers,
            form,
            json,
            body,
            content_type,
            auth,
            since,
            day,
            page,
            each,
            reread,
            success,
            fault,
            empty,
            format,
            inner,
            records,
            key,
            charset,
            force_charset,
            malformed,
            part,
            attachment,
            ack,
            warm_up,
            redirects,
            on_bad_page,
            timeout,
            limit_mib,
            ca,
            insecure,
        } = config;
        let auth = Auth::build(auth)?;
        let common = Common {
            rules: Rules { success, faults: fault, empty },
            shape: format,
            force: force_charset,
            declared: charset,
            content_type: content_type.clone(),
            insecure,
        };
        let draft = Draft { url, method, query, headers, form, json, body, content_type };
        let list = common.target(draft, inner, None)?;
        check_page(&page)?;
        let is_newest = matches!(page, Page::Newest { .. });
        let by_position = matches!(page, Page::Newest { .. } | Page::Keyset { .. });
        let (pager, size) = Pager::new(page);
        let size = size.map(|size| (size.param, usize::try_from(size.value).unwrap_or(1).max(1)));
        let stretch = stretch(since, day, zone)?;
        if is_newest && !matches!(stretch, Stretch::Whole) {
            return Err(Fault::stopped("pages newest first find what is new by themselves")
                .remedy("leave out `since` and `day`, or take another kind of page"));
        }
        let reread = reread.map(|reread| reread_plan(reread, &stretch, is_newest, zone));
        let reread = reread.transpose()?;
        if reread.is_none() && by_position && !is_newest && matches!(stretch, Stretch::Whole) {
            tracing::debug!("records of this channel are read once; later changes are not seen");
        }
        let parts: Result<Vec<_>, Fault> =
            part.into_iter().map(|part| part_plan(part, &common)).collect();
        let ack = ack.map(|ack| ack_plan(ack, &common)).transpose()?;
        let warm_up = warm_up.map(|url| origin::address(&url, insecure)).transpose()?;
        let redirects: Result<Vec<_>, Fault> =
            redirects.iter().map(|url| origin::address(url, insecure)).collect();
        let redirects = redirects?;
        let limits = Limits {
            timeout: timeout.0,
            limit: usize::try_from(limit_mib).unwrap_or(1) << 20,
            redirects: redirects.clone(),
            ca,
            identity: auth.mtls().map(auth::Mtls::pem),
        };
        let plan = Self {
            list,
            stretch,
            pager,
            size,
            each: each.map(each_plan).transpose()?,
            reread,
            records,
            key,
            malformed,
            parts: parts?,
            attachments: attachment,
            ack,
            warm_up,
            redirects,
            on_bad_page,
            insecure,
        };
        Ok((plan, limits, auth))
    }
}

/// What all calls of a channel have in common.
struct Common {
    rules: Rules,
    shape: Option<Shape>,
    force: Option<Charset>,
    declared: Option<Charset>,
    content_type: String,
    insecure: bool,
}

impl Common {
    fn target(
        &self,
        draft: Draft,
        inner: Vec<Inner>,
        success: Option<Rule>,
    ) -> Result<Target, Fault> {
        let Rules { success: usual, faults, empty } = &self.rules;
        let rules = Rules {
            success: success.or_else(|| usual.clone()),
            faults: faults.clone(),
            empty: empty.clone(),
        };
        let call = Call::new(draft, self.insecure)?;
        let inner = inner.into_iter().map(Inner::build).collect::<Result<_, Fault>>()?;
        Ok(Target {
            call,
            rules,
            shape: self.shape,
            inner,
            force: self.force,
            declared: self.declared,
        })
    }
}

fn check_page(page: &Page) -> Result<(), Fault> {
    match page {
        Page::Token { at: None, header: None, .. } => {
            Err(Fault::stopped("nothing says where the token of the next page stands")
                .at("page")
                .remedy("write `at` or `header`"))
        }
        Page::Token { at: Some(_), header: Some(_), .. } => {
            Err(Fault::stopped("the token of the next page stands in one place")
                .at("page")
                .remedy("write `at` or `header`, not both"))
        }
        Page::Number { size: None, stop: config::Stop::Short | config::Stop::Total(_), .. }
        | Page::Offset { size: None, stop: config::Stop::Short, .. }
        | Page::Keyset { size: None, stop: config::Stop::Short, .. } => {
            Err(Fault::stopped("nobody knows which page is short: it has no size")
                .at("page")
                .remedy("write `size`, or stop = \"empty\""))
        }
        _ => Ok(()),
    }
}

fn stretch(since: Option<Since>, day: Option<config::Day>, zone: Tz) -> Result<Stretch, Fault> {
    let form = |format: &str, at: &str| {
        TimeForm::new(format, zone).map_err(|what| {
            Fault::stopped(what).at(at.to_owned()).remedy("write it like %Y-%m-%d %H:%M:%S")
        })
    };
    match (since, day) {
        (None, None) => Ok(Stretch::Whole),
        (Some(_), Some(_)) => Err(Fault::stopped("a channel has `since` or `day`, not both")),
        (None, Some(config::Day { param, format, start, closes })) => {
            let form = form(&format, "day")?;
            Ok(Stretch::Day(DayRule { param, form, start, closes: closes.0 }))
        }
        (Some(since), None) => {
            let Since { param, format, overlap, at, at_format, start, until } = since;
            let own = form(&format, "since")?;
            let at_form = form(at_format.as_deref().unwrap_or(&format), "since")?;
            let until = until.map(|until| UntilRule { param: until.param, span: until.span.0 });
            if until.as_ref().is_some_and(|until| until.span <= overlap.0) {
                return Err(Fault::stopped("`span` is not longer than `overlap`").at("since"));
            }
            let at = at.map(|at| (at, at_form));
            let rule = SinceRule { param, form: own, overlap: overlap.0, at, start, until };
            Ok(Stretch::Since(Box::new(rule)))
        }
    }
}

fn reread_plan(
    reread: config::Reread,
    stretch: &Stretch,
    is_newest: bool,
    zone: Tz,
) -> Result<RereadPlan, Fault> {
    let config::Reread { days, every, params, at, at_format } = reread;
    if matches!(stretch, Stretch::Whole) && !is_newest {
        return Err(Fault::stopped("`reread` needs to ask for records by their time")
            .at("reread")
            .remedy("add `since` or `day`"));
    }
    if is_newest && at.is_none() {
        return Err(Fault::stopped("nothing says how old a record is")
            .at("reread")
            .remedy("write `at`, the time of a record, and `at_format`"));
    }
    let format = at_format.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".to_owned());
    let form = TimeForm::new(&format, zone).map_err(|what| Fault::stopped(what).at("reread"))?;
    let params = params.into_iter().collect();
    Ok(RereadPlan { days, every: every.0, params, at: at.map(|at| (at, form)) })
}

fn each_plan(each: config::Each) -> Result<EachPlan, Fault> {
    let config::Each { param, values } = each;
    if values.is_empty() || values.len() > 200 {
        return Err(Fault::stopped("`each` has 1 to 200 values").at("each"));
    }
    let known: std::collections::BTreeSet<String> = values.iter().map(value_name).collect();
    if known.len() < values.len() || values.iter().any(|v| v.is_object() || v.is_array()) {
        return Err(Fault::stopped("`values` are texts or numbers, each of them once").at("each"));
    }
    Ok(EachPlan { param, values })
}

/// How a value of `each` is called in the cursor and in reports.
pub(crate) fn value_name(value: &Value) -> String {
    connector_wire::body::scalar(value).unwrap_or_default()
}

fn part_plan(part: Part, common: &Common) -> Result<PartPlan, Fault> {
    let Part {
        name,
        url,
        params,
        method,
        query,
        headers,
        form,
        json,
        body,
        inner,
        records,
        success,
        missing,
    } = part;
    let content_type = common.content_type.clone();
    let draft = Draft { url, method, query, headers, form, json, body, content_type };
    let target = common.target(draft, inner, success)?;
    Ok(PartPlan { name, target, params: params.into_iter().collect(), records, missing })
}

fn ack_plan(ack: Ack, common: &Common) -> Result<AckPlan, Fault> {
    let Ack {
        url,
        param,
        separator,
        size,
        method,
        query,
        headers,
        form,
        json,
        body,
        inner,
        success,
        failed,
    } = ack;
    let content_type = common.content_type.clone();
    let draft = Draft { url, method, query, headers, form, json, body, content_type };
    let target = common.target(draft, inner, success)?;
    let size = usize::try_from(size).unwrap_or(1).max(1);
    Ok(AckPlan { target, param, separator, size, failed })
}
