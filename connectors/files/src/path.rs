//! Paths into a record, parsed once.

use serde_json::Value;
use serde_json_path::JsonPath;

/// A parsed path; mostly the name of a column.
#[derive(Debug)]
pub(crate) enum Path {
    Name(String),
    Query(Box<JsonPath>),
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let query = JsonPath::parse(text).map_err(|error| {
            format!("`{text}` is not a path: {} at {}", error.message(), error.position())
        })?;
        let is_name = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        match text.strip_prefix("$.").filter(is_name) {
            Some(name) => Ok(Self::Name(name.to_owned())),
            None => Ok(Self::Query(Box::new(query))),
        }
    }

    /// The first text or number it finds that is not blank, without the blanks around it.
    pub(crate) fn text(&self, tree: &Value) -> Option<String> {
        match self {
            Self::Name(name) => tree.get(name).and_then(scalar),
            Self::Query(query) => query.query(tree).iter().find_map(|value| scalar(value)),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_found_in_a_row_and_in_a_tree() {
        let tree = json!({ "诉求编号": " W1\t", "n": 7, "no": "", "a": [{ "$text": "x" }] });
        for (path, expected) in [
            ("$.诉求编号", Some("W1")),
            ("$.n", Some("7")),
            ("$.no", None),
            ("$.absent", None),
            ("$.a[0]['$text']", Some("x")),
            ("$['n']", Some("7")),
        ] {
            assert_eq!(Path::parse(path).unwrap().text(&tree).as_deref(), expected, "{path}");
        }
        assert!(Path::parse("诉求编号").is_err());
    }
}
