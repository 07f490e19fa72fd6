//! Proposes the key of records: unique, in all of them, and with a name that says so.

use document::{Findings, key_text};
use serde_json::Value;

use super::{
    columns::{Column, Columns},
    draft::quoted,
    guess::{Certainty, Guess},
    names,
    values::{self, TimeForm},
};

/// The key of these records, and other fields that could be it.
pub(super) fn find(columns: &Columns) -> Guess {
    let can_be = columns.columns.iter().filter(|column| is_key(column, columns.n_records));
    let ranked = can_be.map(|column| {
        let found = names::find(column.own_name(), "key");
        // An object within the record has a number of its own.
        let level = |level: u8| if column.depth == 0 { level } else { 0 };
        (found.map(|found| (level(found.level), found.group)), column)
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let Some((rank, first)) = ranked.first() else {
        return Guess::todo(
            "key",
            "no field is unique and in all records: write its path, or a list of paths",
        );
    };
    let value = quoted(&first.path.replace("[0]['$text']", ""));
    let n = columns.n_records;
    let equal = ranked.iter().skip(1).filter(|(other, _)| other == rank);
    let others: Vec<&str> = equal.map(|(_, column)| column.path.as_str()).take(5).collect();
    let is_unique =
        if n > 1 { format!("unique in {n} records") } else { "one record shows little".to_owned() };
    match rank {
        Some((level, group)) if others.is_empty() => {
            let is_sure = n > 1 && *level == 3 && *group > 7;
            let sure = match (is_sure, level) {
                (true, _) => Certainty::Sure,
                (false, 0) => Certainty::Unsure,
                (false, _) => Certainty::Likely,
            };
            Guess::new("key", value, sure, format!("its name; {is_unique}"))
        }
        _ => {
            let by = if rank.is_some() { "its name" } else { "nothing but its values" };
            let others = match others.is_empty() {
                true => String::new(),
                false => format!(". TODO: {} may be it as well: choose one", others.join(" and ")),
            };
            Guess::new("key", value, Certainty::Unsure, format!("{by}; {is_unique}{others}"))
        }
    }
}

/// The number of a demand for people, where it is not the key itself.
pub(super) fn number(columns: &Columns, key: &Guess) -> Option<Guess> {
    let value = |column: &Column| quoted(&column.path.replace("[0]['$text']", ""));
    let is_other = |column: &&Column| {
        column.depth == 0
            && key.value.as_ref() != Some(&value(column))
            && column.tenths(columns.n_records) > 7
    };
    let named = columns.columns.iter().filter(is_other).filter_map(|column| {
        let found = names::find(column.own_name(), "key").filter(|found| found.level == 3)?;
        Some((found, column))
    });
    // The surest group has numbers of machines.
    let numbers = named.filter(|(found, _)| found.group < 9);
    let (_, column) = numbers.max_by_key(|(found, _)| *found)?;
    Some(Guess::new(
        "source_no",
        quoted(&column.path),
        Certainty::Likely,
        "its name; a number for people beside the key",
    ))
}

/// Whether a field may be the key: one value without blanks in each record, and no two equal.
fn is_key(column: &Column, n_records: usize) -> bool {
    let mut values: Vec<&str> = column.values.iter().map(String::as_str).collect();
    values.sort_unstable();
    values.dedup();
    let is_exact = |text: &str| key_text(&Value::from(text), &Findings::default()).is_ok();
    let is_plain =
        |text: &str| text.len() <= 128 && !text.contains(char::is_whitespace) && text.is_ascii();
    let is_other = column.mostly(|text| TimeForm::of(text).is_some() || values::is_mobile(text))
        && names::find(column.own_name(), "key").is_none();
    values.len() == n_records
        && column.values.len() == n_records
        && !column.is_bool
        && !is_other
        && column.values.iter().all(|text| is_exact(text) && (is_plain(text) || has_name(column)))
}

fn has_name(column: &Column) -> bool {
    names::find(column.own_name(), "key").is_some()
}
