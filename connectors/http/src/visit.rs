//! One page of one walk: request, judge, select, move.

use std::{collections::HashSet, time::Duration};

use contract::{Entry, Fault, Place as At, Reason, Timestamp};
use document::{Facts, before};
use tokio::time::Instant;

use crate::{
    READ_TIME,
    answer::Page,
    calls,
    client::Unread,
    config::OnBadPage,
    cursor::{Cursor, Place},
    fetch::{Read, Source},
    origin,
    pages::{End, Spot},
    plan::{MAX_NEXT_BYTES, Plan},
    record::{self, Draft},
    stretch::Stretch,
    turn::{Turn, page_name, params},
};

/// What a turn found. The cursor has moved.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// The walk is complete.
    pub(crate) is_end: bool,
}

/// A page whose records are being given.
#[derive(Debug)]
pub(crate) struct Held {
    turn: Turn,
    hash: String,
    loaded: Loaded,
}

/// A page with what is known of its text.
#[derive(Debug)]
struct Loaded {
    page: Page,
    text: Facts,
}

/// What is needed to read a page.
pub(crate) struct Visit<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a mut Source,
    /// The page of which the batch before has given some records.
    pub(crate) held: &'a mut Option<Held>,
    pub(crate) now: Timestamp,
    /// Most entries.
    pub(crate) max: usize,
    pub(crate) started: Instant,
}

