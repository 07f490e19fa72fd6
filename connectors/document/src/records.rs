//! Takes the records out of a document.

use serde_json::Value;

use crate::{Findings, Path, is_same, without_long_numbers};

/// Maximum number of characters of a name in a message.
const MAX_SHOWN: usize = 60;

/// Takes the records at `path` out of a document; their places become `null`. If `path` is `$` and the
/// document is a list, its elements are the records. `is_xml` says whether the document was XML.
///
/// # Errors
/// There is no list of records (an empty list is fine): the document may report a failure, or the list may have
/// another name now. Or one of several groups has no list. Or something outside the records is damaged or has two
/// values: then it is not certain what the records are and which ones come next.
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
    // In XML an empty list has no elements.
    if !is_xml {
        check_groups(path, tree)?;
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
            let name: String = name.chars().take(MAX_SHOWN).collect();
            let name = without_long_numbers(&name);
            return Err(format!("the name `{name}` occurs twice, with different values"));
        }
    }
    let is_array = |list: Path| list.all(tree).iter().any(|value| value.is_array());
    let is_plain = |value: &Value| !value.is_object() && findings.damage_in(value).is_none();
    // If the path selects members of an object instead of a list, the answer may report a failure.
    if !records.is_empty() && records.iter().all(is_plain) && !path.list().is_some_and(is_array) {
        return Err(format!("the values at {} are no records", path.as_str()));
    }
    Ok(records)
}

