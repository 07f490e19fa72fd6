//! Reads one page of a sequence: requests it, takes its records and moves the cursor.

mod load;

use std::{collections::HashSet, time::Duration};

use contract::{EndedBy, Entry, Fault, FaultKind, Place, Reason, Revision, Timestamp};
use document::{DuplicateOutcome, Duplicates, before};
use tokio::time::Instant;

use crate::{
    MAX_READ_TIME,
    account::{Counted, Outcome, PassAccount, Walk},
    answer::{Page, is_absent},
    behind::Start,
    calls,
    client::FetchError,
    config::OnBadPage,
    cursor::{Cursor, Progress},
    doubts,
    fetch::Source,
    job, list,
    pages::{FORGOTTEN, NextPage, Paging, Position, Said, Step},
    plan::{MAX_NEXT_BYTES, Plan},
    record,
    selection::Selection,
    sequence::{Sequence, page_name, walk_name, with_selection},
};

/// Entries of a page. The cursor has moved past them.
#[derive(Debug, Default)]
pub(crate) struct PageEntries {
    pub(crate) entries: Vec<Entry>,
    /// Whether the sequence was read to its end.
    pub(crate) is_complete: bool,
    /// What was done for a job that has no result yet; `None` if this is a page.
    pub(crate) job: Option<job::Step>,
}

/// A page whose last records are left for the next batch.
#[derive(Debug)]
pub(crate) struct OpenPage {
    sequence: Sequence,
    hash: String,
    page: Page,
}

/// Which walk of a pass a page belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalkName {
    /// The index of its sequence.
    pub(crate) index: usize,
    pub(crate) n_sequences: usize,
}

/// Reads a page for one batch.
pub(crate) struct PageReader<'a> {
    /// What the pass has brought so far.
    pub(crate) account: &'a mut PassAccount,
    pub(crate) walk: WalkName,
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a mut Source,
    /// The time by the source's clock.
    pub(crate) now: Timestamp,
    /// Maximum number of entries in the batch.
    pub(crate) max: usize,
    /// When the read of the batch started.
    pub(crate) started: Instant,
}

