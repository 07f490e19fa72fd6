//! Whose turn it is, and one page of it: ask, judge, select, move.

use std::collections::HashSet;

use contract::{Entry, Fault, Place as At, Reason, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    LONG,
    answer::Page,
    cursor::{Cursor, Place, Round},
    fetch::{Read, Refused, Source, TextFacts, Unread},
    origin,
    pages::{End, Pager, Param, Repeated, Spot},
    part,
    plan::{MAX_SPOT, Plan, value_name},
    record::{self, Draft},
    stretch::Stretch,
    time::{before, delta},
};

/// A walk over the records of one value of `each`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Which value; `None` where there is one sequence.
    pub(crate) value: Option<usize>,
    /// The walk that reads again.
    pub(crate) is_again: bool,
}

/// What a turn found. The cursor has moved.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// The walk has come to its end.
    pub(crate) is_end: bool,
}

/// A page whose records are being given.
#[derive(Debug)]
pub(crate) struct Held {
    turn: Turn,
    print: String,
    loaded: Loaded,
}

/// A page with what is known of its text.
#[derive(Debug)]
struct Loaded {
    page: Page,
    text: TextFacts,
}

/// What a turn needs.
pub(crate) struct Visit<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a mut Source,
    /// The page of which the batch before has given a part.
    pub(crate) held: &'a mut Option<Held>,
    pub(crate) now: Timestamp,
    /// Entries at most.
    pub(crate) max: usize,
    pub(crate) started: Instant,
}

impl Turn {
    /// All walks of a channel.
    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        let values: Vec<Option<usize>> = match &plan.each {
            None => vec![None],
            Some(each) => (0..each.values.len()).map(Some).collect(),
        };
        let again = plan.reread.iter().flat_map(|_| [true]);
        let walks = [false].into_iter().chain(again);
        walks
            .flat_map(|is_again| values.iter().map(move |value| Self { value: *value, is_again }))
            .collect()
    }

    /// Its name in the cursor and in reports.
    pub(crate) fn name(self, plan: &Plan) -> String {
        self.value(plan).map(value_name).unwrap_or_default()
    }

    fn value(self, plan: &Plan) -> Option<&Value> {
        plan.each.as_ref()?.values.get(self.value?)
    }

    /// Its position; `None` while it is not due.
    fn place(self, plan: &Plan, cursor: &Cursor, now: Timestamp) -> Option<Place> {
        let name = self.name(plan);
        if !self.is_again {
            return Some(cursor.places.get(&name).cloned().unwrap_or_default());
        }
        let reread = plan.reread.as_ref()?;
        let round = cursor.rounds.get(&name)?;
        if let Some(place) = &round.place {
            return Some(place.clone());
        }
        let started = round.started?;
        // A clock that was put back must not silence the walk.
        let is_due = now < started || now - started >= delta(reread.every);
        is_due.then(|| plan.stretch.back(reread.days, now).unwrap_or_default())
    }

    fn keep(self, plan: &Plan, cursor: &mut Cursor, place: Place, now: Timestamp, is_over: bool) {
        let name = self.name(plan);
        if self.is_again {
            let round = cursor.rounds.entry(name).or_default();
            if round.place.is_none() {
                round.started = Some(now);
            }
            round.place = (!is_over).then_some(place);
            return;
        }
        if is_over && plan.reread.is_some() {
            // The first walk reads everything: a second one beside it would read it twice.
            let first = || Round { started: Some(now), place: None };
            cursor.rounds.entry(name.clone()).or_insert_with(first);
        }
        cursor.places.insert(name, place);
    }
}

