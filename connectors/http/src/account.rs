//! Counts what the walks of a pass brought, and compares it with what the source says.
//!
//! The account is kept in memory only: a position must stay small. If a process ends within a pass, the
//! next one does not know what came before, and says so.

mod owners;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use contract::{DropReason, EndedBy, PassEnd, Timestamp};

use self::owners::Owners;
use crate::{
    outdated::{Contents, Outdated},
    pages::{Position, Said},
};

/// Maximum number of keys of a channel in memory. If there are more, they are not counted.
const MAX_KEYS: usize = 1_000_000;

/// How often a list is walked again before missing records are reported.
const MAX_LOOKS: u64 = 2;

/// Maximum number of requests in a row that bring nothing new.
const MAX_IDLE: u32 = 100;

/// The pause before a request, if the one before it brought nothing new; it doubles up to the maximum.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_millis(400);

/// What came in one pass over all sequences of a channel.
#[derive(Debug, Default)]
pub(crate) struct PassAccount {
    /// Whether everything since the pass began was counted.
    is_whole: bool,
    /// The walks that have not ended, by the index of their sequence.
    walks: BTreeMap<usize, Walk>,
    /// The sum of the walks that have ended; `None` if none has.
    sum: Option<PassEnd>,
    /// A part of the source that could not be read.
    gap: Option<String>,
    /// What an earlier pass could not read.
    open_gap: Option<String>,
    /// Why there may be more than what came, without a sign that there is.
    doubt: Option<String>,
    /// The keys of the values of `each`.
    owners: Owners,
}

/// The account of one walk.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Whether it was counted from the first page of the list on.
    is_whole: bool,
    /// Whether it was seen from its own first page on, which may begin after the last pass.
    is_seen: bool,
    /// The beginnings of hashes of the keys that came, and of their contents; `None` if they are too many.
    keys: Option<Contents>,
    max_keys: usize,
    /// By key: the time of its newest state.
    times: HashMap<u64, Timestamp>,
    /// For each key that came several times in one answer: how many times more than once.
    doubled: HashMap<u64, u64>,
    /// Whether the channel allows several records with the same key.
    allows_repeats: bool,
    /// Number of records that came, and how many of them were left out.
    given: u64,
    left_out: u64,
    /// Number of records that were left out because the source has removed them.
    removed: u64,
    /// The total that was stated last.
    total: Option<u64>,
    /// A later total was smaller: records were deleted, and some of them may have been counted.
    has_shrunk: bool,
    /// Whether records had a readable time; `None` if none is needed, or none came.
    has_times: Option<bool>,
    gap: Option<String>,
    /// The place where an answer should have named the next page, and had nothing, not even `null`.
    unnamed_at: Option<String>,
    /// Whether an answer had something there, or need not have.
    has_named: bool,
    /// Why an answer stated no total.
    no_total: Option<String>,
    /// Number of requests in a row that brought nothing new.
    n_idle: u32,
    /// Whether records move to pages that were read, because the source leaves out what was acknowledged.
    may_shift: bool,
    /// Whether records were acknowledged since its first page was requested, the last time.
    has_acknowledged: bool,
    /// Whether a new key came since the list was begun, the last time.
    has_new: bool,
    /// The keys that came since then, if the list was begun again and may shift.
    latest: Option<HashSet<u64>>,
    /// Number of keys that came before that.
    n_earlier: usize,
}

/// A page that was read to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted<'a> {
    /// The hashes of its records.
    pub(crate) hashes: &'a [String],
    /// Which of them have a key: others are no progress.
    pub(crate) is_keyed: &'a [bool],
    /// Which of them say that they are removed; empty if none does.
    pub(crate) is_removed: &'a [bool],
    /// The hashes of those contents that are to be compared with others of the same key.
    pub(crate) contents: &'a [Option<u64>],
    /// Their times, if the settings say where these are.
    pub(crate) times: &'a [Option<Timestamp>],
    /// How many of its records were left out, because they had been read before.
    pub(crate) n_left_out: usize,
    pub(crate) said: Said,
    /// Whether it need not have anything new.
    pub(crate) is_expected: bool,
    /// Whether the channel allows several records with the same key.
    pub(crate) allows_repeats: bool,
    /// Whether records move to pages that were read, because the source leaves out what was acknowledged.
    pub(crate) may_shift: bool,
}

