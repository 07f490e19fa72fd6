//! Whose turn it is: one walk for each value of `each`, and one more that reads again.

use contract::Timestamp;
use serde_json::Value;

use crate::{
    cursor::{Cursor, Place, Round},
    pages::{Pager, Param},
    plan::{Plan, value_name},
    time::{JITTER, delta},
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
    pub(crate) fn place(self, plan: &Plan, cursor: &Cursor, now: Timestamp) -> Option<Place> {
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
        let is_due = now + JITTER < started || now - started >= delta(reread.every);
        is_due.then(|| plan.stretch.back(reread.days, now).unwrap_or_default())
    }

    /// Keeps its position; `is_over`: it has come to its end.
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
        if is_over && plan.reread.is_some() {
            // The first walk reads everything: a second one beside it would read it twice.
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
pub(crate) fn page_name(turn: Turn, plan: &Plan, place: &Place) -> String {
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
