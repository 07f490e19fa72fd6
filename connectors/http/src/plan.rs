//! Checks the settings of a channel; all other code relies on the checked ones.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use connector_wire::{
    auth::Auth,
    identity::short_hash,
    zone::{have_same_offsets, literal_zone},
};
use contract::Fault;
use document::{Layout, Path, TimeFormat};
use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::{
    answer::Page,
    config::{CallConfig, Config, Each, Method, Part, Reread, Since},
    credentials::Credentials,
    cursor::Fingerprint,
    elsewhere, fetch,
    job::Job,
    login::Login,
    network, origin,
    pages::{Paging, Said, StopRule, Total, TotalPlace},
    placeholder::Names,
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
    pub(crate) job: Option<Box<Job>>,
    /// What is known of answers in CSV.
    pub(crate) layout: Layout,
    pub(crate) selection: Selection,
    /// Where the time is in a record; a reread stops at the first page on which all records are too old.
    pub(crate) reread_time_field: Option<TimeField>,
    /// An address requested first, for the cookies that it sets.
    pub(crate) warm_up: Option<Url>,
    /// Other hosts that a redirect, the address of a next page, a part or `ack` may name.
    pub(crate) allowed_hosts: Vec<Url>,
    /// Answers that say that a page does not exist: it has no content, and the settings do not say what
    /// else the status means.
    pub(crate) no_content: Rule,
    /// The same, for a page that may lie beyond the last one.
    pub(crate) beyond_end: Rule,
    /// The same, for a page that is requested only because the source may limit the size of pages.
    pub(crate) second_opinion: Rule,
    pub(crate) fingerprint: Fingerprint,
    /// The query parameters in which requests carry a secret.
    pub(crate) secret_params: Vec<String>,
}

/// Maximum size in bytes of the token or address of a next page in a channel with `each`, whose cursor has
/// many of them and must stay below 64 KiB.
pub(crate) const MAX_NEXT_BYTES: usize = 200;

