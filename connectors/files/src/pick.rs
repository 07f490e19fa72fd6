//! Which files of a listing are to be read, in which order, and how long they have lain there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use tokio::time::Instant;

use crate::{
    cursor::Mark,
    folder::{Listing, Stamp},
    options::Options,
    record::RevisionSource,
};

/// A file that is meant, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) data: Stamp,
    /// Of the file that announces it, where it was listed.
    pub(crate) manifest: Option<Stamp>,
}

/// What a listing means.
#[derive(Debug, Default)]
pub(crate) struct Picked {
    /// Oldest first, by the time in their names.
    pub(crate) candidates: Vec<Candidate>,
    /// Announced, and not there.
    pub(crate) missing: Vec<String>,
    /// Meant, and no regular files.
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
    let manifest_of = |name: &str| options.manifest.as_ref().map(|end| format!("{name}{end}"));
    for (name, data) in &all {
        // A pattern like `*` means the manifests too; they are no records.
        let is_manifest = options.manifest.as_ref().is_some_and(|end| name.ends_with(end.as_str()));
        if is_manifest || !options.is_meant(name) {
            continue;
        }
        let manifest = manifest_of(name).and_then(|name| all.get(&name).copied());
        let is_announced = options.manifest.is_none() || manifest.is_some();
        // Where the listing was cut, the manifest may stand behind the cut.
        if is_announced || listing.is_cut {
            picked.candidates.push(Candidate { name: name.clone(), data: *data, manifest });
        }
    }
    if let Some(end) = options.manifest.as_ref().filter(|_| !listing.is_cut) {
        let announced = all.keys().filter_map(|name| name.strip_suffix(end.as_str()));
        let absent = announced.filter(|name| options.is_meant(name) && !all.contains_key(*name));
        picked.missing = absent.map(str::to_owned).collect();
    }
    let odd: BTreeSet<String> = listing.odd.into_iter().collect();
    picked.odd = odd.into_iter().filter(|name| options.is_meant(name) || !is_plain(name)).collect();
    picked.candidates.sort_by_cached_key(|each| (time_of(&each.name, options), each.name.clone()));
    picked
}

fn time_of(name: &str, options: &Options) -> Option<DateTime<Utc>> {
    match &options.record.revision {
        RevisionSource::Name(format) => time(name, format, options.record.zone),
        RevisionSource::Field(..) => None,
    }
}

/// Whether a name is one component of a path and nothing else. A server may list any text as a
/// name: one with a separator in it would lead out of the folder.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\u{FFFD}'])
        && !name.chars().any(char::is_control)
}

/// Whether a name fits a pattern in which `*` stands for any characters. Programs write endings in
/// capitals too: `A.CSV`.
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
pub(crate) fn time(name: &str, format: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let local = name.char_indices().find_map(|(at, _)| local(&name[at..], format))?;
    zone.from_local_datetime(&local).earliest().map(|time| time.with_timezone(&Utc))
}

/// A time at the beginning of a text.
fn local(text: &str, format: &str) -> Option<NaiveDateTime> {
    match NaiveDateTime::parse_and_remainder(text, format) {
        Ok((time, _)) => Some(time),
        Err(_) => {
            let (date, _) = NaiveDate::parse_and_remainder(text, format).ok()?;
            Some(date.and_time(NaiveTime::MIN))
        }
    }
}

/// What was seen of each file, and since when. Kept in memory only: after a restart the wait begins
/// anew, and a file is read a little later.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<String, (Mark, Instant)>);

impl Waiting {
    /// Takes note of all that lies there now.
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
    fn a_name_that_leads_elsewhere_is_none() {
        for name in ["", ".", "..", "../a.csv", "/a.csv", "a/b.csv", "a\\b.csv", "a\0.csv", ".a"] {
            assert!(!is_plain(name), "{name:?} was taken");
        }
        for name in ["a.csv", "企业诉求 2026-10.xlsx", "a..csv"] {
            assert!(is_plain(name), "{name:?} was refused");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
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
            let found = time(name, format, Shanghai);
            let found = found.map(|time| time.format("%Y-%m-%dT%H:%M").to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_begins_the_wait_anew() {
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
