//! Requests a page, and waits for the job whose result it is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use contract::Fault;

use super::{PageEntries, PageReader};
use crate::{
    answer::Page,
    client::FetchError,
    cursor::{Cursor, Progress},
    doubts,
    fetch::ReadAnswer,
    job::{self, Finished, OpenJob},
    list, origin,
    pages::{Paging, Said, Step},
    request::Request,
    sequence::{Sequence, page_params, params, with_selection},
};

/// Maximum number of signs that are known to be fine: some sources put a number into each message.
const MAX_KNOWN: usize = 100;

impl PageReader<'_> {
    /// Requests a page, unless it is still open.
    pub(super) async fn load(
        &mut self,
        sequence: Sequence,
        progress: &Progress,
        size: usize,
    ) -> Result<Page, FetchError> {
        let plan = self.plan;
        if let Some((_, hash)) = &progress.pages.partly_read
            && let Some(open_page) = self
                .source
                .open_page
                .take_if(|open_page| open_page.sequence == sequence && open_page.hash == *hash)
        {
            return Ok(open_page.page);
        }
        let finished = self.finished().cloned();
        if finished.as_ref().is_some_and(|job| job.is_empty) {
            return Ok(Page::default());
        }
        let request = self.request(sequence, progress, size)?;
        let at = &progress.pages;
        let is_second_opinion = plan.config.page.is_second_opinion(at, size);
        let no_page = match &plan.config.page {
            _ if is_second_opinion => &plan.second_opinion,
            page if page.can_exceed_end(at) || page.was_named(at) => &plan.beyond_end,
            _ => &plan.no_content,
        };
        let no_page = plan.job.as_ref().map_or(no_page, |job| job.absent(plan, &request));
        // Beyond the last record, some sources have `null` in the place of the list.
        let has_all = plan.config.page.can_exceed_end(at) && self.walk(at).lists(at.n_records);
        let is_success = AtomicBool::new(false);
        let was_repeated = AtomicBool::new(at.n_repeats > 0 || at.rereading.is_some());
        let known = self.source.known.clone();
        let finished = finished.filter(|_| matches!(plan.config.page, Paging::None {}));
        let make_page = |answer: ReadAnswer| {
            is_success.store(true, Ordering::Relaxed);
            let ReadAnswer { mut parsed, answer, room } = answer;
            parsed.is_nothing |= has_all && list::lacks_list(&plan.config, &parsed, &known);
            let (url, headers) = (Some((*answer.url).clone()), answer.headers.clone());
            let missing = parsed.is_missing.then_some(answer.status);
            // Without even a header, an answer is the end of the list only behind its last page, and only if it is
            // certain that it is whole.
            let may_be_empty = plan.config.page.can_exceed_end(at) && !parsed.may_be_cut;
            if parsed.is_blank && !may_be_empty {
                return Err((doubts::BLANK.to_owned(), answer));
            }
            let page = Page::new(&plan.config, parsed, &known, url, headers);
            let page = page.and_then(|mut page| {
                page.room = room.map(Arc::new);
                page.missing = missing;
                page.secret_params.clone_from(&plan.secret_params);
                if let Some(job) = finished.as_ref().filter(|_| !page.is_absent()) {
                    job.lacks(page.n_listed()).map_or(Ok(()), Err)?;
                    page.may_be_cut &= job.count.is_none();
                }
                // A page that repeats the previous one is requested again, once: it may be an old answer.
                let is_repeated = !page.is_empty() && at.hash.as_ref() == Some(&page.hash());
                if is_repeated && !was_repeated.swap(true, Ordering::Relaxed) {
                    return Err("it has the same records as the page before it".to_owned());
                }
                Ok(page)
            });
            page.map_err(|what| (what, answer))
        };
        let no_page = std::slice::from_ref(no_page);
        match self.source.fetch(plan, plan.pages(), &request, no_page, make_page).await {
            // The page before this one was the last by the settings, and this one is refused.
            Err(FetchError::Unreadable { .. })
                if is_second_opinion && !is_success.load(Ordering::Relaxed) =>
            {
                Ok(Page::default())
            }
            result => {
                let page = result?;
                page.check_keys()?;
                let job = self.source.jobs.get_mut(&self.walk.index);
                job.into_iter().filter(|_| !page.is_absent()).for_each(OpenJob::note_present);
                if self.source.known.len() < MAX_KNOWN {
                    self.source.known.extend(page.signs.iter().cloned());
                }
                Ok(page)
            }
        }
    }

    /// The request for a page.
    fn request(
        &self,
        sequence: Sequence,
        progress: &Progress,
        size: usize,
    ) -> Result<Request, Fault> {
        let plan = self.plan;
        let job = plan.job.as_ref().zip(progress.job.as_ref()).zip(self.finished());
        let (params, next) = match job {
            None => params(plan, sequence, progress, size),
            Some(_) => page_params(plan, progress, size),
        };
        let base = &plan.list.url;
        let next = next.map(|next| origin::next(base, &next, &plan.allowed_hosts)).transpose()?;
        let Some(((job, position), finished)) = job else {
            return plan.list.request(&params, next);
        };
        let selection = with_selection(plan, sequence, progress, Vec::new());
        let part = usize::try_from(progress.pages.n_pages).unwrap_or(usize::MAX);
        job.result_request(plan, (position, finished), (params, selection), (part, next))
    }

    /// The job of this walk, if it is done.
    fn finished(&self) -> Option<&Finished> {
        self.source.jobs.get(&self.walk.index).and_then(OpenJob::finished)
    }

    /// What a page says about the list; how many records there are, its job may know.
    pub(super) fn said(&self, page: &Page) -> Said {
        let said = self.plan.said(page);
        let count = self.finished().and_then(|job| job.count);
        Said { total: said.total.or(count), ..said }
    }

    /// Goes on with the next part of the result of a job, if there is one.
    pub(super) fn follow_parts(&self, progress: &mut Progress, step: &mut Step) {
        let part = usize::try_from(progress.pages.n_pages).unwrap_or(usize::MAX);
        let has_more = self.finished().is_some_and(|job| job.has_more(part));
        if has_more && matches!(self.plan.config.page, Paging::None {}) {
            progress.pages.n_pages += 1;
            step.end = None;
        }
    }

    /// Leaves a walk whose job has no result yet.
    pub(super) fn wait_for_job(
        &self,
        sequence: Sequence,
        cursor: &mut Cursor,
        progress: Progress,
        step: job::Step,
    ) -> PageEntries {
        sequence.store(self.plan, cursor, progress, self.now, false);
        PageEntries { job: Some(step), ..PageEntries::default() }
    }
}
