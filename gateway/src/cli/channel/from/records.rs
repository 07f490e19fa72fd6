//! Finds the list of records in an answer.

use anyhow::{Result, bail, ensure};
use connector_wire::reason::reason;
use document::{DocumentFormat, Findings, Path};
use serde_json::Value;

use super::{answer::Answer, columns::Columns, columns::member, names};

/// Maximum number of objects and lists around the records.
const MAX_DEPTH: usize = 24;
/// Maximum number of documents within the answer that are looked through.
const MAX_INNER: usize = 20;

/// The records of an answer.
pub(super) struct Records {
    /// The path of the records, like `$.data.rows[*]`.
    pub(super) path: String,
    pub(super) records: Vec<Value>,
    /// The path of the text that is a document itself, and its format.
    pub(super) inner: Option<(String, DocumentFormat)>,
    /// Whether the records are of XML.
    pub(super) is_xml: bool,
}

/// A list that may be that of the records.
struct Candidate {
    records: Records,
    /// How many of its fields have names that demands have, and how many records it has.
    rank: (usize, usize),
}

impl Records {
    /// The records at `wanted`, or in the list that looks most like one of demands.
    ///
    /// # Errors
    /// There is no such list, or several are equally likely.
    pub(super) fn find(answer: &Answer, wanted: Option<&str>) -> Result<Self> {
        let mut candidates = Vec::new();
        let mut search = Search { n_inner: 0, candidates: &mut candidates };
        search.walk(&answer.tree, "$", None, answer.is_xml(), 0);
        if let Some(wanted) = wanted {
            return Self::at(answer, wanted, candidates);
        }
        // A single object without a known field may be a report of a fault.
        candidates.retain(|found| found.rank.0 > 0 || found.rank.1 > 1);
        candidates.sort_by_key(|found| std::cmp::Reverse(found.rank));
        let mut candidates = candidates.into_iter();
        let Some(first) = candidates.next() else {
            let why =
                reason(&answer.tree).map(|why| format!("; it says: {why}")).unwrap_or_default();
            bail!(
                "no list of records was found in it{why}. Give an answer with two records or more, or say where they \
                 are with --records '$.PATH[*]'"
            );
        };
        if let Some(second) = candidates.next().filter(|second| second.rank == first.rank) {
            bail!(
                "two lists look equally like that of the records: {} and {}. Say which with --records",
                first.records.path,
                second.records.path
            );
        }
        Ok(first.records)
    }

    fn at(answer: &Answer, wanted: &str, candidates: Vec<Candidate>) -> Result<Self> {
        if let Some(found) = candidates.into_iter().find(|found| found.records.path == wanted) {
            return Ok(found.records);
        }
        let path = Path::parse(wanted).map_err(anyhow::Error::msg)?;
        let records: Vec<Value> =
            path.all(&answer.tree).into_iter().filter(|v| v.is_object()).cloned().collect();
        ensure!(!records.is_empty(), "there is no record at {wanted}");
        Ok(Self { path: wanted.to_owned(), records, inner: None, is_xml: answer.is_xml() })
    }
}

/// Whether a member has the faults of a request, and no records.
fn is_error(name: &str) -> bool {
    ["error", "errors"].iter().any(|error| name.eq_ignore_ascii_case(error))
}

struct Search<'a> {
    n_inner: usize,
    candidates: &'a mut Vec<Candidate>,
}

type Inner = Option<(String, DocumentFormat)>;

impl Search<'_> {
    fn walk(&mut self, value: &Value, path: &str, inner: Inner, is_xml: bool, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Array(items) => {
                self.add(items, path, inner.clone(), is_xml);
                if let [only] = items.as_slice() {
                    self.walk(only, &format!("{path}[0]"), inner, is_xml, depth + 1);
                }
            }
            Value::Object(members) => {
                for (name, value) in members.iter().filter(|(name, _)| !is_error(name)) {
                    self.walk(value, &member(path, name), inner.clone(), is_xml, depth + 1);
                }
            }
            Value::String(text) if inner.is_none() && self.n_inner < MAX_INNER => {
                let format = match text.trim_start().chars().next() {
                    Some('{' | '[') => DocumentFormat::Json,
                    Some('<') => DocumentFormat::Xml,
                    _ => return,
                };
                self.n_inner += 1;
                if let Ok(tree) = format.parse(text, &mut Findings::default()) {
                    let is_xml = format == DocumentFormat::Xml;
                    self.walk(&tree, path, Some((path.to_owned(), format)), is_xml, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, items: &[Value], path: &str, inner: Inner, is_xml: bool) {
        let records: Vec<Value> = items.iter().filter(|item| item.is_object()).cloned().collect();
        if records.is_empty() || records.len() * 2 < items.len() {
            return;
        }
        let columns = Columns::of(&records, is_xml);
        if columns.columns.len() < 2 {
            return;
        }
        let own = columns.columns.iter().filter(|column| column.depth == 0);
        let n_known = own.filter(|column| names::is_known(column.own_name())).count();
        let rank = (n_known, records.len());
        let records = Records { path: format!("{path}[*]"), records, inner, is_xml };
        self.candidates.push(Candidate { records, rank });
    }
}