impl Visit<'_> {
    /// Reads a page of `turn`, or what is left of one.
    pub(crate) async fn make(&mut self, turn: Turn, cursor: &mut Cursor) -> Result<Found, Fault> {
        let plan = self.plan;
        let Some(mut place) = turn.place(plan, cursor, self.now) else {
            return Ok(Found { entries: Vec::new(), is_end: true });
        };
        if place.began.is_none() {
            plan.stretch.begin(&mut place, self.now);
        }
        let mut size = place.walk.size.or(plan.size.as_ref().map(|(_, size)| *size)).unwrap_or(1);
        let loaded = loop {
            match self.load(turn, &place, size).await {
                Ok(loaded) => break loaded,
                Err(Unread::Fault(fault)) => return Err(fault),
                Err(Unread::TooLarge) if plan.size.is_some() && size > 1 => {
                    size /= 2;
                    place.walk.size = Some(size);
                }
                Err(Unread::TooLarge) => {
                    return Err(Fault::stopped("an answer is larger than `limit_mib`, unpacked")
                        .remedy("raise it, or have the source give smaller pages"));
                }
                Err(Unread::Bad { what, answer }) => {
                    let skipped = match plan.on_bad_page {
                        crate::config::OnBadPage::Stop => None,
                        crate::config::OnBadPage::Quarantine => {
                            plan.pager.skip(&mut place.walk, size)
                        }
                    };
                    let at = page_name(turn, plan, &place);
                    let Some(end) = skipped else {
                        let bytes = answer.body.len();
                        return Err(Fault::stopped(format!(
                            "{at} cannot be read, asked for three times: {what}; its answer has \
                             status {} and {bytes} bytes",
                            answer.status
                        ))
                        .remedy(
                            "look at the answer; a rule in [[http.fault]] may give it a meaning",
                        ));
                    };
                    let reason = Reason::new("bad_page", what);
                    let at = At { key: None, at };
                    let entry = Entry::Unreadable { place: at, bytes: answer.body, reason };
                    let is_end = self.ended(turn, cursor, place, end);
                    return Ok(Found { entries: vec![entry], is_end });
                }
            }
        };
        self.told(&mut place);
        self.give(turn, cursor, place, size, loaded).await
    }

    /// Gives records of a page, and moves behind it when all are given.
    async fn give(
        &mut self,
        turn: Turn,
        cursor: &mut Cursor,
        mut place: Place,
        size: usize,
        loaded: Loaded,
    ) -> Result<Found, Fault> {
        let plan = self.plan;
        let page = &loaded.page;
        let print = page.print();
        let mut given = match &place.walk.within {
            Some((given, under)) if *under == print => *given,
            _ => 0,
        };
        let mut entries = Vec::new();
        let step = plan.pager.judge(&place.walk, page, size).map_err(|r| Fault::stopped(r.0))?;
        let mut known = HashSet::new();
        while !step.is_known && given < page.len() {
            // The second state of a thing waits for the next batch.
            let is_full = entries.len() >= self.max || !known.insert(&page.names[given]);
            let is_long = !entries.is_empty() && self.started.elapsed() > LONG;
            if is_full || is_long {
                break;
            }
            let at = format!("{}, record {}", page_name(turn, plan, &place), given + 1);
            match self.complete(&loaded, given, at).await {
                Ok(entry) => entries.push(entry),
                Err(fault) if entries.is_empty() => return Err(fault),
                // What was completed is given; the next read meets the fault again.
                Err(_) => break,
            }
            given += 1;
        }
        if !step.is_known && given < page.len() {
            place.walk.within = Some((given, print.clone()));
            turn.keep(plan, cursor, place, self.now, false);
            *self.held = Some(Held { turn, print, loaded });
            return Ok(Found { entries, is_end: false });
        }
        place.walk.within = None;
        plan.stretch.look(&mut place, &page.records);
        let mut end =
            plan.pager.pass(&mut place.walk, page, size).map_err(|r| Fault::stopped(r.0))?.end;
        if turn.is_again && self.is_old(&place, page) {
            end = End::Last;
        }
        if let (Some(Spot::Value(spot) | Spot::Url(spot)), true) =
            (&place.walk.at, plan.each.is_some())
            && spot.len() > MAX_SPOT
        {
            return Err(Fault::stopped(format!(
                "the next page has a name of {} bytes, and there is a place for {MAX_SPOT} with `each`",
                spot.len()
            )));
        }
        let is_end = self.ended(turn, cursor, place, end);
        Ok(Found { entries, is_end })
    }

    /// An entry for the record at `index`, its parts fetched.
    async fn complete(
        &mut self,
        loaded: &Loaded,
        index: usize,
        at: String,
    ) -> Result<Entry, Fault> {
        let Loaded { page, text } = loaded;
        let tree = page.records[index].clone();
        let mut parts = Vec::new();
        for plan in &self.plan.parts {
            let (value, text) = part::fetch(self.source, self.plan, plan, &tree).await?;
            parts.push((plan.name.clone(), value, text));
        }
        Ok(record::entry(self.plan, Draft { tree, text, at, parts }))
    }

    async fn load(&mut self, turn: Turn, place: &Place, size: usize) -> Result<Loaded, Unread> {
        let plan = self.plan;
        if let Some((_, under)) = &place.walk.within
            && let Some(held) = self.held.take_if(|held| held.turn == turn && held.print == *under)
        {
            return Ok(held.loaded);
        }
        let (params, next) = params(plan, turn, place, size);
        let base = &plan.list.call.url;
        let next = next.map(|next| origin::follow(base, &next, &plan.redirects)).transpose();
        let ask = next.and_then(|next| plan.list.call.ask(&params, next)).map_err(Unread::Fault)?;
        let load = |read: Read| {
            let Read { tree, text, mut answer } = read;
            let headers = std::mem::take(&mut answer.headers);
            let page = Page::new(tree, headers, &plan.records, &plan.key);
            match plan.pager.judge(&place.walk, &page, size) {
                Ok(_) => Ok(Loaded { page, text }),
                Err(Repeated(what)) => Err(Refused { what, answer }),
            }
        };
        self.source.fetch(plan, &plan.list, &ask, &[], load).await
    }

    /// The walk began by our clock, before the source said what time it is there.
    fn told(&self, place: &mut Place) {
        if let (Some(began), Some(now)) = (place.began, self.source.client.now()) {
            place.began = Some(began.min(now));
        }
    }

    /// Whether a walk back from the newest has come to records that are not read again any more.
    fn is_old(&self, place: &Place, page: &Page) -> bool {
        let Some(reread) = &self.plan.reread else { return false };
        let (Some((at, form)), Some(began)) = (&reread.at, place.began) else { return false };
        let length = std::time::Duration::from_secs(u64::from(reread.days) * 86_400);
        let oldest = before(began, length);
        let times = page.records.iter().filter_map(|record| form.read(at.first(record)?));
        times.max().is_some_and(|newest| newest < oldest)
    }

    /// Keeps the position. Whether the turn has come to its end.
    fn ended(&self, turn: Turn, cursor: &mut Cursor, mut place: Place, end: End) -> bool {
        let plan = self.plan;
        let began = place.began.unwrap_or(self.now);
        let mut is_over = false;
        if end == End::Last {
            let is_whole = matches!(plan.stretch, Stretch::Whole);
            place.walk = plan.pager.restart(place.walk, is_whole);
            is_over = !plan.stretch.complete(&mut place);
        }
        turn.keep(plan, cursor, place, began, is_over);
        is_over
    }
}

