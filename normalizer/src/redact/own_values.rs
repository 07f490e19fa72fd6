//! Finds the personal values of a record in its free text.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem::Finder;

use super::Replacement;
use crate::{notes::Work, rule::PlainPerson, seal::Personal};

/// The personal values of a record, which must not occur in its free text.
#[derive(Debug, Default)]
pub(crate) struct OwnValues {
    /// The values to search for, those for the automaton first.
    values: Vec<Value>,
    /// Finds all short values in one search, if there are many: a petition names hundreds, and one search
    /// for each would take quadratic time. `None` for a few values, because building it is expensive.
    automaton: Option<AhoCorasick>,
    /// The indices of the values that are searched one by one, because the automaton does not find them.
    single_searches: Range<usize>,
    /// The digits of the telephone numbers, sorted. In the text they may be in several groups.
    numbers: Vec<String>,
}

/// A value that is searched for literally.
#[derive(Debug)]
struct Value {
    /// Made only once for a record: making it takes longer than searching a title.
    finder: Finder<'static>,
    mask: String,
}

/// Up to this number of short values, one search for each is cheaper than the automaton.
const MAX_SINGLE_SEARCHES: usize = 8;
/// Longer values are searched one by one: at every match, the automaton reads on for a longer one.
const MAX_AUTOMATON_BYTES: usize = 64;
/// The number of steps for each byte of a value when the automaton is built.
const STEPS_PER_BYTE: u64 = 64;
/// Shorter numbers are not searched for: they may be amounts, years or house numbers.
const MIN_DIGITS: usize = 7;
/// Shorter addresses are not searched for: they are names of towns and streets.
const MIN_ADDRESS_CHARS: usize = 4;

impl OwnValues {
    /// Collects the values of a record.
    pub(crate) fn new<'a>(
        people: impl IntoIterator<Item = &'a PlainPerson>,
        address: Option<&Personal>,
    ) -> Self {
        let mut own = Self::default();
        for person in people {
            if let Some(name) = &person.name {
                let is_distinctive = name.plain().chars().count() > 1
                    && !name.is_placeholder()
                    && !name.is_common_word();
                if is_distinctive {
                    own.add(name.plain(), &name.mask);
                    // In lists, a space pads names of two characters to the width of three.
                    if let [surname, given] = name.plain().chars().collect::<Vec<_>>()[..] {
                        own.add(&String::from_iter([surname, ' ', given]), &name.mask);
                    }
                }
            }
            if let Some(phone) = &person.phone {
                own.add_phone(phone);
            }
            if let Some(id_no) = person.id_no.as_ref().filter(|id| id.plain().len() >= MIN_DIGITS) {
                own.add(id_no.plain(), &id_no.mask);
                own.add(&id_no.plain().to_lowercase(), &id_no.mask);
            }
        }
        if let Some(address) = address {
            let plain = address.plain();
            let area = address.area.as_deref().unwrap_or_default();
            let precise = plain.strip_prefix(area).unwrap_or(plain);
            // An address that is only an area is not masked.
            if !precise.is_empty() && plain.chars().count() >= MIN_ADDRESS_CHARS {
                own.add(plain, &address.mask);
            }
            if precise.chars().count() > MIN_ADDRESS_CHARS {
                own.add(precise.trim(), crate::seal::HIDDEN_PART);
            }
        }
        own.prepare_searches();
        own
    }

    /// Like [`OwnValues::new`]; empty if collecting the values would exceed the budget.
    pub(crate) fn within_budget<'a>(
        people: impl IntoIterator<Item = &'a PlainPerson> + Clone,
        address: Option<&Personal>,
        work: &mut Work,
    ) -> Self {
        let people_values =
            people.clone().into_iter().flat_map(|p| [&p.name, &p.phone, &p.id_no]).flatten();
        let bytes: usize = people_values.chain(address).map(|value| value.plain().len()).sum();
        if work.spend(bytes as u64 * STEPS_PER_BYTE) {
            Self::new(people, address)
        } else {
            Self::default()
        }
    }

    /// The maximum number of steps that all searches of a text take.
    pub(super) fn max_steps(&self, text: &str) -> u64 {
        let n_lookahead = if self.automaton.is_some() { MAX_AUTOMATON_BYTES } else { 0 };
        (text.len() as u64).saturating_mul((1 + n_lookahead + self.single_searches.len()) as u64)
    }

    /// The values as texts.
    pub(crate) fn into_texts(self) -> impl Iterator<Item = String> {
        // They are valid text, so nothing is replaced.
        self.values
            .into_iter()
            .map(|Value { finder, .. }| String::from_utf8_lossy(finder.needle()).into_owned())
    }

    /// The ranges in a text at which they occur, and their masks.
    pub(super) fn find(&self, text: &str) -> Vec<Replacement> {
        let mut replacements = Vec::new();
        let mut add = |start: usize, value: usize| {
            let Value { finder, mask } = &self.values[value];
            let end = start + finder.needle().len();
            if is_whole(text, start, end) {
                replacements.push(Replacement { range: start..end, mask: mask.clone() });
            }
        };
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text) {
                add(found.start(), found.pattern().as_usize());
            }
        }
        for index in self.single_searches.clone() {
            let (finder, mut from) = (&self.values[index].finder, 0);
            while let Some(found) = finder.find(&text.as_bytes()[from..]) {
                add(from + found, index);
                from += found + finder.needle().len();
            }
        }
        replacements
    }

    /// Whether these digits are one of the record's own telephone numbers.
    pub(super) fn has_number(&self, digits: &str) -> bool {
        self.numbers.binary_search_by(|own| own.as_str().cmp(digits)).is_ok()
    }

    fn add(&mut self, value: &str, mask: &str) {
        if value.is_empty() {
            return; // it would be found everywhere
        }
        let finder = Finder::new(value).into_owned();
        self.values.push(Value { finder, mask: mask.to_owned() });
    }

    fn add_phone(&mut self, phone: &Personal) {
        let plain = phone.plain();
        if plain.len() < MIN_DIGITS {
            return;
        }
        self.add(plain, &phone.mask);
        let mut groups = plain.split('-');
        let (area, local) = (groups.next().unwrap_or_default(), groups.next());
        // People omit the area code of a landline, or its zero.
        let bare = area.strip_prefix('0').unwrap_or(area);
        let local = local.unwrap_or_default();
        for (area, local) in [(area, local), (bare, local), ("", local)] {
            let is_number = area.bytes().chain(local.bytes()).all(|byte| byte.is_ascii_digit());
            if is_number && area.len() + local.len() >= MIN_DIGITS {
                self.numbers.push([area, local].concat());
            }
        }
    }

    /// Sorts the values, and builds the automaton if there are many.
    fn prepare_searches(&mut self) {
        self.numbers.sort_unstable();
        self.single_searches = 0..self.values.len();
        let is_long = |value: &Value| value.finder.needle().len() > MAX_AUTOMATON_BYTES;
        self.values.sort_by_key(is_long);
        let n_short = self.values.partition_point(|value| !is_long(value));
        if n_short > MAX_SINGLE_SEARCHES {
            // This fails only above 2^32 states, and a record is far smaller.
            self.automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .prefilter(false)
                .build(self.values[..n_short].iter().map(|value| value.finder.needle()))
                .ok();
        }
        if self.automaton.is_some() {
            self.single_searches.start = n_short;
        }
    }
}

/// Whether a match is not a part of a longer number.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let continues_before = is_digit(bytes.get(start)) && is_digit(bytes[..start].last());
    let continues_after = is_digit(bytes[..end].last()) && is_digit(bytes.get(end));
    !continues_before && !continues_after
}
