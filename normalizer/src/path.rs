//! JSONPath expressions (RFC 9535), parsed once and evaluated for many records.
//!
//! Nearly all paths name one node, such as a column of a row. They are evaluated here, which is fast.
//! All others use a complete implementation of the RFC.

use serde_json::Value;
use serde_json_path::{JsonPath, NodeList};

use crate::notes::Work;

/// A parsed path.
#[derive(Debug)]
pub(crate) struct Path {
    /// The first segments of the path, as far as each of them names one node.
    segments: Vec<Segment>,
    /// `None` if the segments are the whole path.
    query: Option<JsonPath>,
    /// The number of `..` in the path: with several of them, a node is reached many times.
    descents: u32,
    /// The number of `$` in filters: each of them may search the whole record for every node.
    restarts: u32,
    /// The number of regular expressions: each of them is compiled again for every node.
    patterns: u64,
}

/// What it costs to reach a node again: with this, a query keeps a few million of them at most.
const STEPS_PER_REPEAT: u64 = 64;
/// What a regular expression costs for one node, in steps.
const PATTERN_STEPS: u64 = 1 << 13;

/// A segment that names one child of a node.
#[derive(Debug)]
enum Segment {
    Member(String),
    Item(usize),
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
        let (segments, unparsed) = segments(text);
        let query = (!unparsed.is_empty() || segments.is_empty()).then_some(query);
        let unquoted = unquoted(text);
        let restarts =
            unquoted.matches('$').count().saturating_sub(1).try_into().unwrap_or(u32::MAX);
        let descents = unquoted.matches("..").count().try_into().unwrap_or(u32::MAX);
        let patterns = ["match(", "search("].map(|name| unquoted.matches(name).count() as u64);
        Ok(Self { segments, query, descents, restarts, patterns: patterns.iter().sum() })
    }

    /// The first node that `is_wanted` accepts.
    pub(crate) fn find<'a>(
        &self,
        tree: &'a Value,
        work: &mut Work,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Option<&'a Value> {
        match &self.query {
            None => self.walk(tree).filter(|value| is_wanted(value)),
            Some(_) if !self.may_search(tree, work) => None,
            Some(query) => query.query(tree).into_iter().find(|value| is_wanted(value)),
        }
    }

    /// All nodes that the path finds.
    pub(crate) fn all<'a>(&self, tree: &'a Value, work: &mut Work) -> Vec<&'a Value> {
        match &self.query {
            None => self.walk(tree).into_iter().collect(),
            Some(_) if !self.may_search(tree, work) => Vec::new(),
            Some(query) => query.query(tree).all(),
        }
    }

    /// The number of nodes; `None` if the field of the source at which the path starts does not exist, or if
    /// the budget is used up.
    pub(crate) fn count(&self, tree: &Value, work: &mut Work) -> Option<usize> {
        if let Some(root) = self.root() {
            tree.get(root)?;
        }
        Some(match &self.query {
            None => usize::from(self.walk(tree).is_some()),
            Some(_) if !self.may_search(tree, work) => return None,
            Some(query) => NodeList::len(&query.query(tree)),
        })
    }

    /// The field of the source at which the path starts; `None` if it starts with anything else.
    pub(crate) fn root(&self) -> Option<&str> {
        match self.segments.first()? {
            Segment::Member(name) => Some(name),
            Segment::Item(_) => None,
        }
    }

    /// Whether the budget allows a search of `tree`. Spends the maximum cost in advance, because a query
    /// cannot be stopped. A node that is reached again is also kept again, in several lists: the budget is one of
    /// memory too.
    fn may_search(&self, tree: &Value, work: &mut Work) -> bool {
        let (nodes, depth) = size(tree);
        let repeats = depth.saturating_pow(self.descents.saturating_sub(1));
        let repeats = if repeats > 1 { repeats.saturating_mul(STEPS_PER_REPEAT) } else { 1 };
        let searches = nodes.saturating_pow(self.restarts);
        let each = 1 + self.patterns.saturating_mul(PATTERN_STEPS);
        work.spend(nodes.saturating_mul(repeats).saturating_mul(searches).saturating_mul(each))
    }

    /// Follows the segments from the root; `None` if a node does not exist.
    fn walk<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        self.segments.iter().try_fold(tree, |node, segment| match segment {
            Segment::Member(name) => node.get(name),
            Segment::Item(index) => node.get(index),
        })
    }
}

/// The number of nodes of a tree, and its depth.
fn size(tree: &Value) -> (u64, u64) {
    let sum = |(nodes, depth): (u64, u64), child| {
        let (more, deeper) = size(child);
        (nodes + more, depth.max(deeper + 1))
    };
    match tree {
        Value::Array(items) => items.iter().fold((1, 1), sum),
        Value::Object(members) => members.values().fold((1, 1), sum),
        _ => (1, 1),
    }
}

