//! Checks the settings of a channel; all other code relies on the checked ones.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use connector_wire::auth::Auth;
use contract::Fault;
use document::TimeFormat;
use reqwest::Url;
use serde_json::Value;

use crate::{
    answer::Page,
    config::{CallConfig, Config, Each, Reread, Since},
    cursor::Fingerprint,
    origin,
    pages::{Paging, Said, StopRule, Total, TotalPlace, short_hash},
    request::Call,
    rules::Rule,
    selection::{DayRule, Selection, SinceRule},
    time::TimeField,
};

/// The checked settings: what to request, and how to read the answers.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    /// The request for a page.
    pub(crate) list: Call,
    /// The requests of the parts, in their order.
    pub(crate) parts: Vec<Call>,
    pub(crate) ack: Option<Call>,
    pub(crate) selection: Selection,
    /// Where the time is in a record; a reread stops at the first page on which all records are too old.
    pub(crate) reread_time_field: Option<TimeField>,
    /// An address requested first, for the cookies that it sets.
    pub(crate) warm_up: Option<Url>,
    /// Other hosts that a redirect or the address of a next page may name.
    pub(crate) allowed_hosts: Vec<Url>,
    /// Answers that say that a page does not exist: it has no content, and the settings do not say what
    /// else the status means.
    pub(crate) no_content: Rule,
    /// The same, for a page that may lie beyond the last one.
    pub(crate) beyond_end: Rule,
    /// The same, for a page that is requested only because the source may limit the size of pages.
    pub(crate) second_opinion: Rule,
    pub(crate) fingerprint: Fingerprint,
}

/// Maximum size in bytes of the token or address of a next page in a channel with `each`, whose cursor has
/// many of them and must stay below 64 KiB.
pub(crate) const MAX_NEXT_BYTES: usize = 200;

impl Plan {
    /// Checks the settings. Also returns the scheme that authenticates requests.
    pub(crate) fn new(config: Config, zone: Tz) -> Result<(Self, Auth), Fault> {
        let auth = Auth::build(config.auth.clone())?;
        let call = |call: &CallConfig, success| {
            Call::new(call, success, &config.content_type, config.insecure)
        };
        let list = call(&config.call, None)?;
        check_page(&config.page)?;
        let mut totals = config.total.iter().chain(config.page.stop().and_then(StopRule::total));
        totals.try_for_each(check_total)?;
        let selection = selection(&config, zone)?;
        let is_newest_first = matches!(config.page, Paging::Newest(_));
        let selects_all = matches!(selection, Selection::All);
        if is_newest_first && !selects_all {
            return Err(Fault::stopped("`newest` pages cannot be combined with `since` or `day`")
                .remedy("remove `since` and `day`, or use another `kind` of page"));
        }
        let reread = config.reread.as_ref();
        let field = reread.map(|reread| check_reread(reread, selects_all, is_newest_first, zone));
        if reread.is_none() && matches!(config.page, Paging::Keyset(_)) && selects_all {
            tracing::debug!("records of this channel are read once; later changes are not seen");
        }
        let address = |url: &String| origin::parse_address(url, config.insecure);
        let parts = config.part.iter().map(|part| call(&part.call, part.success.as_ref()));
        let ack = config.ack.as_ref().map(|ack| call(&ack.call, ack.success.as_ref()));
        config.each.as_ref().map_or(Ok(()), check_each)?;
        let statuses = |statuses: &[u16]| {
            let is_free = |status: &u16| !config.rules.has_status(None, *status);
            Rule::for_statuses(statuses.iter().copied().filter(is_free).collect())
        };
        let plan = Self {
            no_content: statuses(&[204]),
            beyond_end: statuses(&[204, 404, 410]),
            second_opinion: statuses(&[204, 400, 404, 410, 416, 422]),
            fingerprint: fingerprint(&config, &selection, zone),
            list,
            parts: parts.collect::<Result<_, Fault>>()?,
            ack: ack.transpose()?,
            selection,
            reread_time_field: field.transpose()?.flatten(),
            warm_up: config.warm_up.as_ref().map(address).transpose()?,
            allowed_hosts: config.redirects.iter().map(address).collect::<Result<_, Fault>>()?,
            config,
        };
        Ok((plan, auth))
    }

    /// What a page says about the list.
    pub(crate) fn said(&self, page: &Page) -> Said {
        let stop = self.config.page.stop().and_then(StopRule::total);
        let total = stop.or(self.config.total.as_ref());
        Said {
            total: total.and_then(|total| total.find(page)),
            is_last: self.config.last.as_ref().and_then(|last| last.is_last(&page.tree)),
        }
    }