/// The parameters of a page, and its address where that is another one.
fn params(plan: &Plan, turn: Turn, place: &Place, size: usize) -> (Vec<Param>, Option<String>) {
    let mut params: Vec<Param> = Vec::new();
    if let (Some(each), Some(value)) = (&plan.each, turn.value(plan)) {
        params.push((each.param.clone(), value.clone()));
    }
    params.extend(plan.stretch.params(place));
    let (page, next) = plan.pager.ask(&place.walk, size);
    params.extend(page);
    if let Some((name, _)) = &plan.size {
        params.push((name.clone(), size.into()));
    }
    if let (true, Some(reread)) = (turn.is_again, &plan.reread) {
        params.retain(|(name, _)| !reread.params.iter().any(|(other, _)| other == name));
        params.extend(reread.params.iter().cloned());
    }
    (params, next)
}

/// A page, for people.
fn page_name(turn: Turn, plan: &Plan, place: &Place) -> String {
    let page = place.walk.pages + 1;
    let of = match turn.value(plan) {
        None => String::new(),
        Some(value) => format!(", {}", value_name(value)),
    };
    let day = place.day.map(|day| format!(" of {day}")).unwrap_or_default();
    match plan.pager {
        Pager::Single => format!("the page{day}{of}"),
        _ => format!("page {page}{day}{of}"),
    }
}
