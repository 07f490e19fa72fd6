//! Selects and orders the files of a listing, and measures how long they have been unchanged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{NaiveDate, NaiveDateTime};
use contract::Timestamp;
use document::TimeFormat;
use tokio::time::Instant;

use crate::{
    cursor::Fingerprint,
    folder::{Listing, SizeAndTime},
    manifest::{self, described},
    options::{Options, RevisionSource},
};

/// A file to read, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) size_and_time: SizeAndTime,
    /// The size and time of its manifest; `None` if no manifest was listed.
    pub(crate) manifest_size_and_time: Option<SizeAndTime>,
}

/// The files of a listing that concern the channel.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Files to read: the oldest first, by the time in their names.
    pub(crate) candidates: Vec<Candidate>,
    /// Names of files that are not listed although their manifest is.
    pub(crate) missing: Vec<String>,
    /// Names of files that are not read yet, because their manifest is not listed.
    pub(crate) waiting: Vec<String>,
    /// Names that match but belong to no regular file, and names that are not safe to use.
    pub(crate) irregular: Vec<String>,
}

impl Candidate {
    /// A hash of the state of the file and of its manifest.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let manifest =
            self.manifest_size_and_time.map_or(String::new(), |found| found.fingerprint().0);
        Fingerprint::of(&format!("{} {manifest}", self.size_and_time.fingerprint().0))
    }

    /// A hash of the sizes and modification times alone: a file whose rights change is not being written.
    pub(crate) fn written(&self) -> Fingerprint {
        let state = |found: SizeAndTime| (found.n_bytes, found.modified);
        Fingerprint::of(&format!(
            "{:?} {:?}",
            state(self.size_and_time),
            self.manifest_size_and_time.map(state)
        ))
    }
}

/// Selects the files of a listing that the channel reads, and finds missing and irregular ones.
pub(crate) fn select(listing: Listing, options: &Options) -> Selection {
    let mut selection = Selection::default();
    let files: BTreeMap<String, SizeAndTime> = listing.files.into_iter().collect();
    let suffix = options.config.manifest.as_deref();
    for (name, &size_and_time) in &files {
        // A pattern like `*` also matches manifests, which contain no records.
        let is_manifest = suffix.is_some_and(|suffix| described(name, suffix).is_some());
        if is_manifest || !options.is_selected(name) {
            continue;
        }
        let manifest_size_and_time = suffix.and_then(|suffix| {
            manifest::names(name, suffix).iter().find_map(|name| files.get(name).copied())
        });
        let has_required_manifest = suffix.is_none() || manifest_size_and_time.is_some();
        // A truncated listing may lack the manifest.
        if has_required_manifest || listing.is_truncated {
            selection.candidates.push(Candidate {
                name: name.clone(),
                size_and_time,
                manifest_size_and_time,
            });
        } else {
            selection.waiting.push(name.clone());
        }
    }
    if let Some(suffix) = suffix.filter(|_| !listing.is_truncated) {
        let expected = files.keys().filter_map(|name| described(name, suffix));
        let names = expected.filter(|name| options.is_selected(name) && !files.contains_key(*name));
        selection.missing = names.map(str::to_owned).collect();
    }
    let irregular: BTreeSet<String> = listing.irregular.into_iter().collect();
    selection.irregular =
        irregular.into_iter().filter(|name| options.is_selected(name) || !is_safe(name)).collect();
    selection
        .candidates
        .sort_by_cached_key(|each| (sort_time(&each.name, options), each.name.clone()));
    selection
}

/// The time in a name, by which files are ordered. `None` if there is none: if the records contain
/// the revision, a name need not contain a time.
fn sort_time(name: &str, options: &Options) -> Option<Timestamp> {
    match &options.revision {
        RevisionSource::Name(format) => time_in_name(name, format),
        RevisionSource::Field(..) => None,
    }
}

/// Whether a name is safe to use: one component of a path, neither hidden nor with control
/// characters. A server can list any text as a name, and `../a` would lead out of the folder.
pub(crate) fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\u{FFFD}'])
        && !name.chars().any(char::is_control)
}

/// Whether a name matches a pattern in which `*` stands for any characters. The case of an
/// extension after a `*` is ignored, because some programs write `A.CSV`.
pub(crate) fn matches_pattern(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    let Some(end) = left.len().checked_sub(last.len()).and_then(|at| left.get(at..)) else {
        return false;
    };
    end == last || last.starts_with('.') && end.eq_ignore_ascii_case(last)
}

