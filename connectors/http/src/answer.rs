//! One page of records.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    sync::Arc,
};

use connector_wire::reason::reason;
use contract::{Fault, Held, RecordKey};
use document::{
    Diagnostics, DuplicateOutcome, Findings, Path, put_names, scalar_text, take_records,
};
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    client::FetchError,
    config::Config,
    fetch::Parsed,
    list::{self, Remarks, Report},
    origin::{is_same_origin, remove_params},
    outdated::Outdated,
    pages::Position,
};

/// A page that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The answer without its records.
    pub(crate) tree: Value,
    /// Headers of the answer, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The address of the page; `None` for a fixture.
    pub(crate) url: Option<Url>,
    /// The query parameters in which each request gets a secret.
    pub(crate) secret_params: Vec<String>,
    /// The records, in the order of the answer. With a filter at the end of `records`, also those that it does
    /// not select: they are left out, but they show where the list goes on.
    pub(crate) records: Vec<Value>,
    /// Whether each of them has a key: what has none says nothing about how far the list was read.
    pub(crate) is_keyed: Vec<bool>,
    /// Number of values of the list without a key that the filter does not select: they are no records.
    n_more: usize,
    /// Which records of a list of changes say that they are removed; empty if none does.
    pub(crate) is_removed: Vec<bool>,
    /// What becomes of each record, because of keys that come twice.
    pub(crate) outcomes: Vec<DuplicateOutcome>,
    /// Which records have the same key and different contents, if the channel does not allow that.
    conflict: Option<String>,
    /// A hash for each record: of its key, or of what the source wrote if it has no key.
    pub(crate) hashes: Vec<String>,
    /// A hash of the content of each record that is read and has a key.
    pub(crate) contents: Vec<Option<u64>>,
    /// The status of an answer that says that there is no such page.
    pub(crate) missing: Option<u16>,
    /// What the answer says about itself beside its records.
    pub(crate) signs: Vec<String>,
    /// The same if its list is empty.
    pub(crate) remarks: Option<Box<Remarks>>,
    /// The diagnostics of the text of the answer.
    pub(crate) diagnostics: Diagnostics,
    /// Whether nothing shows that it was not cut between two records.
    pub(crate) may_be_cut: bool,
    /// Its share of the memory of the process.
    pub(crate) room: Option<Arc<Held>>,
}

