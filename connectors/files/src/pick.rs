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
    cursor::Mark,
    folder::{Listing, Stamp},
    options::{Options, RevisionSource},
};

/// A file to read, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) data: Stamp,
    /// Of its manifest, where that was listed.
    pub(crate) manifest: Option<Stamp>,
}

/// What a listing means.
#[derive(Debug, Default)]
pub(crate) struct Picked {
    /// Oldest first, by the time in their names.
    pub(crate) candidates: Vec<Candidate>,
    /// Files that have a manifest and are not there.
    pub(crate) missing: Vec<String>,
    /// Names to read that are not regular files.
    pub(crate) odd: Vec<String>,
}

impl Candidate {
    /// Changes whenever the file or its manifest does.
    pub(crate) fn seen(&self) -> Mark {
        let manifest = self.manifest.map(Stamp::mark);
        let manifest = manifest.as_ref().map_or("", Mark::as_str);
        Mark::of(&format!("{} {manifest}", self.data.mark().as_str()))
    }
}

/// Sorts a listing.
pub(crate) fn pick(listing: Listing, options: &Options) -> Picked {
    let mut picked = Picked::default();
    let all: BTreeMap<String, Stamp> = listing.files.into_iter().collect();
    let end = options.config.manifest.as_deref();
    for (name, data) in &all {
        // A pattern like `*` matches the manifests too; they have no records.
        let is_manifest = end.is_some_and(|end| name.ends_with(end));
        if is_manifest || !options.is_meant(name) {
            continue;
        }
        let manifest = end.and_then(|end| all.get(&format!("{name}{end}")).copied());
        let is_announced = end.is_none() || manifest.is_some();
        // Where the listing was cut, the manifest may come after the cut.
        if is_announced || listing.is_cut {
            picked.candidates.push(Candidate { name: name.clone(), data: *data, manifest });
        }
    }
    if let Some(end) = end.filter(|_| !listing.is_cut) {
        let announced = all.keys().filter_map(|name| name.strip_suffix(end));
        let absent = announced.filter(|name| options.is_meant(name) && !all.contains_key(*name));
        picked.missing = absent.map(str::to_owned).collect();
    }
    let odd: BTreeSet<String> = listing.odd.into_iter().collect();
    picked.odd = odd.into_iter().filter(|name| options.is_meant(name) || !is_plain(name)).collect();
    picked.candidates.sort_by_cached_key(|each| (time_of(&each.name, options), each.name.clone()));
    picked
}

fn time_of(name: &str, options: &Options) -> Option<Timestamp> {
    match &options.revision {
        RevisionSource::Name(format) => time(name, format),
        RevisionSource::Field(..) => None,
    }
}

/// Whether a name is one component of a path. A server may list any text as a name: one with a
/// separator in it would lead out of the folder.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\u{FFFD}'])
        && !name.chars().any(char::is_control)
}

/// Whether a name matches a pattern in which `*` stands for any characters. Some programs write the
/// extension in upper case: `A.CSV`.
pub(crate) fn fits(name: &str, pattern: &str) -> bool {
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
pub(crate) fn time(name: &str, format: &TimeFormat) -> Option<Timestamp> {
    let local = name.char_indices().find_map(|(at, _)| {
        let (text, format) = (&name[at..], format.as_str());
        let time = NaiveDateTime::parse_and_remainder(text, format).ok();
        let date = || NaiveDate::parse_and_remainder(text, format).ok();
        time.map(|(time, _)| time).or_else(|| date().map(|(date, _)| date.into()))
    });
    Some(format.from_local(local?))
}

/// The state of each file, and since when it has it. In memory only: after a restart the wait begins
/// again, and a file is read a little later.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<String, (Mark, Instant)>);

impl Waiting {
    /// Notes the state of all files.
    pub(crate) fn note<'a>(&mut self, seen: impl IntoIterator<Item = (&'a str, Mark)>) {
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.0);
        for (name, mark) in seen {
            let since = match before.remove(name) {
                Some((same, since)) if same == mark => since,
                _ => now,
            };
            self.0.insert(name.to_owned(), (mark, since));
        }
    }

    /// Whether a file has not changed for `period`.
    pub(crate) fn is_still(&self, name: &str, period: Duration) -> bool {
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
            assert!(!is_plain(name), "{name:?} was taken");
        }
        for name in ["a.csv", "企业诉求 2026-10.xlsx", "a..csv"] {
            assert!(is_plain(name), "{name:?} was refused");
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
            assert!(fits(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("WQFW_1.csv.ok", "WQFW_*.csv"),
            ("wqfw_1.csv", "WQFW_*.csv"),
            ("aa", "a*aa"),
            ("a", "a*a"),
            ("x.csv", "x"),
        ] {
            assert!(!fits(name, pattern), "{name} {pattern}");
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
            let found = time(name, &TimeFormat::new(format, Shanghai).unwrap());
            let found = found.map(|time| time.format("%Y-%m-%dT%H:%M").to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_restarts_the_wait() {
        let (mut waiting, minute) = (Waiting::default(), Duration::from_secs(60));
        waiting.note([("a", Mark::of("1")), ("b", Mark::of("1"))]);
        assert!(waiting.is_still("a", Duration::ZERO) && !waiting.is_still("a", minute));
        tokio::time::advance(minute).await;
        waiting.note([("a", Mark::of("1")), ("b", Mark::of("2"))]);
        assert!(waiting.is_still("a", minute) && !waiting.is_still("b", minute));
        waiting.note([("b", Mark::of("2"))]);
        assert!(!waiting.is_still("a", Duration::ZERO), "what is gone is forgotten");
    }
}