/// What is known about a walk that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is known to be missing.
    Ended,
    /// Records are missing, or may have moved to pages that were read; the list should be walked again.
    LookAgain,
    /// Records are missing.
    Gap,
}

impl PassAccount {
    /// Begins to count. `is_whole` says that a pass begins here.
    pub(crate) fn new(is_whole: bool) -> Self {
        Self { is_whole, ..Self::default() }
    }

    /// The account of the walk of a sequence, one of `n_sequences`, which is at this position.
    pub(crate) fn walk(&mut self, sequence: usize, n_sequences: usize, at: &Position) -> &mut Walk {
        let is_begun = at.n_pages > 0 || at.partly_read.is_some();
        let new = || Walk {
            is_whole: at.is_at_start(),
            is_seen: !is_begun,
            keys: Some(Contents::default()),
            max_keys: MAX_KEYS / n_sequences.max(1),
            times: HashMap::new(),
            doubled: HashMap::new(),
            allows_repeats: false,
            given: 0,
            left_out: 0,
            removed: 0,
            total: None,
            has_shrunk: false,
            has_times: None,
            gap: None,
            unnamed_at: None,
            has_named: false,
            no_total: None,
            n_idle: 0,
            may_shift: false,
            // What came before an interruption was new, and was acknowledged.
            has_acknowledged: true,
            has_new: is_begun,
            latest: None,
            n_earlier: 0,
        };
        let walk = self.walks.entry(sequence).or_insert_with(new);
        walk.has_acknowledged &= is_begun;
        walk
    }

    /// Notes that records are acknowledged now.
    pub(crate) fn note_acknowledged(&mut self) {
        self.walks.values_mut().for_each(|walk| walk.has_acknowledged = true);
    }

    /// Notes that a part of the source could not be read.
    pub(crate) fn note_gap(&mut self, gap: String) {
        self.gap.get_or_insert(gap);
    }

    /// Notes why there may be more than what came, unless there is such a reason already.
    pub(crate) fn note_doubt(&mut self, doubt: &str) {
        self.doubt.get_or_insert_with(|| doubt.to_owned());
    }

    /// Notes the contents of a page of the value `value` of `each`. Returns false if a key came under another
    /// value with another content, and the same two contents are `known`.
    pub(crate) fn note_owners(
        &mut self,
        value: usize,
        hashes: &[String],
        contents: &[Option<u64>],
        known: &mut Outdated,
    ) -> bool {
        self.owners.note(value, hashes, contents, known).unwrap_or_else(|gap| {
            self.note_gap(gap.to_owned());
            true
        })
    }

    /// At the end of a pass, forgets the keys that no longer come under several values of `each`: their records
    /// had moved, and would take the room of others.
    pub(crate) fn forget_moved(&self, known: &mut Outdated) {
        if self.is_whole {
            self.owners.forget_moved(known);
        }
    }

    /// Notes that something is missing that an earlier pass could not read.
    pub(crate) fn note_open_gap(&mut self, gap: String) {
        self.open_gap.get_or_insert(gap);
    }

