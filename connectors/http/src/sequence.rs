//! The sequences of a channel: one for each value of `each`, and with `reread` a second one for each that
//! reads old records again. In reports, the sequences of one value are a partition.

use contract::Timestamp;
use document::delta;
use serde_json::Value;

use crate::{
    cursor::{Cursor, Progress, RereadProgress},
    pages::{Paging, Param},
    plan::{Plan, value_name},
    time::MAX_CLOCK_JITTER,
};

/// The records of one value of `each`, read page by page. A pass reads them to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// The index of the value in `each`; `None` without `each`.
    pub(crate) value: Option<usize>,
    /// Whether it reads old records again.
    pub(crate) is_reread: bool,
}

impl Sequence {
    /// All sequences of a channel.
    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        let has_values = plan.config.each.is_some();
        let sequences = |is_reread| {
            (0..plan.n_values())
                .map(move |value| Self { value: has_values.then_some(value), is_reread })
        };
        let rereads = plan.config.reread.iter().flat_map(|_| sequences(true));
        sequences(false).chain(rereads).collect()
    }

    /// The name of the sequence in the cursor and in reports: the value of `each`, or empty without `each`.
    pub(crate) fn name(self, plan: &Plan) -> String {
        self.value(plan).map(value_name).unwrap_or_default()
    }

    fn value(self, plan: &Plan) -> Option<&Value> {
        plan.config.each.as_ref()?.values.get(self.value?)
    }

    /// Whether it is in the middle of a walk.
    pub(crate) fn is_open(self, plan: &Plan, cursor: &Cursor) -> bool {
        let name = self.name(plan);
        match self.is_reread {
            true => cursor.rereads.get(&name).is_some_and(|reread| reread.progress.is_some()),
            false => cursor.positions.get(&name).is_some_and(|at| at.started.is_some()),
        }
    }

    /// Whether its list is walked again from its first page now.
    pub(crate) fn begins_again(self, plan: &Plan, cursor: &Cursor) -> bool {
        let name = self.name(plan);
        let progress = match self.is_reread {
            true => cursor.rereads.get(&name).and_then(|reread| reread.progress.as_ref()),
            false => cursor.positions.get(&name),
        };
        progress.is_some_and(|progress| progress.pages.begins_again())
    }

    /// The progress of the sequence; `None` if it is not due.
    pub(crate) fn progress(self, plan: &Plan, cursor: &Cursor, now: Timestamp) -> Option<Progress> {
        let name = self.name(plan);
        if !self.is_reread {
            return Some(cursor.positions.get(&name).cloned().unwrap_or_default());
        }
        let reread = plan.config.reread.as_ref()?;
        let reread_position = cursor.rereads.get(&name)?;
        if let Some(progress) = &reread_position.progress {
            return Some(progress.clone());
        }
        let started = reread_position.started?;
        // The next pass must come even if the source's clock is set back.
        let is_due = now + MAX_CLOCK_JITTER < started || now - started >= delta(reread.every.0);
        is_due.then(|| plan.selection.reread_start(reread.days, now).unwrap_or_default())
    }

    /// Puts the progress of a pass into the cursor. The pass began at `started`, and has reached its end if
    /// `is_complete`.
    pub(crate) fn store(
        self,
        plan: &Plan,
        cursor: &mut Cursor,
        progress: Progress,
        started: Timestamp,
        is_complete: bool,
    ) {
        let name = self.name(plan);
        if self.is_reread {
            let stored = cursor.rereads.entry(name).or_default();
            if stored.progress.is_none() {
                stored.started = Some(started);
            }
            stored.progress = (!is_complete).then_some(progress);
            return;
        }
        if is_complete && plan.config.reread.is_some() {
            // The first pass reads everything, so old records are read again only when it is complete.
            let first = || RereadProgress { started: Some(started), progress: None };
            cursor.rereads.entry(name.clone()).or_insert_with(first);
        }
        cursor.positions.insert(name, progress);
    }
}

/// The parameters of the request for a page, and its address if the last page named it.
pub(crate) fn params(
    plan: &Plan,
    sequence: Sequence,
    progress: &Progress,
    size: usize,
) -> (Vec<Param>, Option<String>) {
    let (page, next) = page_params(plan, progress, size);
    (with_selection(plan, sequence, progress, page), next)
}

/// Those that say which page it is.
pub(crate) fn page_params(
    plan: &Plan,
    progress: &Progress,
    size: usize,
) -> (Vec<Param>, Option<String>) {
    let (mut params, next) = plan.config.page.params(&progress.pages, size);
    if let Some(setting) = plan.config.page.size() {
        params.push((setting.param.clone(), size.into()));
    }
    (params, next)
}

/// Those that say which records are requested, and those of the page.
pub(crate) fn with_selection(
    plan: &Plan,
    sequence: Sequence,
    progress: &Progress,
    page: Vec<Param>,
) -> Vec<Param> {
    let mut params: Vec<Param> = Vec::new();
    if let (Some(each), Some(value)) = (&plan.config.each, sequence.value(plan)) {
        params.push((each.param.clone(), value.clone()));
    }
    params.extend(plan.selection.params(progress));
    params.extend(page);
    if let (true, Some(reread)) = (sequence.is_reread, &plan.config.reread) {
        params.retain(|(name, _)| !reread.params.contains_key(name));
        params.extend(reread.params.clone());
    }
    params
}

/// The name of a walk in messages; empty if the channel has only one.
pub(crate) fn walk_name(sequence: Sequence, plan: &Plan, progress: &Progress) -> String {
    let day = progress.day.map(|day| day.to_string());
    let names = sequence.value(plan).map(value_name).into_iter().chain(day);
    names.collect::<Vec<_>>().join(", ")
}

/// The name of a page in messages.
pub(crate) fn page_name(sequence: Sequence, plan: &Plan, progress: &Progress) -> String {
    let page = progress.pages.n_pages + 1;
    let value = sequence.value(plan).map(|value| format!(", {}", value_name(value)));
    let value = value.unwrap_or_default();
    let day = progress.day.map(|day| format!(" of {day}")).unwrap_or_default();
    match plan.config.page {
        Paging::None {} if plan.job.is_some() => format!("part {page} of the result{day}{value}"),
        Paging::None {} => format!("the page{day}{value}"),
        _ => format!("page {page}{day}{value}"),
    }
}
