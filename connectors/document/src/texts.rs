//! The texts of a tree, with the names that lead to them.

use serde_json::Value;

/// Calls `look` with each text and the names that lead to it, dots between. Positions in lists say
/// nothing about a field and are left out.
pub(crate) fn each_text(tree: &Value, look: &mut impl FnMut(&str, &str)) {
    visit(tree, &mut String::new(), look);
}

/// Trees have a depth limit, see `tree.rs`.
fn visit(tree: &Value, field: &mut String, look: &mut impl FnMut(&str, &str)) {
    match tree {
        Value::String(text) => look(field, text),
        Value::Array(list) => list.iter().for_each(|value| visit(value, field, look)),
        Value::Object(object) => {
            for (name, value) in object {
                let len = field.len();
                if len > 0 {
                    field.push('.');
                }
                field.push_str(name);
                visit(value, field, look);
                field.truncate(len);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
