//! The rules of a mapping, in the order in which they are applied, with all paths and code tables resolved.

use contract::DemandBody;

use crate::{
    notes::Notes,
    path::Path,
    rule::{Coded, PlainPerson, Rule},
    seal::Personal,
    source::Record,
};

/// A demand whose personal values are still plain text. It exists only between mapping and sealing.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// All other fields; personal values in free text are not masked yet.
    pub(crate) body: DemandBody,
    pub(crate) people: Vec<PlainPerson>,
    pub(crate) address: Option<Personal>,
    /// The people before repair: a text that could not be repaired may still have their broken names to mask.
    pub(crate) unrepaired_people: Vec<PlainPerson>,
}

impl Draft {
    /// All people whose values must not occur in free text.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &PlainPerson> + Clone {
        self.people.iter().chain(&self.unrepaired_people)
    }
}

/// All rules of a channel.
#[derive(Default)]
pub(crate) struct MappingPlan {
    /// The rules that are applied first. Code tables need the time of receipt, because the meaning of a code
    /// may change.
    pub(crate) texts_and_times: Rules<Draft>,
    /// All other rules, which are applied after them.
    pub(crate) rest: Rules<Draft>,
}

impl MappingPlan {
    /// Applies every rule.
    pub(crate) fn apply(&self, record: Record<'_>, draft: &mut Draft, notes: &mut Notes) {
        self.texts_and_times.apply(record, draft, notes);
        let received_at = draft.body.received_at.or(draft.body.updated_at);
        self.rest.apply(Record { received_at, ..record }, draft, notes);
    }
}

/// The rules of a demand, or of one of its items such as a person. They are applied in order, which is
/// also the order of the quality flags that they set.
pub(crate) struct Rules<T>(Vec<Apply<T>>);

type Apply<T> = Box<dyn Fn(&mut T, Record<'_>, &mut Notes) + Send + Sync>;

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: 'static> Rules<T> {
    /// Adds a rule whose value is written to one field.
    pub(crate) fn set<V: 'static>(
        &mut self,
        rule: Option<impl Rule<V>>,
        field: fn(&mut T) -> &mut Option<V>,
    ) {
        self.add(rule, move |rule, item, record, notes| *field(item) = rule.read(record, notes));
    }

    /// Adds a rule whose values are appended to a list.
    pub(crate) fn extend<V: 'static>(
        &mut self,
        rule: Option<impl Rule<Vec<V>>>,
        list: fn(&mut T) -> &mut Vec<V>,
    ) {
        self.add(rule, move |rule, item, record, notes| {
            list(item).extend(rule.read(record, notes).unwrap_or_default());
        });
    }

    /// Adds a rule that gives a code and its label. It does not replace a label that another rule set.
    pub(crate) fn set_coded<R: Send + Sync + 'static, V: 'static>(
        &mut self,
        rule: Option<R>,
        read: fn(&R, Record<'_>, &mut Notes) -> Option<Coded<V>>,
        fields: fn(&mut T) -> (&mut Option<V>, &mut Option<String>),
    ) {
        self.add(rule, move |rule, item, record, notes| {
            let Some(Coded { code, raw }) = read(rule, record, notes) else { return };
            let fields = fields(item);
            *fields.0 = code;
            *fields.1 = fields.1.take().or(raw);
        });
    }

    /// Adds a rule, if there is one; `apply` reads its value and writes it to the item.
    pub(crate) fn add<R: Send + Sync + 'static>(
        &mut self,
        rule: Option<R>,
        apply: impl Fn(&R, &mut T, Record<'_>, &mut Notes) + Send + Sync + 'static,
    ) {
        self.0.extend(rule.map(|rule| -> Apply<T> {
            Box::new(move |item, record, notes| apply(&rule, item, record, notes))
        }));
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    fn apply(&self, record: Record<'_>, item: &mut T, notes: &mut Notes) {
        for apply in &self.0 {
            apply(item, record, notes);
        }
    }
}

impl<T: Default + PartialEq + 'static> Rule<T> for Rules<T> {
    /// The item; `None` if none of its fields has a value.
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<T> {
        let mut item = T::default();
        self.apply(record, &mut item, notes);
        (item != T::default()).then_some(item)
    }
}

/// Reads one item for each node of a path. In the paths of the item's rules, `$` is that node.
pub(crate) struct EachRule<T> {
    pub(crate) each: Path,
    pub(crate) item: Rules<T>,
}

impl<T: Default + PartialEq + 'static> Rule<Vec<T>> for EachRule<T> {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Vec<T>> {
        let nodes = self.each.all(record.tree, &mut notes.work).into_iter();
        Some(nodes.filter_map(|node| self.item.read(record.at(node), notes)).collect())
    }
}
