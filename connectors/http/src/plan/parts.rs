//! The tables of a channel, each checked by itself.

use chrono_tz::Tz;
use contract::Fault;

use super::{AckPlan, Common, EachPlan, PartPlan, RereadPlan, value_name};
use crate::{
    ask::Draft,
    config::{self, Ack, Page, Part, Since},
    stretch::{DayRule, SinceRule, Stretch, UntilRule},
    time::TimeForm,
};

pub(super) fn check_page(page: &Page) -> Result<(), Fault> {
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

pub(super) fn stretch(
    since: Option<Since>,
    day: Option<config::Day>,
    zone: Tz,
) -> Result<Stretch, Fault> {
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
            Ok(Stretch::Day(DayRule { param, form, start, closes: closes.0, range: None }))
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
            let overlap = overlap.0;
            let rule = SinceRule { param, form: own, overlap, at, start, until, range: None };
            Ok(Stretch::Since(Box::new(rule)))
        }
    }
}

pub(super) fn reread_plan(
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

pub(super) fn each_plan(each: config::Each) -> Result<EachPlan, Fault> {
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

pub(super) fn part_plan(part: Part, common: &Common) -> Result<PartPlan, Fault> {
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

pub(super) fn ack_plan(ack: Ack, common: &Common) -> Result<AckPlan, Fault> {
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