impl PageReader<'_> {
    /// Reads the next page of `sequence`, or the rest of the open page; `None` if the sequence is not due.
    pub(crate) async fn read(
        &mut self,
        sequence: Sequence,
        cursor: &mut Cursor,
    ) -> Result<Option<PageEntries>, Fault> {
        let plan = self.plan;
        let Some(mut progress) = sequence.progress(plan, cursor, self.now) else { return Ok(None) };
        if let Some(gap) = progress.open_gap() {
            self.account.note_open_gap(gap);
        }
        if progress.started.is_none() {
            plan.selection.begin(&mut progress, self.now);
        }
        let max_size = plan.config.page.size().map(|size| usize::try_from(size.value).unwrap_or(1));
        if let Some(job) = &plan.job {
            let params = with_selection(plan, sequence, &progress, Vec::new());
            let asked = (self.walk.index, params);
            let step = Box::pin(job::advance(self.source, plan, job, asked, &mut progress));
            if let Some(step) = step.await? {
                return Ok(Some(self.wait_for_job(sequence, cursor, progress, step)));
            }
        }
        self.pause(&progress.pages).await?;
        // The number of records to request; after an answer that is too large, half as many.
        let mut size = progress.pages.size.or(max_size).unwrap_or(1).max(1);
        let size_before = size;
        let page = loop {
            match self.load(sequence, &progress, size).await {
                loaded if is_absent(&loaded) && plan.config.page.resumes(&progress.pages) => {
                    self.account.note_doubt(FORGOTTEN);
                    progress.pages = Paging::start(&progress.pages);
                }
                Ok(page) if plan.job.is_some() && page.is_absent() => {
                    let index = self.walk.index;
                    let step = job::note_absent(self.source, index, &mut progress, page.missing)?;
                    return Ok(Some(self.wait_for_job(sequence, cursor, progress, step)));
                }
                Ok(page) => {
                    let is_smaller = max_size.is_some_and(|max| size < max);
                    let is_other = page.n_listed() > size || page.is_empty() && size < size_before;
                    if is_smaller && is_other && plan.config.page.numbers_by_size() {
                        return Err(doubts::ignored_size(
                            &page_name(sequence, plan, &progress),
                            size,
                        ));
                    }
                    break page;
                }
                Err(FetchError::Fault(fault)) => return Err(fault),
                Err(FetchError::Refused(fault)) => {
                    let can_exceed_end = plan.config.page.can_exceed_end(&progress.pages);
                    return Err(fault.remedy(match can_exceed_end {
                        true => {
                            "check the parameters of the request; if the source answers so beyond its \
                             last page, add a rule to [[http.empty]]"
                        }
                        false => "check the parameters of the request",
                    }));
                }
                Err(FetchError::TooLarge(_)) if max_size.is_some() && size > 1 => {
                    size /= 2;
                    progress.pages.size = Some(size);
                }
                Err(FetchError::TooLarge(fault)) => return Err(fault),
                Err(FetchError::Unreadable { what, answer }) => {
                    self.correct_start(&mut progress);
                    let at = page_name(sequence, plan, &progress);
                    let step = match plan.config.on_bad_page {
                        OnBadPage::Stop => None,
                        OnBadPage::Quarantine => plan.config.page.skip(&mut progress.pages, size),
                    };
                    let Some(mut step) = step else {
                        let kind = match plan.job {
                            // Another job may bring another result.
                            Some(_) => FaultKind::Transient,
                            None => FaultKind::Stopped,
                        };
                        return Err(Fault::new(kind, format!(
                            "{at} cannot be read after three requests: {what}; the last answer has {}",
                            answer.description()
                        ))
                        .remedy(
                            "look at the answer with `tonghui preview --trace`; if it means a fault, \
                             add a rule to [[http.fault]]; if it means that there are no records, add \
                             one to [[http.empty]]",
                        ));
                    };
                    self.follow_parts(&mut progress, &mut step);
                    let walk = self.walk(&progress.pages);
                    walk.note_gap(format!("{at} could not be read"));
                    progress.has_gap = true;
                    walk.note_page(Counted::default(), &mut cursor.outdated);
                    let reason = Reason::new("bad_page", self.source.credentials.hide(&what));
                    let at = Place { key: None, revision: Revision::NONE, at };
                    let entry = Entry::Unreadable { place: at, bytes: answer.body, reason };
                    let is_complete = self.finish_page(sequence, cursor, progress, step);
                    return Ok(Some(PageEntries { entries: vec![entry], is_complete, job: None }));
                }
            }
        };
        self.correct_start(&mut progress);
        self.read_records(sequence, cursor, progress, size, page).await.map(Some)
    }

    /// Reads records of a page, and moves past the page when all are read.
    async fn read_records(
        &mut self,
        sequence: Sequence,
        cursor: &mut Cursor,
        mut progress: Progress,
        size: usize,
        page: Page,
    ) -> Result<PageEntries, Fault> {
        let plan = self.plan;
        let hash = page.whole_hash();
        let mut n_read = match &progress.pages.partly_read {
            Some((n_read, page_hash)) if *page_hash == hash => *n_read,
            _ => 0,
        };
        let mut entries = Vec::new();
        let said = self.said(&page);
        let was_read_before =
            plan.config.page.peek(&progress.pages, &page, size, said).was_read_before;
        let times = plan.selection.times(&page.records);
        let walk = self.walk(&progress.pages);
        let is_stale = |(hash, time): (&String, &Option<Timestamp>)| walk.is_stale(hash, *time);
        let is_stale: Vec<bool> = page.hashes.iter().zip(&times).map(is_stale).collect();
        let is_left_out = page.left_out(&is_stale, &progress.pages, &cursor.outdated);
        let mut batch_hashes = HashSet::new();
        while !was_read_before && n_read < page.len() {
            if is_left_out[n_read] {
                n_read += 1;
                continue;
            }
            // A batch has each key once: a second state of a record waits for the next batch.
            let is_full = entries.len() >= self.max || !batch_hashes.insert(&page.hashes[n_read]);
            let is_late = !entries.is_empty() && self.started.elapsed() > MAX_READ_TIME;
            if is_full || is_late {
                break;
            }
            let at = format!("{}, record {}", page_name(sequence, plan, &progress), n_read + 1);
            match self.make_entry(&page, n_read, at).await {
                Ok(entry) => entries.push(entry),
                Err(fault) if entries.is_empty() => return Err(fault),
                // Return the records so far; the next read will find the fault again.
                Err(_) => break,
            }
            n_read += 1;
        }
        if !was_read_before && n_read < page.len() {
            progress.pages.partly_read = Some((n_read, hash.clone()));
            sequence.store(plan, cursor, progress, self.now, false);
            self.source.open_page = Some(OpenPage { sequence, hash, page });
            return Ok(PageEntries { entries, is_complete: false, job: None });
        }
        if let (Some(value), false) = (sequence.value, sequence.is_reread) {
            self.check_owners(value, &page, cursor)?;
        }
        progress.pages.partly_read = None;
        let has_times = plan.selection.note_times(&mut progress, &page.records);
        // A page is requested again only to see whether it has changed, a list only to find what is missing.
        let is_expected = progress.pages.rereading.is_some() || progress.pages.n_looks > 0;
        let walk = self.walk(&progress.pages);
        let n_removed = page.is_removed.iter().filter(|is_removed| **is_removed).count();
        let n_left_out = is_left_out.iter().filter(|is_left_out| **is_left_out).count();
        let n_left_out = n_left_out.saturating_sub(n_removed);
        let contents = page.contents.iter().zip(&is_stale);
        let contents = contents.map(|(content, is_stale)| content.filter(|_| !is_stale));
        let contents: Vec<Option<u64>> = contents.collect();
        let counted = Counted {
            hashes: &page.hashes,
            is_keyed: &page.is_keyed,
            is_removed: &page.is_removed,
            contents: if was_read_before { &[] } else { &contents },
            times: &times,
            n_left_out: if was_read_before {
                page.len().saturating_sub(n_removed)
            } else {
                n_left_out
            },
            said,
            is_expected,
            allows_repeats: plan.config.duplicates != Duplicates::Stop,
            may_shift: plan.ack.is_some() && plan.config.page.can_shift(),
        };
        walk.note_page(counted, &mut cursor.outdated);
        if counted.may_shift && !was_read_before {
            progress.pages.note_keys(&page.hashes);
        }
        walk.note_times(has_times.filter(|_| !page.is_empty()));
        if !page.is_empty() {
            walk.note_unnamed(plan.config.page.unnamed_at(&page));
            walk.note_no_total(plan.total().and_then(|total| total.problem(&page)));
        }
        let is_compared = walk.has_records();
        let mut step = plan.config.page.step(&mut progress.pages, &page, size, said);
        self.follow_parts(&mut progress, &mut step);
        let is_end = step.end.is_some() || progress.pages.ends.is_some();
        if is_end && said == Said::default() {
            let signs = &self.source.known;
            let known =
                doubts::Known { signs, is_compared, is_success: plan.config.rules.has_success() };
            let doubt = doubts::of_end(&page, progress.pages.n_pages, &known);
            step.gap = step.gap.take().or(doubt.map(|gap| self.source.credentials.hide(&gap)));
        }
        if matches!(plan.selection, Selection::All) {
            step.gap = step.gap.take().or_else(|| plan.config.page.unsorted(&progress.pages));
        }
        progress.has_gap |= step.gap.is_some();
        let walk = self.walk(&progress.pages);
        if let Some(gap) = step.gap.take() {
            walk.note_gap(gap);
        }
        if walk.has_all() && !is_expected && !page.is_empty() {
            step.end = step.end.or(Some(EndedBy::Total));
        }
        if page.may_be_cut {
            self.account.note_doubt(list::MAY_BE_CUT);
        }
        if let Some(doubt) = step.doubt.take() {
            self.account.note_doubt(&doubt);
        }
        if sequence.is_reread && self.is_too_old(&progress, &page) {
            step.end = Some(EndedBy::Watermark);
        }
        let next = match &progress.pages.next {
            Some(NextPage::AfterValue(next) | NextPage::AtUrl(next)) => Some(next),
            _ => None,
        };
        let changes = plan.config.page.changes().and(progress.pages.resume.as_ref());
        let is_long = |next: &String| next.len() > MAX_NEXT_BYTES;
        if plan.config.each.is_some() && next.into_iter().chain(changes).any(is_long) {
            let what = format!("the token or address of a page exceeds {MAX_NEXT_BYTES} bytes");
            return Err(Fault::stopped(what).remedy("write one channel for each value of `each`"));
        }
        let is_complete = self.finish_page(sequence, cursor, progress, step);
        Ok(PageEntries { entries, is_complete, job: None })
    }

    /// Checks that a key does not stand for different records under two values of `each`. A record may have
    /// moved from one to the other; but if the same two contents came before, they are two records.
    fn check_owners(
        &mut self,
        value: usize,
        page: &Page,
        cursor: &mut Cursor,
    ) -> Result<(), Fault> {
        if self.account.note_owners(value, &page.hashes, &page.contents, &mut cursor.shared) {
            return Ok(());
        }
        Err(doubts::shared_key())
    }

    /// Fetches the parts of the record at `index`, and makes an entry of it.
    async fn make_entry(&mut self, page: &Page, index: usize, at: String) -> Result<Entry, Fault> {
        let tree = page.records[index].clone();
        if page.outcomes.get(index) == Some(&DuplicateOutcome::Quarantine) {
            return Ok(record::duplicate(self.plan, &tree, &page.diagnostics, at));
        }
        let calls = || self.plan.config.part.iter().zip(&self.plan.parts);
        let unfit = calls().find_map(|(part, call)| call.unfit(&calls::part_params(part, &tree)?));
        if let Some(why) = unfit {
            let reason = Reason::new("unfit_value", why);
            return Ok(record::refused(self.plan, &tree, &page.diagnostics, at, reason));
        }
        let mut parts = Vec::new();
        for part in self.plan.config.part.iter().zip(&self.plan.parts) {
            let (value, diagnostics) =
                calls::fetch_part(self.source, self.plan, part, &tree).await?;
            parts.push((part.0.name.clone(), value, diagnostics));
        }
        Ok(record::entry(self.plan, tree, &page.diagnostics, at, parts))
    }

    /// Waits before the next request if the last ones brought nothing new.
    async fn pause(&mut self, at: &Position) -> Result<(), Fault> {
        let pause = self.walk(at).pause().map_err(|n_requests| {
            Fault::stopped(format!("{n_requests} requests in a row brought nothing new"))
                .remedy("look at the answers, and say in `last` or `stop` which page is the last")
        });
        tokio::time::sleep(pause?).await;
        Ok(())
    }

    /// The account of this walk, which is at this position.
    fn walk(&mut self, at: &Position) -> &mut Walk {
        self.account.walk(self.walk.index, self.walk.n_sequences, at)
    }

    /// Corrects the start of a pass that was taken from our clock, if the source's clock is behind ours.
    fn correct_start(&self, progress: &mut Progress) {
        if let (Some(started), Some(now)) = (progress.started, self.source.client.source_time()) {
            progress.started = Some(started.min(now));
        }
    }

    /// Whether a pass from the newest record back has reached records that are too old to be read again.
    fn is_too_old(&self, progress: &Progress, page: &Page) -> bool {
        let Some(reread) = &self.plan.config.reread else { return false };
        let (Some(at), Some(started)) = (&self.plan.reread_time_field, progress.started) else {
            return false;
        };
        let oldest = before(started, Duration::from_secs(u64::from(reread.days) * 86_400));
        at.latest(&page.records).is_some_and(|newest| newest < oldest)
    }

    /// Puts the progress after a page into the cursor. Returns whether the pass over the sequence ends.
    fn finish_page(
        &mut self,
        sequence: Sequence,
        cursor: &mut Cursor,
        mut progress: Progress,
        step: Step,
    ) -> bool {
        let plan = self.plan;
        let started = progress.started.unwrap_or(self.now);
        let mut is_complete = false;
        if let Some(end) = step.end {
            // The next walk begins a job of its own.
            progress.job = None;
            self.source.jobs.remove(&self.walk.index);
            let walk = self.walk(&progress.pages);
            if let (true, Some(field)) = (walk.lacks_times(), plan.selection.time_field()) {
                let at = field.at.as_str();
                walk.note_gap(format!(
                    "no record has a time at {at} that `at_format` can read: every pass begins where \
                     this one began"
                ));
            }
            if progress.has_gap {
                // It is known already, unless the walk was interrupted.
                walk.note_gap(
                    "a part of the list could not be read before an interruption".to_owned(),
                );
            }
            let name = walk_name(sequence, plan, &progress);
            let (at, outdated) = (&progress.pages, &mut cursor.outdated);
            match self.account.end_walk(self.walk.index, &name, end, at, outdated) {
                Outcome::LookAgain => {
                    progress.pages = Paging::look_again(&progress.pages);
                    // What could not be read of a list that may shift is asked for again.
                    progress.has_gap &= plan.ack.is_none();
                }
                outcome => {
                    if let Some(doubt) = plan.doubt() {
                        self.account.note_doubt(doubt);
                    }
                    progress.has_gap = false;
                    let start = Start::of(&progress);
                    let selects_all = matches!(plan.selection, Selection::All);
                    progress.pages = plan.config.page.restart(progress.pages, selects_all);
                    is_complete = !plan.selection.complete(&mut progress);
                    // A backfill is not continued by a next pass.
                    let now = self.source.client.now();
                    if outcome == Outcome::Gap && !plan.selection.is_limited() {
                        progress.note_gap(start, now);
                    }
                    if is_complete {
                        progress.end_pass(now);
                    }
                }
            }
        }
        sequence.store(plan, cursor, progress, started, is_complete);
        is_complete || step.pauses
    }
}
