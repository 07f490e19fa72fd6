//! Compares the mapping with the columns of the main table: a path to a column that is not there finds no value in
//! any row, and nothing else would show that.

use std::collections::BTreeSet;

use connector_wire::reason::visible;
use contract::Fault;

use crate::{
    config::Becomes,
    database::Database,
    plan::{PartPlan, TablePlan},
};

/// Maximum number of columns that a fault names.
const MAX_NAMES: usize = 50;

/// The columns of the main table that the mapping reads; empty if the account cannot see the columns.
///
/// # Errors
/// A path and all its alternatives lead to no column, or one of them no longer leads to a column that was read
/// `before`.
pub(crate) async fn columns(
    database: &mut Database,
    table: &TablePlan,
    parts: &[PartPlan],
    before: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Fault> {
    let catalog = database.catalog(table).await?;
    let is_read = |name: &&str| {
        let is_same = |listed: &String| listed.eq_ignore_ascii_case(name);
        let described = table.described.get(*name);
        table.columns.as_ref().is_none_or(|columns| columns.iter().any(is_same))
            && described.is_none_or(|column| column.becomes != Some(Becomes::Ignore))
    };
    let listed = table.columns.iter().flatten().map(String::as_str);
    let names: BTreeSet<&str> = catalog.names().filter(is_read).chain(listed).collect();
    if catalog.names().next().is_none() {
        return Ok(BTreeSet::new());
    }
    let has = |name: &str| names.contains(name) || parts.iter().any(|part| part.name == name);
    let groups = table.mapped.as_deref().map(groups).unwrap_or_default();
    let missing = groups
        .iter()
        .filter(|group| group.iter().all(|path| path.is_some_and(|name| !has(name))))
        .find_map(|group| group.iter().copied().flatten().next());
    let mapped: BTreeSet<&str> = groups.iter().flatten().copied().flatten().collect();
    let is_gone = |name: &&str| mapped.contains(name) && !has(name);
    let gone = before.iter().map(String::as_str).find(is_gone);
    if let Some(name) = missing.or(gone) {
        let is_left_out = catalog.names().any(|column| column == name);
        return Err(missing_fault(table, name, is_left_out, &names));
    }
    Ok(mapped.intersection(&names).map(|name| (*name).to_owned()).collect())
}

fn missing_fault(
    table: &TablePlan,
    missing: &str,
    is_left_out: bool,
    names: &BTreeSet<&str>,
) -> Fault {
    let nearest = names.iter().min_by_key(|name| {
        (distance(&missing.to_lowercase(), &name.to_lowercase()), distance(missing, name))
    });
    let nearest = nearest.map(|name| visible(name)).unwrap_or_default();
    let names: Vec<String> = names.iter().take(MAX_NAMES).map(|name| visible(name)).collect();
    let column = visible(missing);
    let what = if is_left_out {
        format!("`columns` leaves out the column {column}, which the mapping reads")
    } else {
        format!("the table has no column {column}, which the mapping reads")
    };
    Fault::stopped(what).at(format!("table {}", table.name)).remedy(format!(
        "correct or remove its path in [demand], in upper and lower case as the database has it; the nearest is \
         {nearest}, of {}",
        names.join(", ")
    ))
}

/// The names with which paths of the mapping begin: those of one field together, `None` for a path that begins with
/// none. Texts that are no path of the record are left out.
fn groups(texts: &str) -> Vec<Vec<Option<&str>>> {
    let groups = texts.split("\n\n").map(|group| {
        group.lines().filter(|text| text.starts_with('$')).map(first_name).collect::<Vec<_>>()
    });
    groups.filter(|group| !group.is_empty()).collect()
}

/// The first name in a path of the mapping: `title` in `$.title`, `$['title']` and `$.title[0]`. `None` if it has signs
/// that are escaped, or other names beside it.
fn first_name(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('$')?;
    let quoted = |quote: &str| {
        let (name, after) = rest.strip_prefix('[')?.strip_prefix(quote)?.split_once(quote)?;
        (after.starts_with(']') && !name.contains('\\')).then_some(name)
    };
    let plain = rest.strip_prefix('.').and_then(|rest| rest.split(['.', '[', ' ']).next());
    let name = plain.or_else(|| quoted("'")).or_else(|| quoted("\""))?;
    (!name.is_empty() && name != "*").then_some(name)
}

/// How many letters must be inserted, removed or replaced to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (1..=b.chars().count()).collect();
    for (index, x) in a.chars().enumerate() {
        let (mut left, mut diagonal) = (index + 1, index);
        for (cell, y) in row.iter_mut().zip(b.chars()) {
            let above = *cell;
            *cell = (diagonal + usize::from(x != y)).min(left + 1).min(above + 1);
            (left, diagonal) = (*cell, above);
        }
    }
    row.last().copied().unwrap_or_else(|| a.chars().count())
}

#[cfg(test)]
mod tests {
    use super::{distance, first_name, groups};

    #[test]
    fn a_path_begins_with_a_name_of_the_record() {
        for (path, name) in [
            ("$.title", Some("title")),
            ("$.标题", Some("标题")),
            ("$.pressing[?@.FLAG == 2]", Some("pressing")),
            ("$.a.b", Some("a")),
            ("$['a.b'].c", Some("a.b")),
            ("$[\"a\"]", Some("a")),
            ("$['a','b']", None),
            ("$['a\\'b']", None),
            ("$['\\u6807']", None),
            ("$", None),
            ("$..a", None),
            ("$.*", None),
            ("$[0]", None),
            ("title", None),
        ] {
            assert_eq!(first_name(path), name, "{path}");
        }
    }

    #[test]
    fn alternatives_stand_together_and_other_texts_are_left_out() {
        let texts = "$.id\n\n$.a\n$.b[0]\n\ndatetime\n\n@.note\n\n$\n$.c\n\n";
        let found = groups(texts);
        assert_eq!(found, [vec![Some("id")], vec![Some("a"), Some("b")], vec![None, Some("c")]]);
    }

    #[test]
    fn names_are_near_if_few_letters_differ() {
        for (a, b, expected) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("title", "titel", 2), ("标题", "标", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
