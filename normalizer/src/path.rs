//! Paths, parsed once.
//!
//! Nine of ten paths name a column of a row. Those are looked up directly; everything else goes
//! through a complete implementation of RFC 9535, so that no path an author may write means
//! something slightly different here.

use serde_json::Value;
use serde_json_path::{JsonPath, NodeList};

/// A parsed path.
#[derive(Debug)]
pub(crate) struct Path {
    /// Name of the first member, where the path begins with one.
    root: Option<String>,
    /// Absent where the path is just that name.
    query: Option<JsonPath>,
}

impl Path {
    /// Parses a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('$') {
            return Err(format!("`{text}` is not a path: begin it with `$.`"));
        }
        let query = JsonPath::parse(text).map_err(|error| {
            format!("`{text}` is not a path: {} at {}", error.message(), error.position())
        })?;
        let (root, rest) = first_name(text);
        let is_plain = rest.is_empty() && !root.is_empty();
        Ok(Self {
            root: (!root.is_empty()).then(|| root.to_owned()),
            query: (!is_plain).then_some(query),
        })
    }

    /// The first node that `wanted` takes.
    pub(crate) fn find<'a>(
        &self,
        tree: &'a Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<&'a Value> {
        match &self.query {
            None => self.member(tree).filter(|value| wanted(value)),
            Some(query) => query.query(tree).into_iter().find(|value| wanted(value)),
        }
    }

    /// All nodes.
    pub(crate) fn all<'a>(&self, tree: &'a Value) -> Vec<&'a Value> {
        match &self.query {
            None => self.member(tree).into_iter().collect(),
            Some(query) => query.query(tree).all(),
        }
    }

    /// How many nodes there are; `None` where the source does not even have the place to look in.
    pub(crate) fn count(&self, tree: &Value) -> Option<usize> {
        if let Some(root) = &self.root {
            tree.get(root)?;
        }
        Some(match &self.query {
            None => 1,
            Some(query) => NodeList::len(&query.query(tree)),
        })
    }

    /// The source field it begins at.
    pub(crate) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    fn member<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        tree.get(self.root.as_deref()?)
    }
}

/// Splits `$.NAME…` after the name. Other forms of a first name are valid and merely slower.
fn first_name(path: &str) -> (&str, &str) {
    let Some(rest) = path.strip_prefix("$.") else { return ("", path) };
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()))
        .unwrap_or(rest.len());
    rest.split_at(end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_name_and_the_full_language_agree() {
        let tree = json!({"A": "1", "诉求": "2", "list": [{"f": 2}, {"f": 1}, {"f": 2}]});
        let first = |path: &str| {
            let path = Path::parse(path).unwrap();
            path.find(&tree, |value| !value.is_null()).cloned()
        };
        assert_eq!(first("$.A"), first("$['A']"));
        assert_eq!(first("$.诉求"), Some(json!("2")));
        assert_eq!(first("$.list[1].f"), Some(json!(1)));
        assert_eq!(first("$.absent"), None);
        let count = |path: &str| Path::parse(path).unwrap().count(&tree);
        assert_eq!(count("$.list[?@.f == 2]"), Some(2));
        assert_eq!(count("$.list[?@.f == 9]"), Some(0));
        assert_eq!(count("$.absent[*]"), None);
    }

    #[test]
    fn what_is_not_a_path_says_so() {
        for path in ["title", "", "$.", "$.a[", "$..", "$.a b"] {
            assert!(Path::parse(path).is_err(), "{path} was taken");
        }
    }
}