/// A path without its quoted parts.
fn unquoted(path: &str) -> String {
    let mut quote = None;
    let mut is_escaped = false;
    let outside = |c: &char| {
        let is_outside = quote.is_none();
        match quote {
            _ if std::mem::take(&mut is_escaped) => {}
            Some(_) if *c == '\\' => is_escaped = true,
            Some(open) if *c == open => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(*c),
            _ => {}
        }
        is_outside
    };
    path.chars().filter(outside).collect()
}

/// Splits a valid path into its first simple segments and what follows them. Segments in another
/// notation are left to the complete implementation.
fn segments(path: &str) -> (Vec<Segment>, &str) {
    let (mut segments, mut tail) = (Vec::new(), path.strip_prefix('$').unwrap_or(path));
    while let Some((segment, after)) = name(tail).or_else(|| quoted(tail)).or_else(|| item(tail)) {
        segments.push(segment);
        tail = after;
    }
    (segments, tail)
}

/// `.NAME`
fn name(path: &str) -> Option<(Segment, &str)> {
    let path = path.strip_prefix('.')?;
    let ends = |c: char| c.is_ascii() && !(c.is_ascii_alphanumeric() || c == '_');
    let (name, tail) = path.split_at(path.find(ends).unwrap_or(path.len()));
    (!name.is_empty()).then(|| (Segment::Member(name.to_owned()), tail))
}

/// `['NAME']`, without escapes.
fn quoted(path: &str) -> Option<(Segment, &str)> {
    let (name, tail) = path.strip_prefix("['")?.split_once("']")?;
    (!name.contains(['\'', '\\'])).then(|| (Segment::Member(name.to_owned()), tail))
}

/// `[0]`
fn item(path: &str) -> Option<(Segment, &str)> {
    let (index, tail) = path.strip_prefix('[')?.split_once(']')?;
    let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(())?;
    Some((Segment::Item(index.parse().ok()?), tail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_name_and_the_full_language_agree() {
        let tree = json!({
            "A": "1", "诉求": "2", "list": [{"f": 2}, {"f": 1}, {"f": 2}],
            "e": [{"$text": "3", "it's": "4", "x']['y": "5"}],
        });
        let first = |path: &str| {
            let path = Path::parse(path).unwrap();
            path.find(&tree, &mut Work::default(), |value| !value.is_null()).cloned()
        };
        let all = |path: &str| Path::parse(path).unwrap().all(&tree, &mut Work::default());
        assert_eq!(first("$.A"), first("$['A']"));
        assert_eq!(first("$.诉求"), Some(json!("2")));
        assert_eq!(first("$.list[1].f"), Some(json!(1)));
        assert_eq!(first("$.absent"), None);
        assert_eq!(first("$.e[0]['$text']"), Some(json!("3")));
        for path in
            ["$", "$.e", "$.e[0]", "$.e[-1]", "$.e[1]", "$.e[*]", "$['e'][0]", "$.A[0]", "$.e.f"]
        {
            let query = JsonPath::parse(path).unwrap();
            assert_eq!(all(path), query.query(&tree).all(), "{path}");
        }
        for name in [
            r"['it\'s']",
            r#"["it's"]"#,
            r"['x\'][\'y']",
            r#"["x']['y"]"#,
            "[ 0 ]",
            "['$text', 'f']",
        ] {
            let path = format!("$.e[0]{name}");
            let query = JsonPath::parse(&path).unwrap();
            assert_eq!(all(&path), query.query(&tree).all(), "{path}");
        }
        let count = |path: &str| Path::parse(path).unwrap().count(&tree, &mut Work::default());
        assert_eq!(count("$.list[?@.f == 2]"), Some(2));
        assert_eq!(count("$.list[?@.f == 9]"), Some(0));
        assert_eq!(count("$.absent[*]"), None);
    }

    #[test]
    fn a_regular_expression_costs_more_than_a_comparison() {
        let tree = json!({ "list": vec!["a"; 40_000] });
        for (path, is_too_costly) in [
            ("$.list[?@ == 'b']", false),
            ("$.list[?@ == 'match(']", false),
            ("$.list[?match(@, 'b')]", true),
            ("$.list[?@ == 'b' || search(@, 'b')]", true),
        ] {
            let mut work = Work::default();
            // A path that is too costly is not evaluated.
            assert!(Path::parse(path).unwrap().all(&tree, &mut work).is_empty());
            assert_eq!(work.is_too_costly, is_too_costly, "{path}");
        }
    }

    #[test]
    fn an_invalid_path_is_refused() {
        for path in ["title", "", "$.", "$.a[", "$..", "$.a b"] {
            assert!(Path::parse(path).is_err(), "{path} was taken");
        }
    }
}