/// Puts the name of each record at `path`, which must be a member of an object, into the record itself, as its
/// member `into`.
///
/// # Errors
/// The records are elements of a list, or one of them has another value under the name `into`.
pub fn put_names(tree: &mut Value, path: &Path, into: &str) -> Result<(), String> {
    for pointer in path.locations(tree) {
        let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
        if tree.pointer(parent).is_some_and(Value::is_array) {
            let path = path.as_str();
            return Err(format!(
                "the records at {path} are elements of a list, which have no names"
            ));
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Some(Value::Object(record)) = tree.pointer_mut(&pointer) {
            let name = Value::from(name);
            let earlier = record.insert(into.to_owned(), name.clone());
            if earlier.is_some_and(|earlier| !is_same(&earlier, &name)) {
                return Err(format!("a record has another value than its name under `{into}`"));
            }
        }
    }
    Ok(())
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

/// For a path like `$.groups[*].rows[*]`: checks that each of several groups has its list. Otherwise records would be
/// missing unnoticed.
fn check_groups(path: &Path, tree: &Value) -> Result<(), String> {
    let mut path = path.clone();
    // At first the path selects the records: one that is not an object is handled later, as a bad record.
    let mut selects_records = true;
    while let Some(groups) = path.parent() {
        if path.ends_with_name() {
            let is_group = |value: &&Value| value.is_object() || value.is_null();
            let has_list =
                |value: &&Value| selects_records || value.is_object() || value.is_array();
            let n_groups = groups.all(tree).into_iter().filter(is_group).count();
            let n_lacking =
                n_groups.saturating_sub(path.all(tree).into_iter().filter(has_list).count());
            if n_groups > 1 && n_lacking > 0 {
                let (path, groups) = (path.as_str(), groups.as_str());
                let name = path.strip_prefix(groups).unwrap_or_default().trim();
                return Err(format!(
                    "{n_lacking} of {n_groups} values at {groups} lack {path}; if they have no records, leave \
                     them out with a filter, like [?@{name} && @{name} != null]"
                ));
            }
        }
        (path, selects_records) = (groups, false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_shown_without_numbers_that_may_be_personal() {
        for (name, shown) in [
            ("total".to_owned(), "`total`".to_owned()),
            ("电话138-0000-1234".to_owned(), "`电话…`".to_owned()),
            ("长".repeat(300), format!("`{}`", "长".repeat(MAX_SHOWN))),
        ] {
            let mut findings = Findings::default();
            let text = format!(r#"{{"rows":[],"{name}":1,"{name}":2}}"#);
            let mut tree = crate::json(&text, &mut findings).unwrap();
            let path = Path::parse("$.rows[*]").unwrap();
            let error = take_records(&mut tree, &path, false, &findings).unwrap_err();
            assert!(error.contains(&shown), "{error}");
        }
    }

    #[test]
    fn a_record_gets_the_name_of_its_member() {
        let put = |path: &str, mut tree: Value| {
            put_names(&mut tree, &Path::parse(path).unwrap(), "id").map(|()| tree)
        };
        for (path, tree, expected) in [
            ("$.*", json!({ "7": { "t": 1 } }), json!({ "7": { "t": 1, "id": "7" } })),
            ("$.*", json!({ "7": { "id": 7 } }), json!({ "7": { "id": "7" } })),
            (
                "$.d[*]",
                json!({ "d": { "a/b~c": {} } }),
                json!({ "d": { "a/b~c": { "id": "a/b~c" } } }),
            ),
            ("$.*", json!({ "code": 1 }), json!({ "code": 1 })),
            ("$.d.*", json!({ "d": [] }), json!({ "d": [] })),
        ] {
            assert_eq!(put(path, tree), Ok(expected), "{path}");
        }
        for (tree, what) in [
            (json!([{ "t": 1 }]), "have no names"),
            (json!({ "7": { "id": 8 } }), "another value than its name"),
        ] {
            assert!(put("$.*", tree).unwrap_err().contains(what), "{what}");
        }
    }

    #[test]
    fn one_of_several_groups_without_its_list_is_noticed() {
        let take = |path: &str, mut tree: Value| {
            let path = Path::parse(path).unwrap();
            take_records(&mut tree, &path, false, &Findings::default()).map(|records| records.len())
        };
        let row = || json!({ "id": 1 });
        let rows = "$.groups[*].rows[*]";
        for (path, tree, n_records) in [
            (rows, json!({ "groups": [{ "rows": [row(), row()] }, { "rows": [] }] }), 2),
            (rows, json!({ "groups": [{ "rows": [] }, { "rows": [] }] }), 0),
            (
                "$.groups[?@.rows && @.rows != null].rows[*]",
                json!({ "groups": [{ "rows": [row()] }, {}, { "rows": null }] }),
                1,
            ),
            (
                "$.a[*].b[*].rows[*]",
                json!({ "a": [{ "b": [] }, { "b": [{ "rows": [row()] }] }] }),
                1,
            ),
            ("$.edges[*].node", json!({ "edges": [{ "node": row() }, { "node": null }] }), 2),
            ("$.groups[*][*]", json!({ "groups": [[row()], []] }), 1),
        ] {
            assert_eq!(take(path, tree.clone()), Ok(n_records), "{path} {tree}");
        }
        for (path, tree) in [
            (rows, json!({ "groups": [{ "rows": [row()] }, { "n": "b" }] })),
            (rows, json!({ "groups": [{ "rows": [row()] }, { "rows": null }] })),
            (rows, json!({ "groups": [{ "rows": [row()] }, { "rows": "none" }] })),
            (rows, json!({ "groups": [{ "rows": [row()] }, null] })),
            (rows, json!({ "groups": [{ "rows": [] }, {}] })),
            (rows, json!({ "groups": [{}, {}] })),
            ("$.groups.*.rows[*]", json!({ "groups": { "a": { "rows": [row()] }, "b": {} } })),
            ("$.a[*].b[*].rows[*]", json!({ "a": [{}, { "b": [{ "rows": [row()] }] }] })),
            ("$.a[*].d.rows[*]", json!({ "a": [{ "d": { "rows": [row()] } }, { "d": {} }] })),
            ("$.edges[*].node", json!({ "edges": [{ "node": row() }, {}] })),
        ] {
            assert!(take(path, tree.clone()).is_err(), "{path} {tree}");
        }
    }
}
