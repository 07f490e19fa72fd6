//! Remembers which rows a scan has read before, so that rows within the overlap are published once.
//!
//! A digest of each row would not fit into a cursor. So the rows are divided into chunks, and a cursor
//! holds the digest of each chunk. A chunk ends after a row whose own digest says so. So rows that come
//! or go change only the chunk that they are in, wherever a page begins.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use contract::RecordKey;
use serde::{Deserialize, Serialize};

use crate::{
    plan::{Plan, TablePlan},
    record::Parts,
    value::{Row, Value},
};

/// Maximum number of chunks to remember, 16 characters each.
const MAX_CHUNKS: usize = 1_600;
/// Average number of chunks in a page.
const CHUNKS_IN_PAGE: usize = 6;
/// Maximum number of acknowledged rows to remember, 32 characters each.
const MAX_ACKNOWLEDGED: usize = 500;

/// The chunks that a scan has read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// When it last went through the table.
    before: Digests,
    /// Since it began this time.
    now: Digests,
}

/// The digests of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowDigest {
    key: u64,
    /// All columns except that of `changes`.
    content: u64,
    /// All columns.
    whole: u64,
}

impl RowDigest {
    /// The digests of a row with its parts. Flags count as set if the row is pending: setting them is no
    /// change.
    pub(crate) fn new(plan: &Plan, row: &Row, parts: &Parts) -> Self {
        let table = &plan.main;
        let changes = table.changes.as_ref().map(|changes| changes.column.as_str());
        let mut content = DefaultHasher::new();
        hash_content(table, row, |_| true, &mut content);
        for (part, rows) in parts {
            (part, rows.len()).hash(&mut content);
            for (_, value) in rows.iter().flat_map(|row| &row.columns) {
                hash_value(value, &mut content);
            }
        }
        let content = content.finish();
        let changed = changes.map(|column| row.value(column)).unwrap_or_default();
        let key = digest(|hasher| hash_value(&row.value(&table.key), hasher));
        let whole = digest(|hasher| {
            content.hash(hasher);
            hash_value(&changed, hasher);
        });
        Self { key, content, whole }
    }
}

/// The digest of what a row says in the columns that are listed, may be mapped or lead to parts, without that of
/// `changes`: in a view, another one may change by itself, like the age of a row. Flags count as set if the row is
/// pending.
pub(crate) fn content_digest(table: &TablePlan, row: &Row) -> u64 {
    let is_read = |name: &str| {
        table.columns.is_some()
            || table.is_mapped(name)
            || table.parents.iter().any(|parent| parent.eq_ignore_ascii_case(name))
    };
    digest(|hasher| hash_content(table, row, is_read, hasher))
}

fn hash_content(
    table: &TablePlan,
    row: &Row,
    is_read: impl Fn(&str) -> bool,
    hasher: &mut DefaultHasher,
) {
    let changes = table.changes.as_ref().map(|changes| changes.column.as_str());
    for (name, value) in row.columns.iter().filter(|(name, _)| is_read(name)) {
        let flag = table.flags.iter().find(|flag| flag.column.eq_ignore_ascii_case(name));
        match flag.filter(|_| row.is_pending) {
            _ if changes.is_some_and(|changes| changes.eq_ignore_ascii_case(name)) => {}
            Some(flag) => hash_value(&Value::from(&flag.done), hasher),
            None => hash_value(value, hasher),
        }
    }
}

/// The digest by which keys are counted: rows whose keys are the same text are one record. A value that is no
/// key counts as what it is; a missing one does not count.
pub(crate) fn key_digest(key: Option<&RecordKey>, value: &Value) -> Option<u64> {
    match key {
        _ if value.is_null() => None,
        Some(key) => Some(digest(|hasher| key.hash(hasher))),
        None => Some(digest(|hasher| hash_value(value, hasher))),
    }
}

impl Seen {
    /// How many of these rows of a page to take: up to the end of a chunk, unless the scan ends here. The
    /// others come with the next page.
    pub(crate) fn cut(rows: &[RowDigest], limit: usize, is_end: bool) -> usize {
        let end = rows.iter().rposition(|row| is_border(row, limit));
        end.filter(|_| !is_end).map_or(rows.len(), |end| end + 1)
    }

    /// For each of these rows, whether it is new or has changed. Remembers them.
    pub(crate) fn note(&mut self, rows: &[RowDigest], limit: usize) -> Vec<bool> {
        let before: HashSet<u64> = self.before.0.iter().copied().collect();
        let chunks = rows.split_inclusive(|row| is_border(row, limit));
        chunks
            .flat_map(|chunk| {
                let chunk_digest =
                    digest(|hasher| chunk.iter().for_each(|row| row.whole.hash(hasher)));
                self.now.0.push(chunk_digest);
                if self.now.0.len() > MAX_CHUNKS {
                    self.now.0.remove(0);
                }
                vec![!before.contains(&chunk_digest); chunk.len()]
            })
            .collect()
    }

