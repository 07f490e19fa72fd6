//! Takes the records out of a document.

use serde_json::Value;

use crate::{Findings, Path};

/// Takes the records at `path` out of a document; their places become `null`. If `path` is `$` and the
/// document is a list, its elements are the records. `is_xml` says whether the document was XML.
///
/// # Errors
/// The list of records is not there, although it may be empty: the document may report a failure, or the list
/// has another name now. Or something outside the records is damaged or has two values: then such a document
/// does not say reliably what the records are and which ones come next.
pub fn take_records(
    tree: &mut Value,
    path: &Path,
    is_xml: bool,
    findings: &Findings,
) -> Result<Vec<Value>, String> {
    let pointers: Vec<String> = match tree.as_array() {
        Some(list) if path.as_str() == "$" => (0..list.len()).map(|at| format!("/{at}")).collect(),
        _ => path.locations(tree),
    };
    if pointers.is_empty() {
        check_list(path, tree, is_xml)?;
    }
    let is_whole = pointers.iter().any(String::is_empty);
    let records: Vec<Value> = pointers
        .iter()
        .filter_map(|pointer| match pointer.as_str() {
            // It is copied, because paging needs its values too.
            "" => Some(tree.clone()),
            // A record is moved, not copied, because a page may be large.
            pointer => tree.pointer_mut(pointer).map(Value::take),
        })
        .filter(|record| !findings.is_missing_value(record))
        .collect();
    if !is_whole {
        if let Some(damage) = findings.damage_in(tree) {
            return Err(damage);
        }
        if let Some(name) = findings.repeated_names(tree).first() {
            return Err(format!("the name `{name}` occurs twice, with different values"));
        }
    }
    let is_array = |list: Path| list.all(tree).iter().any(|value| value.is_array());
    let is_plain = |value: &Value| !value.is_object() && findings.damage_in(value).is_none();
    // The members of an object may be those of an answer that reports a failure.
    if !records.is_empty() && records.iter().all(is_plain) && !path.list().is_some_and(is_array) {
        return Err(format!("the values at {} are no records", path.as_str()));
    }
    Ok(records)
}

/// Checks that the list is there from which no record was selected. In XML an empty list has no elements, so
/// only the element around it must be there.
fn check_list(path: &Path, tree: &Value, is_xml: bool) -> Result<(), String> {
    let list = path.list();
    let container = if is_xml { list.and_then(|list| list.parent()) } else { list };
    let Some(container) = container else { return Ok(()) };
    // `xsi:nil` says that the element has no value, as `null` does in JSON.
    let is_nil = |value: &Value| {
        is_xml && value.get("@nil").and_then(Value::as_str).is_some_and(|nil| nil != "false")
    };
    let is_list = |value: &&Value| value.is_array() || value.is_object() && !is_nil(value);
    if container.all(tree).iter().any(is_list) {
        return Ok(());
    }
    Err(format!("there is no list at {}", container.as_str()))
}
