//! Whether an answer without a list says that there are no records.

use document::scalar_text;
use serde_json::Value;

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
}