impl Page {
    /// Takes the records out of an answer. What it says about itself is `known` to be fine if it came with
    /// records before.
    pub(crate) fn new(
        config: &Config,
        parsed: Parsed,
        known: &BTreeSet<String>,
        url: Option<Url>,
        headers: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let Parsed { mut tree, is_nothing, is_xml, is_lines, may_be_cut, diagnostics, .. } = parsed;
        let Diagnostics { findings, .. } = &diagnostics;
        let whole_list = config.records.unfiltered();
        let path = whole_list.as_ref().unwrap_or(&config.records);
        let named = match &config.name_as {
            Some(name_as) if !is_nothing => put_names(&mut tree, path, name_as),
            _ => Ok(()),
        };
        let selected =
            whole_list.as_ref().map(|list| selected(list, &config.records, &tree, findings));
        let is_other = is_lines && !tree.is_array();
        let records = match is_nothing {
            true => Ok(Vec::new()),
            false if is_other => Err("it is a document, and not a list of lines".to_owned()),
            false => named.and_then(|()| take_records(&mut tree, path, is_xml, findings)),
        };
        let report = Report::of(&tree, is_xml);
        let records = match records {
            // Some sources leave the list out if it is empty.
            Err(_)
                if path.locations(&tree).is_empty()
                    && list::says_zero(&tree)
                    && !report.may_fail(known) =>
            {
                Ok(Vec::new())
            }
            // An empty list would be the end of the pages. A rule of the channel knows better.
            Ok(records)
                if records.is_empty()
                    && !is_nothing
                    && !config.rules.has_success()
                    && (report.fails(known) || list::has_failure(&tree, known)) =>
            {
                Err("its list is empty, and it reports a failure".to_owned())
            }
            Ok(records) => list::check_records(config, path, records, &tree, known),
            Err(what) => Err(what),
        };
        let records = records.map_err(|what| match reason(list::envelope(&tree, is_xml)) {
            Some(reason) => format!("{what}; the source says {reason}"),
            None => what,
        })?;
        let remarks = Remarks::of(&tree, is_xml);
        let (signs, remarks) = match records.is_empty() {
            true => (Vec::new(), (!is_nothing).then(|| Box::new(remarks))),
            false => (report.signs().chain(remarks.signs()).collect(), None),
        };
        let n_listed = records.len();
        let (records, is_selected) = match selected {
            Some(selected) if !is_nothing => without_noise(config, records, selected),
            _ => (records, Vec::new()),
        };
        let n_more = n_listed - records.len();
        let keys = records.iter().map(|record| config.key.key(record, findings).ok());
        let mut keys: Vec<Option<RecordKey>> = keys.collect();
        let is_keyed = keys.iter().map(Option::is_some).collect();
        let is_removed = removed(config, &records);
        // What is not selected may have the key of a record, and so does what is removed.
        let is_left_out = |index: usize| {
            is_selected.get(index) == Some(&false) || is_removed.get(index) == Some(&true)
        };
        for (index, key) in keys.iter_mut().enumerate() {
            if is_left_out(index) {
                *key = None;
            }
        }
        let (mut outcomes, conflict) = match config.duplicates.outcomes(&keys, &records) {
            Ok(outcomes) => (outcomes, None),
            Err(conflict) => (Vec::new(), Some(conflict)),
        };
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            if is_left_out(index) {
                *outcome = DuplicateOutcome::Repeated;
            }
        }
        let hashes = keys.iter().zip(&records).map(|(key, record)| match key {
            Some(key) => hash(&[key.to_string()]),
            // A marker has only a number, which means another row on another page.
            None => {
                let source = findings.source_bytes(&record.to_string());
                hash(&[String::from_utf8_lossy(&source).into_owned()])
            }
        });
        let hashes = hashes.collect();
        let contents = records.iter().zip(&outcomes).zip(&keys);
        let contents = contents.map(|((record, outcome), key)| {
            let is_compared = *outcome == DuplicateOutcome::Read && key.is_some();
            content_hash(record).filter(|_| is_compared)
        });
        let contents = contents.collect();
        Ok(Self {
            tree,
            headers,
            url,
            records,
            is_keyed,
            n_more,
            is_removed,
            outcomes,
            conflict,
            hashes,
            contents,
            signs,
            remarks,
            may_be_cut,
            diagnostics,
            ..Self::default()
        })
    }

    /// Whether the page has each key once.
    pub(crate) fn check_keys(&self) -> Result<(), Fault> {
        let Some(conflict) = &self.conflict else { return Ok(()) };
        Err(Fault::stopped(format!("in one answer, {conflict}")).remedy(
            "if each of them is a record of its own, add a path to `key`, like key = [\"$.a\", \"$.b\"]; \
             otherwise set `duplicates`",
        ))
    }

    /// The address that an answer names, which may be relative to that of the answer (RFC 3986 §5.1). It is
    /// without the secrets that some sources repeat in it, because it is stored, and each request gets the
    /// secrets anyway. With `path_only`, it is at the host of the answer, whatever host it names.
    pub(crate) fn resolve(&self, address: String, path_only: bool) -> String {
        let joined = self.url.as_ref().and_then(|own| Some((own, own.join(&address).ok()?)));
        let Some((own, mut url)) = joined else { return address };
        if path_only {
            let mut at_home = own.clone();
            at_home.set_path(url.path());
            at_home.set_query(url.query());
            url = at_home;
        }
        let is_elsewhere = !is_same_origin(&url, own);
        remove_params(&mut url, |name| {
            self.secret_params
                .iter()
                .any(|secret| secret == name || is_elsewhere && secret.eq_ignore_ascii_case(name))
        });
        url.to_string()
    }

    /// Whether the source says that there is no such page.
    pub(crate) fn is_absent(&self) -> bool {
        self.missing.is_some_and(|status| status != 204)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Number of values that the list of the answer has, to tell whether it is full.
    pub(crate) fn n_listed(&self) -> usize {
        self.len() + self.n_more
    }

    /// Whether it has values, none of them has a key, and there are fewer than on a page that may have
    /// `usual`: such as a line with the sum of the pages before.
    pub(crate) fn is_remark(&self, usual: usize) -> bool {
        !self.is_empty() && !self.is_keyed.contains(&true) && self.n_listed() < usual.max(2)
    }

    /// What distinguishes the record at this index from others, and from its own earlier and later states.
    pub(crate) fn state(&self, index: usize) -> Option<String> {
        let content = self.contents.get(index).copied().flatten().unwrap_or_default();
        Some(format!("{}{content:016x}", self.hashes.get(index)?))
    }

    /// The state of the last record.
    pub(crate) fn last_state(&self) -> Option<String> {
        self.state(self.len().checked_sub(1)?)
    }

    /// The index of the record with this state.
    pub(crate) fn index_of(&self, state: &str) -> Option<usize> {
        (0..self.len()).find(|index| self.state(*index).as_deref() == Some(state))
    }

    /// A hash of the records in their order, for comparing pages. What has no key is left out if others have
    /// one: some sources end each page with a line that has its number.
    pub(crate) fn hash(&self) -> String {
        let keyed = self.hashes.iter().zip(&self.is_keyed).filter(|(_, is_keyed)| **is_keyed);
        let keyed: Vec<String> = keyed.map(|(hash, _)| hash.clone()).collect();
        hash(if keyed.is_empty() { &self.hashes } else { &keyed })
    }

    /// Whether [`Self::hash`] is one of all records.
    pub(crate) fn hashes_all(&self) -> bool {
        !self.is_keyed.contains(&false) || !self.is_keyed.contains(&true)
    }

    /// A hash of all records in their order, to tell whether it is the same answer.
    pub(crate) fn whole_hash(&self) -> String {
        hash(&self.hashes)
    }

    /// Which records are left out because they were read before: one of two with the same key in the answer, the last
    /// record of the page before, contents that a later page has replaced, and states that are older than one on a
    /// page before (`is_stale`).
    pub(crate) fn left_out(
        &self,
        is_stale: &[bool],
        at: &Position,
        outdated: &Outdated,
    ) -> Vec<bool> {
        let is_left_out = |(index, hash): (usize, &String)| {
            let key = u64::from_str_radix(hash, 16).ok();
            let content = self.contents.get(index).copied().flatten();
            self.outcomes.get(index) == Some(&DuplicateOutcome::Repeated)
                || is_stale.get(index) == Some(&true)
                || at.last_record.is_some() && at.last_record == self.state(index)
                || key.zip(content).is_some_and(|(key, content)| outdated.contains(key, content))
        };
        self.hashes.iter().enumerate().map(is_left_out).collect()
    }

    /// A value of the answer outside the records.
    pub(crate) fn value(&self, at: &Path) -> Option<String> {
        at.first(&self.tree).and_then(scalar_text)
    }
}