    /// The number of values of `each`, or 1 without `each`. Each value has its own sequence.
    pub(crate) fn n_values(&self) -> usize {
        self.config.each.as_ref().map_or(1, |each| each.values.len())
    }
}

/// The name of a value of `each` in the cursor and in reports.
pub(crate) fn value_name(value: &Value) -> String {
    document::scalar_text(value).unwrap_or_default()
}

fn check_page(page: &Paging) -> Result<(), Fault> {
    let (what, remedy) = match (page, page.size(), page.stop()) {
        (Paging::Token(token), ..) if token.at.is_none() && token.header.is_none() => {
            ("the place of the token of the next page is missing", "set `at` or `header`")
        }
        (Paging::Token(token), ..) if token.at.is_some() && token.header.is_some() => {
            ("the token of the next page has two places", "set `at` or `header`, not both")
        }
        (_, None, Some(StopRule::Short))
        | (Paging::Number(_), None, Some(StopRule::Total(_) | StopRule::Pages(_))) => (
            "the last page cannot be recognised without a page size",
            "set `size`, or stop = \"empty\"",
        ),
        _ => return Ok(()),
    };
    Err(Fault::stopped(what).at("page").remedy(remedy))
}

fn check_total(total: &Total) -> Result<(), Fault> {
    match total {
        Total::In(TotalPlace { at, header, .. }) if at.is_some() == header.is_some() => {
            Err(Fault::stopped("the place of the total is not clear")
                .at("total")
                .remedy("set `at` or `header`"))
        }
        _ => Ok(()),
    }
}

/// What stored positions depend on.
fn fingerprint(config: &Config, selection: &Selection, zone: Tz) -> Fingerprint {
    let records = (config.records.as_str(), &config.key);
    let start = format!("{} {zone} {records:?}", selection.fingerprint());
    Fingerprint { pages: short_hash(&config.page.fingerprint()), start: short_hash(&start) }
}

fn check_each(each: &Each) -> Result<(), Fault> {
    let Each { values, .. } = each;
    let n_names = values.iter().map(value_name).collect::<BTreeSet<String>>().len();
    let has_container = values.iter().any(|value| value.is_object() || value.is_array());
    if !(1..=200).contains(&n_names) || n_names < values.len() || has_container {
        let what = "`values` must be 1 to 200 strings or numbers, no two equal";
        return Err(Fault::stopped(what).at("each"));
    }
    Ok(())
}

fn time_format(text: &str, zone: Tz, at: &'static str) -> Result<TimeFormat, Fault> {
    let format = TimeFormat::new(text, zone);
    format.map_err(|what| Fault::stopped(what).at(at).remedy("write it like %Y-%m-%d %H:%M:%S"))
}

fn selection(config: &Config, zone: Tz) -> Result<Selection, Fault> {
    match (config.since.clone(), config.day.clone()) {
        (None, None) => Ok(Selection::All),
        (Some(_), Some(_)) => Err(Fault::stopped("a channel can have `since` or `day`, not both")),
        (None, Some(settings)) => {
            let format = time_format(&settings.format, zone, "day")?;
            Ok(Selection::Day(Box::new(DayRule { settings, format, range: None })))
        }
        (Some(settings), None) => {
            let Since { format, overlap, at, at_format, until, .. } = &settings;
            let since_format = time_format(format, zone, "since")?;
            let at_format = time_format(at_format.as_ref().unwrap_or(format), zone, "since")?;
            if until.as_ref().is_some_and(|until| until.span <= *overlap) {
                return Err(Fault::stopped("`span` must be longer than `overlap`").at("since"));
            }
            let at = at.clone().map(|at| TimeField { at, format: at_format });
            Ok(Selection::Since(Box::new(SinceRule {
                settings,
                format: since_format,
                at,
                range: None,
            })))
        }
    }
}

/// Checks the settings of a reread, and returns where the time is in a record.
fn check_reread(
    reread: &Reread,
    selects_all: bool,
    is_newest_first: bool,
    zone: Tz,
) -> Result<Option<TimeField>, Fault> {
    if selects_all && !is_newest_first {
        return Err(Fault::stopped("`reread` needs a channel that requests records by time")
            .at("reread")
            .remedy("add `since` or `day`"));
    }
    if is_newest_first && reread.at.is_none() {
        return Err(Fault::stopped("the place of the time in a record is missing")
            .at("reread")
            .remedy("set `at` and `at_format`"));
    }
    let format = reread.at_format.as_deref().unwrap_or("%Y-%m-%d %H:%M:%S");
    let format = time_format(format, zone, "reread")?;
    Ok(reread.at.clone().map(|at| TimeField { at, format }))
}
