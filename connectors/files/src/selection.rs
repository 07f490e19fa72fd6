//! Which files of a listing are read, in which order, and how long they have been unchanged.

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
    options::{Options, RevisionSource},
};

/// A file to read, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) data: SizeAndTime,
    /// The stamp of its manifest, if that was listed.
    pub(crate) manifest: Option<SizeAndTime>,
}

/// What a listing contains.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Oldest first, by the time in their names.
    pub(crate) candidates: Vec<Candidate>,
    /// Files whose manifest is listed and which are not listed themselves.
    pub(crate) missing: Vec<String>,
    /// Names that match but are not regular files, and names that are not valid.
    pub(crate) irregular: Vec<String>,
}

impl Candidate {
    /// Changes whenever the file or its manifest does.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let manifest = self.manifest.map_or(String::new(), |stamp| stamp.fingerprint().0);
        Fingerprint::of(&format!("{} {manifest}", self.data.fingerprint().0))
    }
}

/// The files of a listing that the channel reads, and what is wrong with the others.
pub(crate) fn select(listing: Listing, options: &Options) -> Selection {
    let mut selection = Selection::default();
    let all: BTreeMap<String, SizeAndTime> = listing.files.into_iter().collect();
    let suffix = options.config.manifest.as_deref();
    for (name, data) in &all {
        // A pattern like `*` matches the manifests too; they have no records.
        let is_manifest = suffix.is_some_and(|suffix| name.ends_with(suffix));
        if is_manifest || !options.is_selected(name) {
            continue;
        }
        let manifest = suffix.and_then(|suffix| all.get(&format!("{name}{suffix}")).copied());
        let is_announced = suffix.is_none() || manifest.is_some();
        // Where the listing is truncated, the manifest may be among the names that are missing in it.
        if is_announced || listing.is_truncated {
            selection.candidates.push(Candidate { name: name.clone(), data: *data, manifest });
        }
    }
    if let Some(suffix) = suffix.filter(|_| !listing.is_truncated) {
        let announced = all.keys().filter_map(|name| name.strip_suffix(suffix));
        let absent = announced.filter(|name| options.is_selected(name) && !all.contains_key(*name));
        selection.missing = absent.map(str::to_owned).collect();
    }
    let irregular: BTreeSet<String> = listing.irregular.into_iter().collect();
    selection.irregular =
        irregular.into_iter().filter(|name| options.is_selected(name) || !is_safe_name(name)).collect();
    selection
        .candidates
        .sort_by_cached_key(|each| (sort_time(&each.name, options), each.name.clone()));
    selection
}

fn sort_time(name: &str, options: &Options) -> Option<Timestamp> {
    match &options.revision {
        RevisionSource::Name(format) => time_in_name(name, format),
        RevisionSource::Field(..) => None,
    }
}

/// Whether a name is one component of a path. A server may list any text as a name: one with a
/// separator in it would lead out of the folder.
pub(crate) fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\u{FFFD}'])
        && !name.chars().any(char::is_control)
}

/// Whether a name matches a pattern in which `*` stands for any characters. Some programs write the
/// extension in upper case: `A.CSV`.
pub(crate) fn matches_pattern(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    let Some(end) = left.len().checked_sub(last.len()).and_then(|at| left.get(at..)) else {
        return false;
    };
    end == last || last.starts_with('.') && end.eq_ignore_ascii_case(last)
}

/// The time in a name: the first place where `format` can be read.
pub(crate) fn time_in_name(name: &str, format: &TimeFormat) -> Option<Timestamp> {
    let local = name.char_indices().find_map(|(at, _)| {
        let (text, format) = (&name[at..], format.as_str());
        let time = NaiveDateTime::parse_and_remainder(text, format).ok();
        let date = || NaiveDate::parse_and_remainder(text, format).ok();
        time.map(|(time, _)| time).or_else(|| date().map(|(date, _)| date.into()))
    });
    Some(format.from_local(local?))
}

/// The state of each file, and how long it has been in this state. In memory only: after a restart
/// the wait begins again, and a file is read a little later.
#[derive(Debug, Default)]
pub(crate) struct FileStates(BTreeMap<String, (Fingerprint, Instant)>);

impl FileStates {
    /// Takes the state of all files.
    pub(crate) fn update<'a>(&mut self, found: impl IntoIterator<Item = (&'a str, Fingerprint)>) {
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.0);
        for (name, fingerprint) in found {
            let since = match before.remove(name) {
                Some((same, since)) if same == fingerprint => since,
                _ => now,
            };
            self.0.insert(name.to_owned(), (fingerprint, since));
        }
    }

    /// Whether a file has not changed for `period`.
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
            assert!(!is_safe_name(name), "{name:?} was taken");
        }
        for name in ["a.csv", "企业诉求 2026-10.xlsx", "a..csv"] {
            assert!(is_safe_name(name), "{name:?} was refused");
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
    fn a_time_is_found_by_what_stands_around_it() {
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
        let (mut unchanged, minute) = (FileStates::default(), Duration::from_secs(60));
        unchanged.update([("a", Fingerprint::of("1")), ("b", Fingerprint::of("1"))]);
        assert!(
            unchanged.is_unchanged_for("a", Duration::ZERO)
                && !unchanged.is_unchanged_for("a", minute)
        );
        tokio::time::advance(minute).await;
        unchanged.update([("a", Fingerprint::of("1")), ("b", Fingerprint::of("2"))]);
        assert!(
            unchanged.is_unchanged_for("a", minute) && !unchanged.is_unchanged_for("b", minute)
        );
        unchanged.update([("b", Fingerprint::of("2"))]);
        assert!(!unchanged.is_unchanged_for("a", Duration::ZERO), "what is gone is forgotten");
    }
}