impl Plan {
    /// Checks the settings. Also returns the credentials of requests.
    pub(crate) fn new(config: Config, zone: Tz) -> Result<(Self, Credentials), Fault> {
        let auth = Auth::build(config.auth.clone())?;
        let login = config.login.as_ref().map(|login| Login::new(login, &config, zone));
        let proxy = network::proxy_secrets(&config);
        let credentials = Credentials { auth, login: login.transpose()?, proxy };
        let call = |call: &CallConfig, success: Option<&Rule>, names: &Names<'_>| {
            let call = Call::new(call, success, &config.content_type, config.insecure, names)?;
            credentials.check_call(&call).map(|()| call)
        };
        // What begins a job may be taken now and done later (202).
        let begun = config.job.as_ref().map(|_| match config.rules.success.clone() {
            Some(rule) => rule.within((200..300).collect()),
            None => Rule::for_statuses((200..300).collect()),
        });
        let list = call(&config.call, begun.as_ref(), &Names::of_list(&config))?.asking()?;
        let job =
            config.job.as_ref().map(|job| Job::new(job, &config, &list.url, call).map(Box::new));
        let job = job.transpose().map_err(|fault| fault.at("http.job"))?;
        check_page(&config.page)?;
        check_records(&config)?;
        let mut totals = config.total.iter().chain(config.page.stop().and_then(StopRule::total));
        totals.try_for_each(check_total)?;
        let selection = selection(&config, zone)?;
        let is_newest_first = matches!(config.page, Paging::Newest(_));
        let selects_all = matches!(selection, Selection::All);
        if is_newest_first && !selects_all {
            return Err(Fault::stopped("`newest` pages cannot be combined with `since` or `day`")
                .remedy("remove `since` and `day`, or use another `kind` of page"));
        }
        if config.page.changes().is_some() && !selects_all {
            return Err(Fault::stopped("`changes` cannot be combined with `since` or `day`")
                .at("page")
                .remedy("remove one of them"));
        }
        if config.page.removed().is_some() && config.page.changes().is_none() {
            return Err(Fault::stopped("`removed` is only for a list of changes")
                .at("page")
                .remedy("set `changes`, or leave such records out with a filter in `records`"));
        }
        let reread = config.reread.as_ref();
        let field = reread.map(|reread| check_reread(reread, selects_all, is_newest_first, zone));
        if reread.is_none() && matches!(config.page, Paging::Keyset(_)) && selects_all {
            tracing::debug!("records of this channel are read once; later changes are not seen");
        }
        let address = |setting, url: &str| origin::parse_address(setting, url, config.insecure);
        if let Some(url) = credentials.auth.token_address() {
            address("auth", url)?;
        }
        let redirects = config.redirects.iter().map(|url| address("redirects", url));
        let warm_up = config.warm_up.as_ref().map(|url| address("warm_up", url));
        let parts = config.part.iter().map(|part| {
            let names = Names::all(part.params.keys());
            let call = call(&part.call, part.success.as_ref(), &names).and_then(Call::asking);
            call.map_err(|fault| fault.at("part"))
        });
        // What is acknowledged may be taken now and noted later (202).
        let any_success = Rule::for_statuses((200..300).collect());
        let any_success = Some(&any_success).filter(|_| !config.rules.has_success());
        let ack = config.ack.as_ref();
        let ack = ack.map(|ack| {
            let call =
                call(&ack.call, ack.success.as_ref().or(any_success), &Names::all([&ack.param]));
            call.map_err(|fault| fault.at("ack"))
        });
        config.each.as_ref().map_or(Ok(()), |each| check_each(each, &list))?;
        let statuses = |statuses: &[u16]| {
            let is_free = |status: &u16| !config.rules.has_status(None, *status);
            Rule::for_statuses(statuses.iter().copied().filter(is_free).collect())
        };
        let plan = Self {
            no_content: statuses(&[204]),
            beyond_end: statuses(&[204, 404, 410]),
            second_opinion: statuses(&[204, 400, 404, 410, 416, 422]),
            fingerprint: fingerprint(&config, &selection, zone),
            secret_params: credentials.secret_params(),
            list,
            layout: Layout::new(config.csv.clone(), &config.key),
            parts: parts.collect::<Result<_, Fault>>()?,
            ack: ack.transpose()?,
            job,
            selection,
            reread_time_field: field.transpose()?.flatten(),
            warm_up: warm_up.transpose()?,
            allowed_hosts: redirects.collect::<Result<_, Fault>>()?,
            config,
        };
        let token = credentials.auth.token_address().and_then(|url| Url::parse(url).ok());
        let login = credentials.login.as_ref().map(Login::url);
        network::check_resolve(&plan, token.as_ref().into_iter().chain(login))?;
        elsewhere::check_calls(&plan, &credentials)?;
        Ok((plan, credentials))
    }

    /// The request whose answers have the records.
    pub(crate) fn pages(&self) -> &Call {
        self.job.as_ref().map_or(&self.list, |job| &job.result)
    }

    /// Whether a request begins a job, or asks for its state: the settings for answers are not those of its answers.
    pub(crate) fn is_of_job(&self, call: &Call) -> bool {
        let polls = self.job.as_ref().is_some_and(|job| std::ptr::eq(call, &job.poll));
        polls || self.begins_job(call)
    }

    /// Whether a request begins a job: it must not be repeated without need.
    pub(crate) fn begins_job(&self, call: &Call) -> bool {
        self.job.is_some() && std::ptr::eq(call, &self.list)
    }

    /// Maximum size of an unpacked answer, in bytes.
    pub(crate) fn max_bytes(&self) -> usize {
        usize::try_from(self.config.limit_mib).unwrap_or(1) << 20
    }

    /// What a page says about the list.
    pub(crate) fn said(&self, page: &Page) -> Said {
        Said {
            total: self.total().and_then(|total| total.find(page)),
            is_last: self.config.last.as_ref().and_then(|last| last.is_last(&page.tree)),
        }
    }

    /// Where an answer says how many records there are.
    pub(crate) fn total(&self) -> Option<&Total> {
        let stop = self.config.page.stop().and_then(StopRule::total);
        stop.or(self.config.total.as_ref())
    }

    /// Which records the settings cannot find, although no answer shows it.
    pub(crate) fn doubt(&self) -> Option<&'static str> {
        match (&self.selection, &self.config.page) {
            (Selection::Since(rule), _) if rule.at.is_none() => Some(
                "a record that comes later is not read if its time is more than `overlap` before the clock of \
                 the source; set `since.at` if records have a time",
            ),
            (Selection::All, Paging::Keyset(_) | Paging::Newest(_))
                if self.config.reread.is_none() =>
            {
                Some("a record that comes later is not read if its number is before the last one")
            }
            _ => None,
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

fn check_records(config: &Config) -> Result<(), Fault> {
    config.csv.check().map_err(|(what, remedy)| Fault::stopped(what).remedy(remedy))?;
    let is_lines = config.format.is_some_and(fetch::is_lines);
    let records = config.records.as_str();
    if is_lines && records.starts_with("$.") && records != "$.*" {
        let what = "answers in this `format` are nothing but a list of records";
        return Err(Fault::stopped(what).at("records").remedy("write records = \"$\""));
    }
    if is_lines && config.name_as.is_some() {
        let what = "in answers of this `format`, records have no names";
        return Err(Fault::stopped(what).at("name_as").remedy("remove `name_as`"));
    }
    Ok(())
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
    let name_as = config.name_as.as_deref().unwrap_or_default();
    // With other names of columns, the key is another column.
    let header = config.csv.header.as_ref().map(|names| format!(" {names:?}")).unwrap_or_default();
    let key = format!("{:?}{name_as}{header}", config.key.paths());
    Fingerprint {
        pages: short_hash(&config.page.fingerprint()),
        start: short_hash(&start),
        requests: Some(short_hash(&requests_text(config))),
        key: Some(short_hash(&key)),
    }
}

/// The settings that decide which records are requested and what they hold, as a text that stays the same in
/// later versions. Those of credentials, limits and sizes are not among them.
fn requests_text(config: &Config) -> String {
    let path = |at: &Path| at.as_str().to_owned();
    let is_about_records = |name: &str| {
        !["authorization", "cookie", "user-agent"].iter().any(|own| name.eq_ignore_ascii_case(own))
    };
    // Their order says nothing about records.
    let sorted = |fields: &Map<String, Value>| {
        let mut fields = Value::from(fields.clone());
        fields.sort_all_objects();
        fields
    };
    let call = |call: &CallConfig| {
        let headers: BTreeMap<&String, &String> =
            call.headers.iter().filter(|(name, _)| is_about_records(name)).collect();
        let mut text = json!({
            "url": call.url,
            "method": call.method.map(Method::name),
            "query": sorted(&call.query),
            "headers": headers,
            "form": call.form.as_ref().map(sorted),
            "json": call.json.as_ref().map(sorted),
            "body": call.body,
            "inner": call.inner.iter().map(|inner| path(inner.at())).collect::<Vec<_>>(),
        });
        if let Some(charset) = call.query_charset {
            text["query_charset"] = charset.name().into();
        }
        text
    };
    let part = |part: &Part| {
        let params = part.params.iter().map(|(name, at)| (name.clone(), Value::from(path(at))));
        let params: Map<String, Value> = params.collect();
        json!({
            "name": part.name,
            "call": call(&part.call),
            "params": params,
            "records": part.records.as_ref().map(path),
        })
    };
    let zones =
        [config.since.as_ref().and_then(|at| at.zone), config.day.as_ref().and_then(|at| at.zone)];
    let until = config.since.as_ref().and_then(|since| since.until.as_ref());
    let mut settings = json!({
        "list": call(&config.call),
        "parts": config.part.iter().map(part).collect::<Vec<_>>(),
        "zones": zones.map(|zone| zone.map(Tz::name)),
        "until": until.map(|until| &until.param),
        "each": config.each.as_ref().map(|each| &each.param),
    });
    if let (Some(job), Some(all)) = (&config.job, settings.as_object_mut()) {
        all.insert("job".to_owned(), job.text(call));
    }
    settings.to_string()
}

fn check_each(each: &Each, list: &Call) -> Result<(), Fault> {
    let Each { values, param } = each;
    if let Some(why) = values.iter().find_map(|value| list.unfit(&[(param.clone(), value.clone())]))
    {
        return Err(Fault::stopped(why).at("each").remedy("correct `values`"));
    }
    let n_names = values.iter().map(value_name).collect::<BTreeSet<String>>().len();
    let has_container = values.iter().any(|value| value.is_object() || value.is_array());
    if !(1..=200).contains(&n_names) || n_names < values.len() || has_container {
        let what = "`values` must be 1 to 200 strings or numbers, no two equal";
        return Err(Fault::stopped(what).at("each"));
    }
    Ok(())
}

/// A time format. A `Z` or an offset at its end decides the zone, because times that are written in another
/// one would be hours away from what they say.
pub(crate) fn time_format(text: &str, zones: Zones, at: &'static str) -> Result<TimeFormat, Fault> {
    let literal = literal_zone(text);
    if let (Some(literal), Some(zone)) = (literal, zones.set)
        && !have_same_offsets(literal, zone)
    {
        let what = format!("`{text}` ends with the zone {literal}, but `zone` is {zone}");
        return Err(Fault::stopped(what).at(at).remedy("remove `zone`, or the end of the format"));
    }
    let zone = literal.or(zones.set).unwrap_or(zones.default);
    let format = TimeFormat::new(text, zone);
    format.map_err(|what| Fault::stopped(what).at(at).remedy("write it like %Y-%m-%d %H:%M:%S"))
}

/// The zone that the settings of a time name, and the one of the channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zones {
    pub(crate) set: Option<Tz>,
    pub(crate) default: Tz,
}