    /// Ends the walk `name` of a sequence, which is at this position.
    pub(crate) fn end_walk(
        &mut self,
        sequence: usize,
        name: &str,
        end: EndedBy,
        at: &Position,
        outdated: &mut Outdated,
    ) -> Outcome {
        let Some(mut walk) = self.walks.remove(&sequence) else { return Outcome::Ended };
        let lacks_contents = outdated.review(walk.keys.as_ref().filter(|_| walk.is_seen));
        // A walk that ends at known records begins with the newest: the next one reads these again.
        let lacks_contents = lacks_contents && end != EndedBy::Watermark;
        let distinct = walk.distinct();
        // A walk that ends at known records did not read everything that is listed. What was acknowledged is no
        // longer listed.
        let listed = walk.total.filter(|_| walk.is_whole && end != EndedBy::Watermark);
        let listed = listed.map(|listed| listed.saturating_add(walk.n_acknowledged()));
        // If the channel allows repeats, they may be what is listed and did not come.
        let repeats = if walk.allows_repeats { walk.doubled.values().sum() } else { 0 };
        let is_explained = |listed: &u64| {
            distinct.is_some_and(|distinct| {
                distinct < *listed && distinct.saturating_add(repeats) >= *listed
            })
        };
        let listed = listed.filter(|listed| !is_explained(listed));
        let is_short = listed.zip(distinct).is_some_and(|(listed, distinct)| distinct < listed);
        // What is acknowledged makes room for others. A list without pages may show a part of its records at a time.
        let has_shifted = (walk.has_acknowledged || end == EndedBy::Unstated)
            && walk.may_shift
            && walk.has_new
            && !at.lists_same_keys()
            && (!walk.keeps_all() || at.n_looks < MAX_LOOKS);
        if has_shifted || (is_short || lacks_contents) && at.n_looks < MAX_LOOKS {
            (walk.n_idle, walk.is_whole, walk.is_seen) = (0, true, true);
            walk.begin_again();
            self.walks.insert(sequence, walk);
            return Outcome::LookAgain;
        }
        let dropped = walk.dropped().collect();
        let n_double = walk.keys.as_ref().map_or(0, Contents::n_left_out);
        let unnamed_at = walk.unnamed_at.filter(|_| walk.is_seen && !walk.has_named);
        if n_double > 0 && !outdated.is_empty() {
            self.doubt.get_or_insert_with(|| {
                format!(
                    "keys come on two pages with different contents ({n_double}), and only the later content \
                     is read; if each is a record of its own, add a path to `key`"
                )
            });
        } else if let (EndedBy::LastToken, Some(at)) = (end, unnamed_at) {
            self.doubt.get_or_insert_with(|| {
                format!(
                    "no answer has anything at {at}, where it should name the next page; check `page`"
                )
            });
        }
        if let (None, Some(why)) = (walk.total, walk.no_total) {
            self.doubt.get_or_insert(why);
        }
        // A total that is less than what came is wrong, and one that went down proves nothing.
        let is_believed = is_short || !walk.has_shrunk && distinct <= listed;
        let listed = listed.filter(|_| is_believed && distinct.is_some());
        if let (None, Some(total)) = (listed, walk.total) {
            let why = if end == EndedBy::Watermark || distinct.is_none() {
                "not all of them were counted in this pass"
            } else if walk.has_shrunk {
                "its answers do not agree about that"
            } else {
                "the number of different keys that came is another one"
            };
            self.doubt.get_or_insert_with(|| format!("the source lists {total}, but {why}"));
        }
        let gap = walk.gap.filter(|_| listed.is_none() || is_short);
        let left_out = || "a record has an earlier content again, which was left out".to_owned();
        let gap = gap.or_else(|| lacks_contents.then(left_out));
        let mut ended =
            PassEnd { listed, given: walk.given, distinct, dropped, end, gap, doubt: None };
        let missing = ended.missing();
        let has_gap = missing.is_some();
        if !name.is_empty() {
            ended.gap = missing.map(|missing| format!("{name}: {missing}"));
        }
        match &mut self.sum {
            Some(sum) => sum.add(ended),
            None => self.sum = Some(ended),
        }
        if has_gap { Outcome::Gap } else { Outcome::Ended }
    }

