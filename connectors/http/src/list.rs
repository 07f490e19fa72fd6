//! Whether an answer without a list says that there are no records.

use document::scalar_text;
use serde_json::Value;

/// Whether the answer says that something failed: many of them have a total of zero too.
pub(crate) fn reports_failure(tree: &Value) -> bool {
    const NAMES: [&str; 8] = [
        "code",
        "errcode",
        "errorcode",
        "error_code",
        "retcode",
        "resultcode",
        "status",
        "success",
    ];
    const FINE: [&str; 9] = ["0", "00", "000", "0000", "200", "true", "ok", "success", "succeeded"];
    let is_failure = |(name, value): (&String, &Value)| {
        let text = scalar_text(value).map(|text| text.trim().to_lowercase());
        NAMES.contains(&name.to_lowercase().as_str())
            && text.is_some_and(|text| !FINE.contains(&text.as_str()))
    };
    tree.as_object().is_some_and(|object| object.iter().any(is_failure))
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
        ] {
            assert_eq!(reports_failure(&tree), expected, "{tree}");
        }
    }
}