impl Visit<'_> {
    /// Reads a page of `turn`, or what is left of one; `None` where it is not due.
    pub(crate) async fn read(
        &mut self,
        turn: Turn,
        cursor: &mut Cursor,
    ) -> Result<Option<Found>, Fault> {
        let plan = self.plan;
        let Some(mut place) = turn.place(plan, cursor, self.now) else { return Ok(None) };
        if place.began.is_none() {
            plan.stretch.begin(&mut place, self.now);
        }
        let setting = plan.config.page.size().map(|size| usize::try_from(size.value).unwrap_or(1));
        let mut size = place.walk.size.or(setting).unwrap_or(1).max(1);
        let loaded = loop {
            match self.load(turn, &place, size).await {
                Ok(loaded) => break loaded,
                Err(Unread::Fault(fault)) => return Err(fault),
                Err(Unread::TooLarge) if setting.is_some() && size > 1 => {
                    size /= 2;
                    place.walk.size = Some(size);
                }
                Err(Unread::TooLarge) => {
                    return Err(Fault::stopped("an answer is larger than `limit_mib`, unpacked")
                        .remedy("raise it, or have the source give smaller pages"));
                }
                Err(Unread::Bad { what, answer }) => {
                    let at = page_name(turn, plan, &place);
                    let skipped = match plan.config.on_bad_page {
                        OnBadPage::Stop => None,
                        OnBadPage::Quarantine => plan.config.page.skip(&mut place.walk, size),
                    };
                    let Some(end) = skipped else {
                        let bytes = answer.body.len();
                        return Err(Fault::stopped(format!(
                            "{at} cannot be read, requested three times: {what}; its answer has \
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
                    return Ok(Some(Found { entries: vec![entry], is_end }));
                }
            }
        };
        self.correct_start(&mut place);
        self.give(turn, cursor, place, size, loaded).await.map(Some)
    }

    /// Gives records of a page, and moves past it when all are given.
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
        let hash = page.hash();
        let mut given = match &place.walk.within {
            Some((given, under)) if *under == hash => *given,
            _ => 0,
        };
        let mut entries = Vec::new();
        let step = plan.config.page.judge(&place.walk, page, size).map_err(Fault::stopped)?;
        let mut known = HashSet::new();
        while !step.is_known && given < page.len() {
            // A second state of the same record waits for the next batch.
            let is_full = entries.len() >= self.max || !known.insert(&page.names[given]);
            let is_long = !entries.is_empty() && self.started.elapsed() > READ_TIME;
            if is_full || is_long {
                break;
            }
            let at = format!("{}, record {}", page_name(turn, plan, &place), given + 1);
            match self.complete(&loaded, given, at).await {
                Ok(entry) => entries.push(entry),
                Err(fault) if entries.is_empty() => return Err(fault),
                // Completed records are given; the next read meets the fault again.
                Err(_) => break,
            }
            given += 1;
        }
        if !step.is_known && given < page.len() {
            place.walk.within = Some((given, hash.clone()));
            turn.keep(plan, cursor, place, self.now, false);
            *self.held = Some(Held { turn, hash, loaded });
            return Ok(Found { entries, is_end: false });
        }
        place.walk.within = None;
        plan.stretch.look(&mut place, &page.records);
        let mut end =
            plan.config.page.pass(&mut place.walk, page, size).map_err(Fault::stopped)?.end;
        if turn.is_again && self.is_old(&place, page) {
            end = End::Last;
        }
        if let (Some(Spot::Value(spot) | Spot::Url(spot)), true) =
            (&place.walk.at, plan.config.each.is_some())
            && spot.len() > MAX_NEXT_BYTES
        {
            return Err(Fault::stopped(format!(
                "the next page is named by {} bytes; with `each`, at most {MAX_NEXT_BYTES} are kept",
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
        for part in self.plan.config.part.iter().zip(&self.plan.parts) {
            let (value, text) = calls::part(self.source, self.plan, part, &tree).await?;
            parts.push((part.0.name.clone(), value, text));
        }
        Ok(record::entry(self.plan, Draft { tree, text, at, parts }))
    }

    async fn load(&mut self, turn: Turn, place: &Place, size: usize) -> Result<Loaded, Unread> {
        let plan = self.plan;
        if let Some((_, under)) = &place.walk.within
            && let Some(held) = self.held.take_if(|held| held.turn == turn && held.hash == *under)
        {
            return Ok(held.loaded);
        }
        let (params, next) = params(plan, turn, place, size);
        let base = &plan.list.url;
        let next = next.map(|next| origin::follow(base, &next, &plan.redirects)).transpose();
        let request = plan.list.request(&params, next?)?;
        let load = |read: Read| {
            let Read { tree, text, mut answer } = read;
            let headers = std::mem::take(&mut answer.headers);
            let (records, key) = (&plan.config.records, &plan.config.key);
            let page = match Page::new(tree, headers, &text.findings, records, key) {
                Ok(page) => page,
                Err(what) => return Err((what, answer)),
            };
            match plan.config.page.judge(&place.walk, &page, size) {
                Ok(_) => Ok(Loaded { page, text }),
                Err(what) => Err((what, answer)),
            }
        };
        self.source.fetch(plan, &plan.list, &request, &[], load).await
    }

    /// Corrects the start of a walk that began by our clock, before the first answer of the source.
    fn correct_start(&self, place: &mut Place) {
        if let (Some(began), Some(now)) = (place.began, self.source.client.now()) {
            place.began = Some(began.min(now));
        }
    }

    /// Whether a second walk from the newest on has reached records that are too old to be read again.
    fn is_old(&self, place: &Place, page: &Page) -> bool {
        let Some(reread) = &self.plan.config.reread else { return false };
        let (Some(at), Some(began)) = (&self.plan.reread_at, place.began) else { return false };
        let length = Duration::from_secs(u64::from(reread.days) * 86_400);
        let oldest = before(began, length);
        at.latest(&page.records).is_some_and(|newest| newest < oldest)
    }

    /// Stores the position. Whether the walk is complete.
    fn ended(&self, turn: Turn, cursor: &mut Cursor, mut place: Place, end: End) -> bool {
        let plan = self.plan;
        let began = place.began.unwrap_or(self.now);
        let mut is_over = false;
        if end == End::Last {
            let is_whole = matches!(plan.stretch, Stretch::Whole);
            place.walk = plan.config.page.restart(place.walk, is_whole);
            is_over = !plan.stretch.complete(&mut place);
        }
        turn.keep(plan, cursor, place, began, is_over);
        is_over
    }
}