    /// The account of the pass, when all sequences were read to their end.
    pub(crate) fn end(mut self) -> PassEnd {
        let mut end = self.sum.unwrap_or_default();
        end.gap = self.gap.or(end.gap).or(self.open_gap);
        end.doubt = self.doubt.or_else(|| self.owners.doubt());
        for walk in self.walks.into_values() {
            // It was not read to its end: it failed, or pauses after empty pages.
            end.given = end.given.saturating_add(walk.given);
            for (reason, n) in walk.dropped() {
                *end.dropped.entry(reason).or_default() += n;
            }
            end.gap = end.gap.or(walk.gap);
            (self.is_whole, end.end) = (false, EndedBy::Empty);
        }
        // A key that came under two values of `each` is one key, and the source counts it twice.
        let n_shared = self.owners.n_shared();
        end.distinct = end.distinct.map(|distinct| distinct.saturating_sub(n_shared));
        if let Some(n) = end.dropped.get(&DropReason::Filtered) {
            end.doubt.get_or_insert_with(|| {
                format!("the source has removed records ({n}); what came of them before stays")
            });
        }
        if !self.is_whole {
            if end.listed.is_some() {
                let doubt =
                    "the source says how many there are, but not all were counted in this pass";
                end.doubt.get_or_insert_with(|| doubt.to_owned());
            }
            (end.listed, end.distinct) = (None, None);
        }
        // Some of those that were counted may be the same.
        end.distinct = end.distinct.filter(|_| !self.owners.has_uncompared());
        end
    }
}

impl Walk {
    /// Counts a page, and compares its contents with those of the pages before it.
    pub(crate) fn note_page(&mut self, page: Counted<'_>, outdated: &mut Outdated) {
        let Counted { hashes, is_keyed, contents, times, n_left_out, said, is_expected, .. } = page;
        self.allows_repeats |= page.allows_repeats;
        self.may_shift |= page.may_shift;
        self.given = self.given.saturating_add(hashes.len() as u64);
        self.left_out = self.left_out.saturating_add(n_left_out as u64);
        let n_removed = page.is_removed.iter().filter(|is_removed| **is_removed).count();
        self.removed = self.removed.saturating_add(n_removed as u64);
        let mut has_new = self.keys.is_none() && !hashes.is_empty() || n_removed > 0;
        if let Some(keys) = &mut self.keys {
            let mut of_page: HashMap<u64, u64> = HashMap::with_capacity(hashes.len());
            let mut has_room = true;
            for (index, hash) in hashes.iter().enumerate() {
                let Ok(hash) = u64::from_str_radix(hash, 16) else { continue };
                if page.is_removed.get(index) == Some(&true) {
                    continue;
                }
                let n_before = keys.len();
                has_room &= keys.note(hash, contents.get(index).copied().flatten(), outdated);
                has_new |= keys.len() > n_before && is_keyed.get(index) != Some(&false);
                if let Some(latest) = &mut self.latest {
                    latest.insert(hash);
                }
                let n_times = of_page.entry(hash).or_default();
                *n_times += 1;
                if *n_times > 1 {
                    let n_more = self.doubled.entry(hash).or_default();
                    *n_more = (*n_more).max(*n_times - 1);
                }
            }
            if !has_room {
                let gap = "too many keys have two contents each; add a path to `key`, so that each record has its own";
                self.gap.get_or_insert_with(|| gap.to_owned());
            }
        }
        self.keys = self.keys.take().filter(|keys| keys.len() <= self.max_keys);
        for (hash, time) in hashes.iter().zip(times) {
            let key = u64::from_str_radix(hash, 16).ok().filter(|_| self.keys.is_some());
            if let (Some(key), Some(time)) = (key, *time) {
                let newest = self.times.entry(key).or_insert(time);
                *newest = time.max(*newest);
            }
        }
        // Beyond the end of a list, some sources count nothing.
        if let Some(total) = said.total.filter(|_| !hashes.is_empty() || self.total.is_none()) {
            let has_shrunk = self.total.is_some_and(|before| total < before);
            self.has_shrunk |= has_shrunk;
            // Some sources count the whole list on the first page only, and later the records of the page.
            if !has_shrunk || total != hashes.len() as u64 {
                self.total = Some(total);
            }
        }
        self.has_new |= has_new;
        if has_new {
            self.n_idle = 0;
        } else if !is_expected {
            self.n_idle += 1;
        }
    }

