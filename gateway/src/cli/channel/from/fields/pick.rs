//! Chooses the field of a record for a field of a demand.

mod fit;

use normalizer::CodeTables;

use self::fit::{describe, fits};
use crate::cli::channel::from::{
    columns::Column,
    guess::Certainty,
    names::{self, NameMatch},
    values::{self, TimeForm},
};

/// Minimum mean length of a text that is taken for the content although its name says nothing.
const MIN_CONTENT: usize = 12;

/// What finding the field for a concept came to.
pub(super) enum Pick<'a> {
    One(&'a Column, Certainty, String),
    Several(Vec<&'a Column>),
    None,
}

/// The field for a concept.
pub(super) fn pick<'a>(
    concept: &str,
    free: &[&'a Column],
    n: usize,
    codes: &CodeTables,
) -> Pick<'a> {
    type Rank = (NameMatch, usize, std::cmp::Reverse<usize>);
    let named = free.iter().filter_map(|column| {
        let name = column.own_name();
        // `caller.name` is a name of a person by both words.
        let whole = names::find(&column.name, concept);
        let mut found = names::find(name, concept).max(whole)?;
        if concept == "person_name" && is_other_object(column) {
            return None;
        }
        if column.depth > 0 {
            found.level = found.level.min(2);
        }
        let fits = column.values.is_empty() || fits(concept, column, codes);
        // Beside the number of a label may stand its text.
        let is_label = ["status", "kind"].contains(&concept) && column.mostly(values::is_text);
        let filled = column.tenths(n) / 3 + if is_label { 10 } else { 0 };
        let rank: Rank = (found, filled, std::cmp::Reverse(column.depth));
        (fits && !column.values.is_empty()).then_some((rank, *column))
    });
    let mut named: Vec<(Rank, &Column)> = named.collect();
    named.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let Some((rank, best)) = named.first().copied() else { return by_values(concept, free, n) };
    let equal: Vec<&Column> =
        named.iter().filter(|(other, _)| *other == rank).map(|(_, column)| *column).collect();
    let are_same = equal.iter().all(|column| column.values == best.values);
    if equal.len() > 1 && !are_same {
        return Pick::Several(equal);
    }
    let (sure, by) = match rank.0.level {
        3 => (Certainty::Sure, "its name"),
        2 => (Certainty::Likely, "the words of its name"),
        _ => (Certainty::Likely, "the end of its name"),
    };
    let sure =
        if best.tenths(n) < 5 || rank.0.group < 9 { sure.min(Certainty::Likely) } else { sure };
    let mut why = format!("{by}, and {}", describe(concept, best));
    if let Some(other) = equal.get(1) {
        why.push_str(&format!("; {} has the same values", other.path));
    }
    Pick::One(best, sure, why)
}

/// Whether the object around a field says that it is not about a person.
fn is_other_object(column: &Column) -> bool {
    let Some((outer, _)) = column.name.rsplit_once('.') else { return false };
    let outer = outer.rsplit('.').next().unwrap_or(outer);
    names::find(outer, "person_name").is_none() && column.own_name().len() <= 4
}

/// Fields whose values alone say what they are.
fn by_values<'a>(concept: &str, free: &[&'a Column], n: usize) -> Pick<'a> {
    let found: Vec<&Column> = match concept {
        "person_phone" => {
            let is_phone = |c: &&&Column| {
                c.mostly(values::is_mobile) && names::find(c.own_name(), "key").is_none()
            };
            free.iter().filter(is_phone).copied().collect()
        }
        "content" => {
            let is_text = |c: &&&Column| {
                c.length() >= MIN_CONTENT
                    && c.tenths(n) >= 8
                    && c.mostly(values::is_text)
                    && c.mostly(|value| !value.contains("://") && TimeForm::of(value).is_none())
                    && !names::is_known(c.own_name())
                    && c.mostly(|value| !value.is_ascii() || value.contains(' '))
            };
            let longest = free.iter().filter(is_text).max_by_key(|column| column.length());
            longest.copied().into_iter().collect()
        }
        _ => Vec::new(),
    };
    match found.as_slice() {
        [] => Pick::None,
        [one] => Pick::One(
            one,
            Certainty::Unsure,
            format!("nothing but its values: {}", describe(concept, one)),
        ),
        _ => Pick::Several(found),
    }
}
