//! Compares a statement, whose proof was checked, with the one before it, with the store, and with the source's list of
//! keys.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use contract::{ChannelId, DemandId, Fault, RecordKey};
use serde::Serialize;
use sink::store::{Database, FirstSeen, Whereabouts};

use super::{Counts, Statement, TheirKeys, line, make, set_hash};

/// Maximum number of records of each kind that are named. The counts have no limit.
const MAX_NAMED: usize = 1000;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) channel: ChannelId,
    pub(crate) day: NaiveDate,
    pub(crate) chain: Chain,
    /// Whether daily totals stand for the reads of the day by now: then no count may be greater than the totals of the
    /// days in UTC that contain it, and nothing more can be compared.
    pub(crate) is_folded: bool,
    /// The counts that differ.
    pub(crate) counts: Vec<Difference>,
    /// The set hash of what the store has; that of the statement unless something below is named.
    pub(crate) set_hash: String,
    /// Demands of the statement that the store does not have for that day.
    pub(crate) missing: Names,
    /// Demands that the store has for that day, and the statement does not.
    pub(crate) extra: Names,
    /// Demands whose first state has another digest, or whose current digest is in no state of their history.
    pub(crate) changed: Names,
    /// Demands whose digests a retention has dropped with their history: only their ids were compared.
    pub(crate) without_history: u64,
    /// The comparison with the source's list.
    pub(crate) theirs: Option<Theirs>,
}

/// Whether a statement follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Chain {
    /// It follows the given one, which is that of the day before.
    Follows,
    /// It says itself that it follows no other.
    Unchained,
    /// It follows one that was not given.
    NotGiven,
    /// It does not follow the given one.
    Broken,
}

/// A count that differs.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    pub(crate) statement: u64,
    pub(crate) store: u64,
}

/// The comparison with the source's list of keys.
#[derive(Debug, Serialize)]
pub(crate) struct Theirs {
    /// The first line, if it was taken for a heading.
    pub(crate) heading: Option<String>,
    /// Number of different keys in the list.
    pub(crate) keys: u64,
    /// Keys that the list has more than once.
    pub(crate) repeated: Names,
    /// Keys that the list has, and the store has not for that day.
    pub(crate) only_theirs: Names,
    /// Keys that the store has for that day, and the list has not.
    pub(crate) only_ours: Names,
}

/// Records: how many, and the first of them by name.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Names {
    pub(crate) count: u64,
    pub(crate) named: Vec<Named>,
}

/// A record.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) id: DemandId,
    /// The source's key, if it is known.
    pub(crate) key: Option<String>,
    /// Where the store has it, or how often the list has it.
    pub(crate) about: Option<String>,
}

impl Found {
    /// Whether everything is as the statement says.
    pub(crate) fn holds(&self) -> bool {
        let theirs = self.theirs.as_ref();
        let lists = theirs
            .map_or(0, |list| list.repeated.count + list.only_theirs.count + list.only_ours.count);
        let names = self.missing.count + self.extra.count + self.changed.count + lists;
        self.chain != Chain::Broken && self.counts.is_empty() && names == 0
    }
}

/// Compares. With `is_pruned`, history has a retention, so digests of old states may be gone.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn verify(
    statement: &Statement,
    previous: Option<&Statement>,
    theirs: Option<TheirKeys>,
    store: &Database,
    is_pruned: bool,
) -> Result<Found, Fault> {
    let Statement { channel, day, zone, .. } = statement;
    let (from, to) = make::period(*day, *zone)?;
    let books = store.period_books(channel, from, to).await?;
    let counts = if books.is_folded {
        let totals = Counts::of(&store.enclosing_books(channel, from, to).await?);
        differences(&statement.counts, &totals, |of_day, totals| of_day <= totals)
    } else {
        differences(&statement.counts, &Counts::of(&books.books), |then, now| then == now)
    };
    let ours = make::first_seen(channel, (from, to), store).await?;
    let mut found = Found {
        channel: channel.clone(),
        day: *day,
        chain: chain(statement, previous)?,
        is_folded: books.is_folded,
        counts,
        set_hash: String::new(),
        missing: Names::default(),
        extra: Names::default(),
        changed: Names::default(),
        without_history: 0,
        theirs: None,
    };
    compare_ids(statement, &ours, is_pruned, &mut found)?;
    if let Some(theirs) = theirs {
        found.theirs = Some(compare_keys(channel, theirs, &ours, store).await?);
    }
    if let Some(list) = &found.theirs {
        for named in &mut found.missing.named {
            let known = list.only_theirs.named.iter().find(|other| other.id == named.id);
            named.key = known.and_then(|known| known.key.clone());
        }
    }
    let lists = found.theirs.as_mut().map(|list| &mut list.only_theirs);
    for named in [Some(&mut found.missing), lists].into_iter().flatten() {
        locate(named, *zone, store).await?;
    }
    Ok(found)
}

