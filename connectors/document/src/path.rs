//! JSONPaths, which are parsed once, when the settings are read.

mod segments;

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json_path::JsonPath;

use self::segments::{Segment, Selector, segments};

/// A JSONPath (RFC 9535) like `$.data.rows[*]`, which selects values in a tree.
#[derive(Clone)]
pub struct Path {
    text: String,
    query: JsonPath,
    segments: Vec<Segment>,
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// `text` is not a JSONPath; the message says where the mistake is. Or it would visit the same values
    /// again and again, and a running search cannot be stopped.
    pub fn parse(text: &str) -> Result<Self, String> {
        let query = JsonPath::parse(text).map_err(|error| {
            let (message, position) = (error.message(), error.position());
            format!("`{text}` is not a JSONPath (RFC 9535): {message} at {position}")
        })?;
        let segments = segments(text);
        if is_costly(&segments) {
            return Err(format!(
                "`{text}` would search the same values again and again: write `..` at most once, not in \
                 `[?…]`, and name what you select only once"
            ));
        }
        Ok(Self { text: text.to_owned(), query, segments })
    }

    /// The path as it was configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// All values that the path selects.
    pub fn all<'a>(&self, tree: &'a Value) -> Vec<&'a Value> {
        self.query.query(tree).all()
    }

    /// The first value that the path selects.
    pub fn first<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        self.query.query(tree).first()
    }

    /// The first selected value that [`scalar_text`] can turn into a string, as that string.
    pub fn text(&self, tree: &Value) -> Option<String> {
        self.query.query(tree).into_iter().find_map(scalar_text)
    }

    /// The path of the list whose elements this path selects: without `[*]`, a filter or a slice at its end.
    /// `None` if the path does not end in that way.
    pub fn list(&self) -> Option<Self> {
        let last = self.segments.last().filter(|last| !last.is_descendant)?;
        let selects_elements = |selector: &Selector| {
            matches!(selector, Selector::Wildcard | Selector::Filter(_) | Selector::Slice)
        };
        last.selectors.iter().all(selects_elements).then(|| self.before(last))?
    }

    /// The path of the whole list from which the filter at the end of this path selects; `None` if there is no
    /// filter at its end.
    pub fn unfiltered(&self) -> Option<Self> {
        let last = self.segments.last().filter(|last| !last.is_descendant)?;
        let is_filter = |selector: &Selector| matches!(selector, Selector::Filter(_));
        last.selectors
            .iter()
            .all(is_filter)
            .then(|| Self::parse(&format!("{}[*]", self.text.get(..last.start)?.trim_end())).ok())?
    }

    /// The path of what contains the selected values; `None` if that cannot be said, as after `..`.
    pub fn parent(&self) -> Option<Self> {
        if self.segments.iter().any(|segment| segment.is_descendant) {
            return None;
        }
        self.before(self.segments.last()?)
    }

    /// Whether the path ends with the name of a member.
    pub(crate) fn ends_with_name(&self) -> bool {
        let last = self.segments.last().map(|last| last.selectors.as_slice());
        matches!(last, Some([Selector::Name(_)]))
    }

    /// The path before a segment.
    fn before(&self, segment: &Segment) -> Option<Self> {
        Self::parse(self.text.get(..segment.start)?.trim_end()).ok()
    }

    /// Whether the path selects something by this name, or by a filter that may contain it.
    pub(crate) fn depends_on(&self, name: &str) -> bool {
        let mut selectors = self.segments.iter().flat_map(|segment| &segment.selectors);
        selectors.any(|selector| match selector {
            // Of a name with dots, `Findings::repeated_names` gives only the part after the last dot.
            Selector::Name(own) => own.rsplit('.').next() == Some(name),
            Selector::Filter(text) => text.contains(name),
            Selector::Wildcard | Selector::Slice | Selector::Index => false,
        })
    }

    /// The locations of the selected values, as JSON pointers.
    pub fn locations(&self, tree: &Value) -> Vec<String> {
        self.query.query_located(tree).locations().map(|path| path.to_json_pointer()).collect()
    }
}

/// Maximum of the product of the numbers of selectors in the segments of a path: `['a', 'a']['b', 'b']` may select
/// one value four times.
const MAX_REPEATS: usize = 100;

/// Whether the number of visited values may be far larger than that of the values in a tree.
fn is_costly(segments: &[Segment]) -> bool {
    let searches_again = |selector: &Selector| match selector {
        Selector::Filter(text) => {
            // The parts outside quotes.
            let parts = || text.split(['\'', '"']).step_by(2);
            let has = |what: &str| parts().any(|part| part.contains(what));
            has("..") || (has("$") && has("*"))
        }
        _ => false,
    };
    let n_descents = segments.iter().filter(|segment| segment.is_descendant).count();
    let repeats = |n: usize, segment: &Segment| n.saturating_mul(segment.selectors.len());
    n_descents > 1
        || segments.iter().fold(1, repeats) > MAX_REPEATS
        || segments.iter().flat_map(|segment| &segment.selectors).any(searches_again)
}

/// The name in a path that selects a member of the record itself, like `$.name` or `$['name']`.
pub fn column_name(path: &Path) -> Option<&str> {
    match path.segments.as_slice() {
        [Segment { is_descendant: false, selectors, .. }] => match selectors.as_slice() {
            [Selector::Name(name)] if !name.is_empty() => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// A string, number or boolean as text; for an XML element, which is an object or a list of one
/// object, the text in it. `None` for `null`, an empty string, and all other lists and objects.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Array(list) if list.len() == 1 && list[0].is_object() => scalar_text(&list[0]),
        Value::Object(element) => element.get("$text").and_then(scalar_text),
        Value::Array(_) | Value::Null => None,
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "jsonpath",
            "description": "a JSONPath (RFC 9535) like $.data.rows[*]",
        })
    }
}

#[cfg(test)]
mod tests;
