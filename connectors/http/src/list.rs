//! Whether an answer without records is an empty list, or no list at all.
//!
//! If a vendor renames a list, or writes `null` for it, the answer has no records and looks like an empty one;
//! the position would move past records that were never read.

use std::collections::BTreeMap;

use document::{Facts, Path, Shape, scalar_text};
use serde_json::Value;

use crate::{answer::Page, config::Config, inner::InnerDocument, plan::Plan};

/// Takes the page of records out of a successful answer. `is_nothing` says that by the rules of the channel,
/// there are no records.
///
/// # Errors
/// The answer has no list, and nothing in it says that there are no records.
pub(crate) fn page(
    plan: &Plan,
    answer: &[u8],
    tree: Value,
    is_nothing: bool,
    headers: BTreeMap<String, String>,
    facts: Facts,
) -> Result<Page, String> {
    let Config { call, format, records, key, .. } = &plan.config;
    let shape = call.inner.last().map(InnerDocument::shape).or(*format);
    let shape = shape.unwrap_or_else(|| Shape::of(&String::from_utf8_lossy(answer)));
    let checked = if is_nothing { Ok(()) } else { check(records, shape, &tree) };
    let page = Page::new(tree, headers, facts, records, key)?;
    match checked {
        Err(why) if plan.said(&page).total != Some(0) => Err(why),
        _ => Ok(page),
    }
}

/// Checks that the list of records is there.
fn check(records: &Path, shape: Shape, tree: &Value) -> Result<(), String> {
    let Some((list, element)) = list_of(records.as_str()) else { return Ok(()) };
    let Ok(path) = Path::parse(list) else { return Ok(()) };
    let lists = path.all(tree);
    let is_list = |value: &&Value| match value {
        Value::Array(_) => true,
        // Some sources list records by their keys.
        Value::Object(by_key) => !by_key.is_empty() && by_key.values().all(Value::is_object),
        _ => false,
    };
    if lists.iter().any(is_list) {
        return Ok(());
    }
    let problem = match lists.first() {
        // In XML, an empty list has no elements; the element around it must be there.
        None if shape == Shape::Xml && element.is_some_and(|around| has_element(around, tree)) => {
            return Ok(());
        }
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Object(_)) => "an object",
        Some(Value::String(_)) => "a text",
        Some(_) => "a value",
    };
    if says_zero(tree) {
        return Ok(());
    }
    Err(format!(
        "there is {problem} at {list} where the list of records should be; correct `records`, or add \
         the rule to `empty` by which this means that there are no records"
    ))
}

/// The path of the list that contains the records, and the path of the XML element around it; `None` if
/// `records` does not end with the elements of a list.
fn list_of(records: &str) -> Option<(&str, Option<&str>)> {
    let list = match records.strip_suffix(".*") {
        Some(list) => list,
        None => {
            let (list, selector) = split_last_segment(records)?;
            let selects_elements =
                selector == "*" || selector.starts_with('?') || selector.contains(':');
            selects_elements.then_some(list)?
        }
    };
    let list = Some(list).filter(|list| !list.ends_with('.'))?;
    let around = match split_last_segment(list) {
        Some((around, _)) => Some(around),
        None => list.rsplit_once('.').map(|(around, _)| around),
    };
    Some((list, around.filter(|around| !around.is_empty() && !around.ends_with('.'))))
}

/// Splits `path[selector]`.
fn split_last_segment(path: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quote, mut start) = (0_usize, None, None);
    for (at, letter) in path.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => {
                if depth == 0 {
                    start = Some(at);
                }
                depth += 1;
            }
            (None, ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let start = start.filter(|_| path.ends_with(']'))?;
    let selector = path.get(start + 1..path.len() - 1)?;
    Some((path.get(..start)?, selector.trim()))
}