fn chain(statement: &Statement, previous: Option<&Statement>) -> Result<Chain, Fault> {
    Ok(match (&statement.previous, previous) {
        (None, None) => Chain::Unchained,
        (Some(_), None) => Chain::NotGiven,
        (Some(hash), Some(before))
            if *hash == before.hash()?
                && before.channel == statement.channel
                && before.zone == statement.zone
                && before.day.succ_opt() == Some(statement.day) =>
        {
            Chain::Follows
        }
        (_, Some(_)) => Chain::Broken,
    })
}

/// The counts that are not as they should be. Messages may be delivered again at any time.
fn differences(then: &Counts, now: &Counts, is_right: fn(u64, u64) -> bool) -> Vec<Difference> {
    let pairs = then.named().into_iter().zip(now.named());
    let different = pairs.filter(|((_, name, then), (.., now))| match *name {
        "redelivered" => then > now,
        _ => !is_right(*then, *now),
    });
    let named =
        different.map(|((_, name, statement), (.., store))| Difference { name, statement, store });
    named.collect()
}

/// Compares the demands of the statement with those of the store.
fn compare_ids(
    statement: &Statement,
    ours: &[FirstSeen],
    is_pruned: bool,
    found: &mut Found,
) -> Result<(), Fault> {
    let mut stated: BTreeMap<DemandId, &str> = BTreeMap::new();
    for line in &statement.ids {
        let parsed = line.split_once(' ').and_then(|(id, _)| id.parse().ok());
        let id = parsed.ok_or_else(|| Fault::stopped("the statement has a line without an id"))?;
        stated.insert(id, line);
    }
    let mut lines = Vec::new();
    for FirstSeen { id, key, digest, is_current_known, .. } in ours {
        let known = digest.map(|digest| line(id, digest));
        let stated = stated.remove(id);
        let here = || Named { id: *id, key: Some(key.clone()), about: None };
        match (stated, &known) {
            (None, _) => found.extra.add(here),
            (Some(_), None) if is_pruned => found.without_history += 1,
            (Some(stated), Some(known)) if stated == known => {
                if !is_current_known && !is_pruned {
                    found.changed.add(here);
                }
            }
            (Some(_), _) => found.changed.add(here),
        }
        lines.extend(known.or_else(|| stated.map(str::to_owned)));
    }
    for id in stated.into_keys() {
        found.missing.add(|| Named { id, key: None, about: None });
    }
    lines.sort_unstable();
    found.set_hash = set_hash(&lines);
    Ok(())
}

/// Compares the keys of the list with those of the store.
async fn compare_keys(
    channel: &ChannelId,
    theirs: TheirKeys,
    ours: &[FirstSeen],
    store: &Database,
) -> Result<Theirs, Fault> {
    let named = |key: &str, about: Option<String>| Named {
        id: DemandId::of(channel, &RecordKey::new(key)),
        key: Some(key.to_owned()),
        about,
    };
    // Blanks at the ends of a key do not survive in a list.
    let ours: BTreeMap<&str, DemandId> =
        ours.iter().map(|demand| (demand.key.trim(), demand.id)).collect();
    let TheirKeys { first, mut counts } = theirs;
    let mut heading = None;
    if let Some(first) =
        first.filter(|first| is_heading(first) && !ours.contains_key(first.as_str()))
        && counts.get(&first) == Some(&1)
        && store.whereabouts(&named(&first, None).id).await? == Whereabouts::Nowhere
    {
        counts.remove(&first);
        heading = Some(first);
    }
    let mut list = Theirs {
        heading,
        keys: counts.len() as u64,
        repeated: Names::default(),
        only_theirs: Names::default(),
        only_ours: Names::default(),
    };
    for (key, times) in &counts {
        if *times > 1 {
            list.repeated.add(|| named(key, Some(format!("{times} times"))));
        }
        if !ours.contains_key(key.as_str()) {
            list.only_theirs.add(|| named(key, None));
        }
    }
    for (key, id) in ours.into_iter().filter(|(key, _)| !counts.contains_key(*key)) {
        list.only_ours.add(|| Named { id, key: Some(key.to_owned()), about: None });
    }
    Ok(list)
}

/// Whether the first line of a list is a heading: a word that people write above keys, or Chinese. Every other word may be
/// a key that the store lacks.
fn is_heading(first: &str) -> bool {
    const WORDS: [&str; 12] = [
        "id", "ids", "key", "keys", "no", "no.", "number", "code", "guid", "rowguid", "uuid",
        "serial",
    ];
    let word = first.to_lowercase();
    let last = word.rsplit(['_', ' ', '-']).next().unwrap_or_default();
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    !word.contains(|c: char| c.is_ascii_digit())
        && (WORDS.contains(&last) || word.contains(is_chinese))
}

/// Says of each record where the store has it.
async fn locate(names: &mut Names, zone: Tz, store: &Database) -> Result<(), Fault> {
    for named in &mut names.named {
        named.about = Some(match store.whereabouts(&named.id).await? {
            Whereabouts::Stored(at) => {
                format!("stored, first seen on {}", at.with_timezone(&zone).date_naive())
            }
            Whereabouts::Quarantined => "in quarantine".to_owned(),
            Whereabouts::Nowhere => "not in the store".to_owned(),
        });
    }
    Ok(())
}

impl Names {
    fn add(&mut self, named: impl FnOnce() -> Named) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(named());
        }
    }
}