    /// Whether a page before had a newer state of this key.
    pub(crate) fn is_stale(&self, hash: &str, time: Option<Timestamp>) -> bool {
        let newest = u64::from_str_radix(hash, 16).ok().and_then(|key| self.times.get(&key));
        newest.zip(time).is_some_and(|(newest, time)| time < *newest)
    }

    /// Whether the last pages brought nothing new, and as many keys came as the source lists.
    pub(crate) fn has_all(&self) -> bool {
        self.n_idle > 1 && self.total.is_some() && self.distinct() == self.total
    }

    /// Whether any records came.
    pub(crate) fn has_records(&self) -> bool {
        self.given > 0
    }

    /// How many records were left out, by reason.
    fn dropped(&self) -> impl Iterator<Item = (DropReason, u64)> + use<> {
        let counts = [(DropReason::Repeated, self.left_out), (DropReason::Filtered, self.removed)];
        counts.into_iter().filter(|(_, n)| *n > 0)
    }

    /// Whether the source lists so many records.
    pub(crate) fn lists(&self, n_records: u64) -> bool {
        self.total == Some(n_records)
    }

    /// Notes whether a page had readable times.
    pub(crate) fn note_times(&mut self, has_times: Option<bool>) {
        self.has_times = self.has_times.max(has_times);
    }

    /// Notes where a page with records should have named the next one; `None` if it had something there.
    pub(crate) fn note_unnamed(&mut self, at: Option<String>) {
        self.has_named |= at.is_none();
        self.unnamed_at = self.unnamed_at.take().or(at);
    }

    /// Whether records came, and none had a readable time.
    pub(crate) fn lacks_times(&self) -> bool {
        self.has_times == Some(false)
    }

    /// Notes what makes the walk incomplete.
    pub(crate) fn note_gap(&mut self, gap: String) {
        self.gap.get_or_insert(gap);
    }

    /// The pause before the next request.
    ///
    /// # Errors
    /// Too many requests brought nothing new: their number.
    pub(crate) fn pause(&mut self) -> Result<Duration, u32> {
        if self.n_idle >= MAX_IDLE {
            return Err(std::mem::take(&mut self.n_idle));
        }
        let pause = self.n_idle.checked_sub(1).map(|n| MIN_PAUSE * 2_u32.pow(n.min(8)));
        Ok(pause.unwrap_or_default().min(MAX_PAUSE))
    }

    /// Notes why an answer stated no total.
    pub(crate) fn note_no_total(&mut self, why: Option<String>) {
        self.no_total = self.no_total.take().or(why);
    }

    /// Begins to count what a list that may shift has now: what was missing before may come.
    fn begin_again(&mut self) {
        if self.may_shift {
            self.n_earlier = self.keys.as_ref().map_or(0, Contents::len);
            self.latest = Some(HashSet::new());
            (self.has_new, self.has_shrunk) = (false, false);
            (self.total, self.no_total, self.gap) = (None, None, None);
        }
    }

    /// Number of keys that came before the list was begun again, and are no longer listed.
    fn n_acknowledged(&self) -> u64 {
        let Some((keys, latest)) = self.keys.as_ref().zip(self.latest.as_ref()) else { return 0 };
        u64::try_from(keys.len().saturating_sub(latest.len())).unwrap_or(u64::MAX)
    }

    /// Whether all keys that came before the list was begun again came again: nothing makes room for others.
    fn keeps_all(&self) -> bool {
        self.keys.is_some() && self.n_earlier > 0 && self.n_acknowledged() == 0
    }

    fn distinct(&self) -> Option<u64> {
        let keys = self.keys.as_ref().filter(|_| self.is_whole)?;
        u64::try_from(keys.len()).ok()
    }
}

#[cfg(test)]
mod tests;