    /// The scan has gone through the table.
    pub(crate) fn end(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }
}

/// Rows that were to be acknowledged lately: their keys and contents. A trigger of the owner may move the
/// column of `changes` when we set a flag, and that is no news.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Acknowledged(Digests);

impl Acknowledged {
    /// Whether only our own acknowledgement has changed this row.
    pub(crate) fn has(&self, row: &RowDigest) -> bool {
        self.0.0.chunks_exact(2).any(|pair| pair == [row.key, row.content])
    }

    /// Notes a row that is published, and whether it will be acknowledged.
    pub(crate) fn note(&mut self, row: &RowDigest, is_pending: bool) {
        let pairs = &mut self.0.0;
        if let Some(at) = pairs.chunks_exact(2).position(|pair| pair.first() == Some(&row.key)) {
            pairs.drain(2 * at..2 * at + 2);
        }
        if is_pending {
            pairs.extend([row.key, row.content]);
        }
        if pairs.len() > 2 * MAX_ACKNOWLEDGED {
            pairs.drain(..2);
        }
    }
}

/// Digests, written as hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Digests(Vec<u64>);

impl From<Digests> for String {
    fn from(digests: Digests) -> Self {
        hex::encode(digests.0.iter().flat_map(|digest| digest.to_be_bytes()).collect::<Vec<u8>>())
    }
}

impl TryFrom<String> for Digests {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = hex::decode(text)?;
        let digests = bytes.as_chunks::<8>().0.iter().map(|digest| u64::from_be_bytes(*digest));
        Ok(Self(digests.collect()))
    }
}

fn is_border(row: &RowDigest, limit: usize) -> bool {
    row.whole.is_multiple_of(limit.div_ceil(CHUNKS_IN_PAGE).max(1) as u64)
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        // A flag of `true` is written as 1 into a column of numbers.
        Value::Bool(is) => (1_u8, u8::from(*is).to_string()).hash(hasher),
        other => (1_u8, other.to_text()).hash(hasher),
    }
}

fn digest(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: impl IntoIterator<Item = u64>) -> Vec<RowDigest> {
        let row = |n: u64| {
            let whole = digest(|hasher| n.hash(hasher));
            RowDigest { key: n, content: whole, whole }
        };
        numbers.into_iter().map(row).collect()
    }

    /// Goes through the rows in pages of `limit`. Returns how many are news.
    fn scan(seen: &mut Seen, rows: &[RowDigest], limit: usize) -> usize {
        let (mut rows, mut news) = (rows, 0);
        loop {
            let (page, is_end) = (&rows[..limit.min(rows.len())], rows.len() < limit);
            let n = Seen::cut(page, limit, is_end);
            news += seen.note(&page[..n], limit).into_iter().filter(|is_new| *is_new).count();
            rows = &rows[n..];
            if is_end {
                seen.end();
                return news;
            }
        }
    }

    #[test]
    fn a_hundred_thousand_rows_at_rest_are_news_once_and_fit_into_a_cursor() {
        let (mut seen, rows) = (Seen::default(), rows(0..100_000));
        assert_eq!(scan(&mut seen, &rows, 500), 100_000);
        for _ in 0..10 {
            assert_eq!(scan(&mut seen, &rows, 500), 0);
        }
        let text = serde_json::to_string(&seen).unwrap();
        assert!(text.len() < 30_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
    }

    #[test]
    fn rows_that_come_and_go_are_news_with_their_chunk_only() {
        for limit in [1, 2, 7, 100, 500] {
            let mut seen = Seen::default();
            scan(&mut seen, &rows(0..1_000), limit);
            let news = scan(&mut seen, &rows((100..500).chain(501..1_001)), limit);
            assert!((1..=3 * limit.max(2)).contains(&news), "{limit}: {news}");
        }
    }

    #[test]
    fn a_row_that_went_back_to_its_first_content_is_news() {
        let (mut acknowledged, [first, second]) = (
            Acknowledged::default(),
            [1, 2].map(|content| RowDigest { key: 7, content, whole: content }),
        );
        acknowledged.note(&first, true);
        assert!(acknowledged.has(&first) && !acknowledged.has(&second));
        acknowledged.note(&second, false);
        assert!(!acknowledged.has(&first));
    }
}
