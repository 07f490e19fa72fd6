//! Whether an answer without a list says that there are no records.

use document::scalar_text;
use serde_json::Value;

/// Members that tell whether a request was successful.
const STATES: [&str; 9] = [
    "code",
    "errcode",
    "errorcode",
    "error_code",
    "ok",
    "resultcode",
    "retcode",
    "status",
    "success",
];

/// Values that say that nothing failed.
const FINE: [&str; 11] =
    ["", "0", "00", "000", "0000", "200", "true", "ok", "success", "succeeded", "none"];

/// Whether the answer says that something failed: many of them have a total of zero too.
pub(crate) fn reports_failure(tree: &Value) -> bool {
    states(tree).iter().any(|state| !FINE.contains(&state.as_str())) || names_error(tree)
}

/// Whether the answer certainly says that something failed. `{"code": 1}` may be a success.
pub(crate) fn certainly_reports_failure(tree: &Value) -> bool {
    let is_failure = |state: &String| match state.parse::<i64>() {
        Ok(code) => code < 0 || (400..600).contains(&code),
        Err(_) => state == "false" || state.starts_with("fail") || state.starts_with("err"),
    };
    states(tree).iter().any(is_failure) || names_error(tree)
}

/// The values of the members that tell whether the request was successful, in lower case.
fn states(tree: &Value) -> Vec<String> {
    let members = tree.as_object().into_iter().flatten();
    let members = members.filter(|(name, _)| STATES.contains(&name.to_lowercase().as_str()));
    members.filter_map(|(_, value)| Some(scalar_text(value)?.trim().to_lowercase())).collect()
}

/// Whether the answer has an error, or a list of errors that is not empty.
fn names_error(tree: &Value) -> bool {
    ["error", "errors"].iter().any(|name| match tree.get(name) {
        Some(Value::Array(errors)) => !errors.is_empty(),
        Some(Value::Object(error)) => error.values().any(|value| {
            let text = scalar_text(value).map(|text| text.trim().to_lowercase());
            !value.is_null() && text.is_none_or(|text| !FINE.contains(&text.as_str()))
        }),
        Some(Value::String(error)) => !FINE.contains(&error.trim().to_lowercase().as_str()),
        _ => false,
    })
}

/// Whether the answer counts its records, and the count is zero: some sources then leave out the list.
pub(crate) fn says_zero(tree: &Value) -> bool {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn all_counts_of_the_answer_must_be_zero() {
        for (tree, expected) in [
            (json!({ "data": null, "total": 0 }), true),
            (json!({ "page": { "totalCount": "0" } }), true),
            (json!({ "a": [{ "TOTAL": [{ "$text": "0" }] }] }), true),
            (json!({ "data": null }), false),
            (json!({ "data": null, "discount": 0 }), false),
            (json!({ "data": null, "total": 3, "count": 0 }), false),
        ] {
            assert_eq!(says_zero(&tree), expected, "{tree}");
        }
    }

    #[test]
    fn an_answer_that_reports_a_failure_has_a_code_that_is_no_success() {
        for (tree, expected) in [
            (json!({ "code": 0, "total": 0 }), false),
            (json!({ "code": "200", "success": true, "data": null }), false),
            (json!({ "total": 0, "list": null }), false),
            (json!({ "code": 500, "msg": "busy", "data": null, "total": 0 }), true),
            (json!({ "success": false, "total": 0 }), true),
            (json!({ "Status": "ERROR", "total": 0 }), true),
            (json!({ "ok": false, "total": 0 }), true),
            (json!({ "errors": [{ "message": "x" }], "data": null }), true),
            (json!({ "errors": [], "error": null, "data": null }), false),
        ] {
            assert_eq!(reports_failure(&tree), expected, "{tree}");
        }
    }

    #[test]
    fn a_code_that_may_be_a_success_is_no_certain_failure() {
        for (tree, expected) in [
            (json!({ "code": 1, "rows": [] }), false),
            (json!({ "code": "A00000", "status": "active" }), false),
            (json!({ "code": 20_000, "success": true, "errors": [] }), false),
            (json!({ "ok": false, "rows": [] }), true),
            (json!({ "status": "fail", "rows": [] }), true),
            (json!({ "code": -1, "rows": [] }), true),
            (json!({ "code": "429", "rows": [] }), true),
            (json!({ "error": "ratelimited", "rows": [] }), true),
        ] {
            assert_eq!(certainly_reports_failure(&tree), expected, "{tree}");
        }
    }
}