/// Whether the source says that there is no such page. That there is nothing on it (204), it says of a page that it
/// knows.
pub(crate) fn is_absent(loaded: &Result<Page, FetchError>) -> bool {
    match loaded {
        Ok(page) => page.is_absent(),
        Err(error) => matches!(error, FetchError::Refused(_)),
    }
}

/// Which records of a list of changes say that they are removed; empty if none does. Such a record has its key
/// and nothing else, so it is no state of its demand.
fn removed(config: &Config, records: &[Value]) -> Vec<bool> {
    if config.page.changes().is_none() {
        return Vec::new();
    }
    let is_set = |value: &Value| {
        let text = scalar_text(value).map(|text| text.trim().to_lowercase());
        match (text, value) {
            (Some(text), _) => !["", "0", "false", "null"].contains(&text.as_str()),
            (None, Value::Array(list)) => !list.is_empty(),
            (None, value) => value.is_object(),
        }
    };
    let is_removed = |record: &Value| {
        let member = |name: &str| record.get(name);
        // In OData 4.0, only the context of such an entity tells it from others.
        let mut contexts = ["@odata.context", "@context"].into_iter().filter_map(member);
        member("@removed").is_some_and(is_set)
            || contexts.any(|context| {
                context.as_str().is_some_and(|context| context.ends_with("/$deletedEntity"))
            })
            || config.page.removed().is_some_and(|at| at.all(record).into_iter().any(is_set))
    };
    let is_removed: Vec<bool> = records.iter().map(is_removed).collect();
    if is_removed.contains(&true) { is_removed } else { Vec::new() }
}

/// Which values of the whole list a path with a filter selects, in their order.
fn selected(list: &Path, filtered: &Path, tree: &Value, findings: &Findings) -> Vec<bool> {
    let chosen: HashSet<String> = filtered.locations(tree).into_iter().collect();
    let values = list.all(tree).into_iter().zip(list.locations(tree));
    let values = values.filter(|(value, _)| !findings.is_missing_value(value));
    values.map(|(_, place)| chosen.contains(&place)).collect()
}

/// The values of a list without those that have no key and are not selected, unless there are no others.
fn without_noise(
    config: &Config,
    records: Vec<Value>,
    selected: Vec<bool>,
) -> (Vec<Value>, Vec<bool>) {
    let is_kept =
        |(record, is_selected): &(Value, bool)| *is_selected || list::has_key(config, record);
    let all: Vec<(Value, bool)> = records.into_iter().zip(selected).collect();
    if !all.iter().any(is_kept) {
        return all.into_iter().unzip();
    }
    all.into_iter().filter(is_kept).unzip()
}

/// A hash of a record, which is not copied: it may be large.
fn content_hash(record: &Value) -> Option<u64> {
    let mut digest = Digest(Sha256::new());
    serde_json::to_writer(&mut digest, record).ok()?;
    digest.0.finalize().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A digest of what is written into it.
struct Digest(Sha256);

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes to 8 bytes: short enough to keep two hundred hashes in a cursor, and long enough that two pages
/// never have the same hash by chance.
fn hash(texts: &[String]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_le_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(&digest.finalize()[..8])
}

#[cfg(test)]
impl Page {
    /// The page of an answer whose records are at `$.rows[*]`.
    pub(crate) fn of(tree: Value) -> Self {
        let config = serde_json::json!({ "url": "", "records": "$.rows[*]", "key": "$.id" });
        let config = serde_json::from_value(config).unwrap();
        let parsed = Parsed { tree, ..Parsed::default() };
        Self::new(&config, parsed, &BTreeSet::new(), None, BTreeMap::new()).unwrap()
    }
}