/// The time in a name: the first part of the name that matches `format`.
pub(crate) fn time_in_name(name: &str, format: &TimeFormat) -> Option<Timestamp> {
    let local = name.char_indices().find_map(|(at, _)| {
        let (text, format) = (&name[at..], format.as_str());
        let time = NaiveDateTime::parse_and_remainder(text, format).ok();
        let date = || NaiveDate::parse_and_remainder(text, format).ok();
        time.map(|(time, _)| time).or_else(|| date().map(|(date, _)| date.into()))
    });
    Some(format.from_local(local?))
}

/// The state of each file, and since when the file has been in it. This is kept only in memory:
/// after a restart the wait begins again, so a file may be read a little later.
#[derive(Debug, Default)]
pub(crate) struct FileStates(BTreeMap<String, (Fingerprint, Instant)>);

impl FileStates {
    /// Takes over the current states of all files, and forgets files that are gone.
    pub(crate) fn update<'a>(&mut self, states: impl IntoIterator<Item = (&'a str, Fingerprint)>) {
        let now = Instant::now();
        let mut earlier = std::mem::take(&mut self.0);
        for (name, fingerprint) in states {
            let unchanged_since = match earlier.remove(name) {
                Some((same, since)) if same == fingerprint => since,
                _ => now,
            };
            self.0.insert(name.to_owned(), (fingerprint, unchanged_since));
        }
    }

    /// Whether a file has been unchanged for `period`; `false` if it was never listed.
    pub(crate) fn is_unchanged_for(&self, name: &str, period: Duration) -> bool {
        self.0.get(name).is_some_and(|(_, since)| since.elapsed() >= period)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        for name in ["", ".", "..", "../a.csv", "/a.csv", "a/b.csv", "a\\b.csv", "a\0.csv", ".a"] {
            assert!(!is_safe(name), "{name:?} was taken");
        }
        for name in ["a.csv", "企业诉求 2026-10.xlsx", "a..csv"] {
            assert!(is_safe(name), "{name:?} was refused");
        }
    }

    #[test]
    fn a_star_matches_any_characters() {
        for (name, pattern) in [
            ("WQFW_1.csv", "WQFW_*.csv"),
            ("WQFW_1.CSV", "WQFW_*.csv"),
            ("WQFW_.csv", "WQFW_*.csv"),
            ("a.csv.csv", "*.csv"),
            ("abcbc", "a*bc"),
            ("企业.xlsx", "企*"),
            ("x", "*"),
            ("a1b2c", "a*b*c"),
        ] {
            assert!(matches_pattern(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("WQFW_1.csv.ok", "WQFW_*.csv"),
            ("wqfw_1.csv", "WQFW_*.csv"),
            ("aa", "a*aa"),
            ("a", "a*a"),
            ("x.csv", "x"),
        ] {
            assert!(!matches_pattern(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn a_time_is_found_by_the_characters_around_it() {
        for (name, format, expected) in [
            ("WQFW_340200_APPEAL_20261009103000.csv", "_%Y%m%d%H%M%S.", Some("2026-10-09T02:30")),
            ("企业诉求2026-10-09.xlsx", "%Y-%m-%d", Some("2026-10-08T16:00")),
            ("企业诉求2026年10月9日.xlsx", "%Y年%m月%d日", Some("2026-10-08T16:00")),
            ("WQFW_340200_APPEAL_20261039103000.csv", "_%Y%m%d%H%M%S.", None),
            ("WQFW_340200_APPEAL.csv", "_%Y%m%d%H%M%S.", None),
        ] {
            let found = time_in_name(name, &TimeFormat::new(format, Shanghai).unwrap());
            let found = found.map(|time| time.format("%Y-%m-%dT%H:%M").to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_restarts_the_wait() {
        let (mut states, minute) = (FileStates::default(), Duration::from_secs(60));
        states.update([("a", Fingerprint::of("1")), ("b", Fingerprint::of("1"))]);
        assert!(
            states.is_unchanged_for("a", Duration::ZERO) && !states.is_unchanged_for("a", minute)
        );
        tokio::time::advance(minute).await;
        states.update([("a", Fingerprint::of("1")), ("b", Fingerprint::of("2"))]);
        assert!(states.is_unchanged_for("a", minute) && !states.is_unchanged_for("b", minute));
        states.update([("b", Fingerprint::of("2"))]);
        assert!(!states.is_unchanged_for("a", Duration::ZERO), "a file that is gone is forgotten");
    }
}