/// Whether the element around a list is there, and contains neither a text in its place nor `nil`.
fn has_element(around: &str, tree: &Value) -> bool {
    let Ok(path) = Path::parse(around) else { return false };
    let elements = path.all(tree);
    let is_element = |value: &&Value| {
        let is_nil = value.get("@nil").and_then(Value::as_str).is_some_and(|nil| nil != "false");
        let text = value.get("$text").and_then(Value::as_str).unwrap_or_default();
        value.is_object() && !is_nil && text.trim().is_empty()
    };
    !elements.is_empty() && elements.iter().all(is_element)
}

/// Whether the answer counts its records, and the count is zero: some sources then leave out the list.
fn says_zero(tree: &Value) -> bool {
    let mut counts = Vec::new();
    collect_counts(tree, &mut counts);
    !counts.is_empty() && counts.iter().all(|count| count == "0")
}

fn collect_counts(tree: &Value, counts: &mut Vec<String>) {
    match tree {
        Value::Object(object) => {
            for (name, value) in object {
                let name = name.to_lowercase();
                let is_count = name.starts_with("total")
                    || name.ends_with("total")
                    || ["count", "recordcount", "rowcount"].contains(&name.as_str());
                // An XML element is a list of one object.
                match scalar_text(value) {
                    Some(count) if is_count && !value.is_boolean() => counts.push(count),
                    _ => collect_counts(value, counts),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_counts(value, counts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use document::Findings;

    use super::*;

    fn is_empty(records: &str, text: &str) -> bool {
        let shape = Shape::of(text);
        let tree = shape.parse(text, &mut Findings::default()).unwrap();
        check(&Path::parse(records).unwrap(), shape, &tree).is_ok()
    }

    #[test]
    fn an_empty_list_is_one_that_is_there() {
        for (records, text) in [
            ("$.data[*]", r#"{"data":[]}"#),
            ("$.data[*]", r#"{"data":{"7":{"id":7}}}"#),
            ("$[*]", "[]"),
            ("$['data','rows']['list','items'][*]", r#"{"rows":{"items":[]}}"#),
            ("$.data[?@.kind == 'a[b]']", r#"{"data":[]}"#),
            ("$.data.*", r#"{"data":[]}"#),
            ("$..[?@.id]", r#"{"data":null}"#),
            ("$", "{}"),
            ("$.data[*]", r#"{"data":null,"total":0}"#),
            ("$.page.rows[*]", r#"{"page":{"totalCount":"0"}}"#),
            ("$..list[0].row[*]", "<a><list/></a>"),
            ("$..list[0].row[*]", "<a><list>\n </list></a>"),
            ("$.a[0].list[0].row[*]", "<a><list><other/></list></a>"),
            ("$..row[*]", "<a><TOTAL>0</TOTAL></a>"),
            ("$..list[0].row[*]", "<a><list nil='true'/><total>0</total></a>"),
        ] {
            assert!(is_empty(records, text), "{records} {text}");
        }
    }

    #[test]
    fn a_list_that_is_not_there_is_not_an_empty_one() {
        for (records, text) in [
            ("$.data[*]", r#"{"data":null}"#),
            ("$.data[*]", r#"{"rows":[],"code":0}"#),
            ("$.data[*]", r#"{"data":"none","total":3}"#),
            ("$.data[*]", r#"{"data":{}}"#),
            ("$.data[*]", r#"{"data":{"rows":[]}}"#),
            ("$.data[*]", "[]"),
            ("$[*]", r#"{"error":"x"}"#),
            ("$.data[?@.id]", r#"{"data":null,"discount":0}"#),
            ("$['data','rows']['list','items'][*]", r#"{"rows":{"entries":[]}}"#),
            ("$..list[0].row[*]", "<a><items/></a>"),
            ("$..list[0].row[*]", "<a><list>none</list></a>"),
            ("$..list[0].row[*]", "<a><list nil='true'/></a>"),
        ] {
            assert!(!is_empty(records, text), "{records} {text}");
        }
    }
}
