//! Settings that cannot contradict each other, made once from what the author wrote.

mod parts;

use std::time::Duration;

use chrono_tz::Tz;
use connector_wire::auth::{self, Auth};
use contract::Fault;
use document::{Malformed, Path, Shape};
use normalizer_text::Charset;
use serde_json::Value;

use crate::{
    ask::{Call, Draft},
    attachment::Attachment,
    client::Limits,
    config::{Config, OnBadPage, Page, Rule},
    inner::{Inner, Opener},
    origin,
    pages::{Pager, Param},
    rules::Rules,
    stretch::Stretch,
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
        parts::check_page(&page)?;
        let is_newest = matches!(page, Page::Newest { .. });
        let by_position = matches!(page, Page::Newest { .. } | Page::Keyset { .. });
        let (pager, size) = Pager::new(page);
        let size = size.map(|size| (size.param, usize::try_from(size.value).unwrap_or(1).max(1)));
        let stretch = parts::stretch(since, day, zone)?;
        if is_newest && !matches!(stretch, Stretch::Whole) {
            return Err(Fault::stopped("pages newest first find what is new by themselves")
                .remedy("leave out `since` and `day`, or take another kind of page"));
        }
        let reread = reread.map(|reread| parts::reread_plan(reread, &stretch, is_newest, zone));
        let reread = reread.transpose()?;
        if reread.is_none() && by_position && !is_newest && matches!(stretch, Stretch::Whole) {
            tracing::debug!("records of this channel are read once; later changes are not seen");
        }
        let parts: Result<Vec<_>, Fault> =
            part.into_iter().map(|part| parts::part_plan(part, &common)).collect();
        let ack = ack.map(|ack| parts::ack_plan(ack, &common)).transpose()?;
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
            each: each.map(parts::each_plan).transpose()?,
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

impl Plan {
    /// How many sequences of records there are.
    pub(crate) fn n_values(&self) -> usize {
        self.each.as_ref().map_or(1, |each| each.values.len())
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

/// How a value of `each` is called in the cursor and in reports.
pub(crate) fn value_name(value: &Value) -> String {
    document::scalar(value).unwrap_or_default()
}
