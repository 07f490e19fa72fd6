//! The walks of a channel: one for each value of `each`, and one more of each that reads again.

use contract::Timestamp;
use document::delta;
use serde_json::Value;

use crate::{
    cursor::{Cursor, Place, Round},
    pages::{Page, Param},
    plan::{Plan, value_name},
    time::JITTER,
};

/// A walk over the records of one value of `each`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Which value; `None` where there is one sequence.
    pub(crate) value: Option<usize>,
    /// The walk that reads again.
    pub(crate) is_again: bool,
}

impl Turn {
    /// All walks of a channel.
    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        let has_values = plan.config.each.is_some();
        let turns = |is_again| {
            (0..plan.n_values())
                .map(move |value| Self { value: has_values.then_some(value), is_again })
        };
        let again = plan.config.reread.iter().flat_map(|_| turns(true));
        turns(false).chain(again).collect()
    }

    /// Its name in the cursor and in reports.
    pub(crate) fn name(self, plan: &Plan) -> String {
        self.value(plan).map(value_name).unwrap_or_default()
    }

    fn value(self, plan: &Plan) -> Option<&Value> {
        plan.config.each.as_ref()?.values.get(self.value?)
    }

    /// Its position; `None` where it is not due.
    pub(crate) fn place(self, plan: &Plan, cursor: &Cursor, now: Timestamp) -> Option<Place> {
        let name = self.name(plan);
        if !self.is_again {
            return Some(cursor.places.get(&name).cloned().unwrap_or_default());
        }
        let reread = plan.config.reread.as_ref()?;
        let round = cursor.rounds.get(&name)?;
        if let Some(place) = &round.place {
            return Some(place.clone());
        }
        let started = round.started?;
        // A clock that was put back must not stop the walk.
        let is_due = now + JITTER < started || now - started >= delta(reread.every.0);
        is_due.then(|| plan.stretch.back(reread.days, now).unwrap_or_default())
    }

    /// Stores its position; `is_over`: it is complete.
    pub(crate) fn keep(
        self,
        plan: &Plan,
        cursor: &mut Cursor,
        place: Place,
        now: Timestamp,
        is_over: bool,
    ) {
        let name = self.name(plan);
        if self.is_again {
            let round = cursor.rounds.entry(name).or_default();
            if round.place.is_none() {
                round.started = Some(now);
            }
            round.place = (!is_over).then_some(place);
            return;
        }
        if is_over && plan.config.reread.is_some() {
            // The first walk reads everything; until it is complete, a second one would read it twice.
            let first = || Round { started: Some(now), place: None };
            cursor.rounds.entry(name.clone()).or_insert_with(first);
        }
        cursor.places.insert(name, place);
    }
}

/// The parameters of a page, and its address where that is another one.
pub(crate) fn params(
    plan: &Plan,
    turn: Turn,
    place: &Place,
    size: usize,
) -> (Vec<Param>, Option<String>) {
    let mut params: Vec<Param> = Vec::new();
    if let (Some(each), Some(value)) = (&plan.config.each, turn.value(plan)) {
        params.push((each.param.clone(), value.clone()));
    }
    params.extend(plan.stretch.params(place));
    let (page, next) = plan.config.page.params(&place.walk, size);
    params.extend(page);
    if let Some(setting) = plan.config.page.size() {
        params.push((setting.param.clone(), size.into()));
    }
    if let (true, Some(reread)) = (turn.is_again, &plan.config.reread) {
        params.retain(|(name, _)| !reread.params.contains_key(name));
        params.extend(reread.params.clone());
    }
    (params, next)
}

/// The name of a page in messages.
pub(crate) fn page_name(turn: Turn, plan: &Plan, place: &Place) -> String {
    let page = place.walk.pages + 1;
    let of = match turn.value(plan) {
        None => String::new(),
        Some(value) => format!(", {}", value_name(value)),
    };
    let day = place.day.map(|day| format!(" of {day}")).unwrap_or_default();
    match plan.config.page {
        Page::None {} => format!("the page{day}{of}"),
        _ => format!("page {page}{day}{of}"),
    }
}