fn selection(config: &Config, zone: Tz) -> Result<Selection, Fault> {
    match (config.since.clone(), config.day.clone()) {
        (None, None) => Ok(Selection::All),
        (Some(_), Some(_)) => Err(Fault::stopped("a channel can have `since` or `day`, not both")),
        (None, Some(settings)) => {
            let zones = Zones { set: settings.zone, default: zone };
            let format = time_format(&settings.format, zones, "day")?;
            Ok(Selection::Day(Box::new(DayRule { settings, format, range: None })))
        }
        (Some(settings), None) => {
            let Since { format, overlap, at, at_format, until, .. } = &settings;
            let zones = Zones { set: settings.zone, default: zone };
            let since_format = time_format(format, zones, "since")?;
            let at_format = match at_format {
                None => since_format.clone(),
                // Its end may name another zone than that of requests.
                Some(text) => {
                    let set = settings.zone.filter(|_| literal_zone(text).is_none());
                    time_format(text, Zones { set, default: zone }, "since")?
                }
            };
            if until.as_ref().is_some_and(|until| until.span <= *overlap) {
                return Err(Fault::stopped("`span` must be longer than `overlap`").at("since"));
            }
            let at = at.clone().map(|at| TimeField { at, format: at_format });
            // In the zone of the request, the first day may begin later than in that of the configuration.
            let local = TimeFormat::new("%s", zone).map_err(Fault::stopped)?;
            let begins_later = |day| since_format.midnight(day) > local.midnight(day);
            let start = settings.start.map(|day| match begins_later(day) {
                true => day.pred_opt().unwrap_or(day),
                false => day,
            });
            let settings = Since { start, ..settings };
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
    let format = time_format(format, Zones { set: None, default: zone }, "reread")?;
    Ok(reread.at.clone().map(|at| TimeField { at, format }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settings: Value) -> Result<Plan, Fault> {
        let mut config = json!({ "url": "https://a.example/", "records": "$[*]", "key": "$.id" });
        config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let config = serde_json::from_value(config).unwrap();
        Ok(Plan::new(config, chrono_tz::Asia::Shanghai)?.0)
    }

    #[test]
    fn a_time_that_says_it_is_utc_is_written_in_utc() {
        let in_shanghai = json!({
            "param": "from", "format": "%Y-%m-%dT%H:%M:%S+08:00", "zone": "Asia/Shanghai",
        });
        assert!(plan(json!({ "since": in_shanghai })).is_ok());
        let noon = "2026-10-09T04:00:00Z".parse().unwrap();
        for (since, written) in [
            (json!({ "format": "%Y-%m-%d %H:%M" }), "2026-10-09 12:00"),
            (json!({ "format": "%Y-%m-%dT%H:%M:%SZ" }), "2026-10-09T04:00:00Z"),
            (json!({ "format": "%Y-%m-%dT%H:%MZ", "zone": "UTC" }), "2026-10-09T04:00Z"),
            (json!({ "format": "%Y-%m-%d %H:%M", "zone": "UTC" }), "2026-10-09 04:00"),
            (json!({ "format": "%Y-%m-%dT%H:%M:%S+00:00" }), "2026-10-09T04:00:00+00:00"),
            (json!({ "format": "%Y-%m-%dT%H:%M:%S+0900" }), "2026-10-09T13:00:00+0900"),
            (json!({ "format": "%Y-%m-%dT%H:%M-05:00" }), "2026-10-08T23:00-05:00"),
            (json!({ "format": "%Y-%m-%dT%H:%M%:z" }), "2026-10-09T12:00+08:00"),
            (json!({ "format": "%Y-%m-%d %H:%M %Z" }), "2026-10-09 12:00 CST"),
        ] {
            let mut settings = json!({ "param": "from", "at": "$.t", "start": "2026-10-09" });
            settings.as_object_mut().unwrap().extend(since.as_object().unwrap().clone());
            let plan = plan(json!({ "since": settings })).unwrap();
            let Selection::Since(rule) = plan.selection else { panic!() };
            assert_eq!(rule.format.write(noon), written);
            let field = rule.at.unwrap();
            if !written.contains("CST") {
                assert_eq!(field.latest(&[json!({ "t": written })]), Some(noon), "{written}");
            }
            let local_midnight: contract::Timestamp = "2026-10-08T16:00:00Z".parse().unwrap();
            assert!(rule.format.midnight(rule.settings.start.unwrap()) <= local_midnight);
        }
    }

    #[test]
    fn a_zone_that_contradicts_the_format_is_refused() {
        for (kind, format) in [("since", "%Y-%m-%dT%H:%M:%SZ"), ("day", "%Y-%m-%d+00:00")] {
            let time = json!({
                "param": "from", "format": format, "zone": "Asia/Shanghai", "start": "2026-10-09",
            });
            let fault = plan(json!({ kind: time })).unwrap_err().to_string();
            assert!(
                fault.contains("ends with the zone UTC, but `zone` is Asia/Shanghai"),
                "{fault}"
            );
        }
    }
}
