//! Finds the personal values of a record in its free text.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem::Finder;

use super::{
    Replacement,
    fold::{self, Fold, Folded},
};
use crate::{
    notes::Work,
    rule::PlainPerson,
    seal::{HIDDEN_PART, Personal},
};

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

/// A value that is searched for in folded texts.
#[derive(Debug)]
struct Value {
    /// Finds the folded value. Made only once for a record: making it takes longer than searching a title.
    finder: Finder<'static>,
    plain: String,
    mask: String,
    spelling: Spelling,
}

/// How a value may be written where it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// Only as it is: 3800000 is not 3,800,000.
    Exact,
    /// With blanks, dots and hyphens within it, but not with the commas of a list.
    Name,
    /// With any separators.
    Address,
    /// With any separators, and also as a part of more digits: so many digits are no accident.
    Number,
}

/// Up to this number of short values, one search for each is cheaper than the automaton.
const MAX_SINGLE_SEARCHES: usize = 8;
/// Longer values are searched one by one: at every match, the automaton reads on for a longer one.
const MAX_AUTOMATON_BYTES: usize = 64;
/// The number of steps for each byte of a value when the automaton is built.
const STEPS_PER_BYTE: u64 = 64;
/// Shorter numbers are not searched for: they may be amounts, years or house numbers.
const MIN_DIGITS: usize = 7;
/// Shorter values of ASCII letters and digits must be written exactly: they may occur in other words and in
/// amounts.
const MIN_LOOSE_BYTES: usize = 10;
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
                for (written, mask) in name.names() {
                    own.add(name, written, &mask);
                }
            }
            if let Some(phone) = &person.phone {
                own.add_phone(phone);
            }
            if let Some(id_no) = person.id_no.as_ref().filter(|id| id.plain().len() >= MIN_DIGITS) {
                own.add(id_no, id_no.plain(), &id_no.mask);
                if id_no.plain().ends_with('X') {
                    own.add(id_no, &id_no.plain().to_lowercase(), &id_no.mask);
                }
            }
        }
        if let Some(address) = address {
            let plain = address.plain();
            let area = address.area.as_deref().unwrap_or_default();
            let precise = plain.strip_prefix(area).unwrap_or(plain);
            // An address that is only an area is not masked.
            if !precise.is_empty() && plain.chars().count() >= MIN_ADDRESS_CHARS {
                own.add(address, plain, &address.mask);
            }
            // People omit the last word, as in 3栋501.
            for precise in [precise, precise.trim_end_matches(['室', '户', '号'])] {
                if precise.chars().count() > MIN_ADDRESS_CHARS {
                    own.add(address, precise, HIDDEN_PART);
                }
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

    /// The maximum number of steps that folding a text and all searches of it take.
    pub(crate) fn max_steps(&self, text: &str) -> u64 {
        let n_lookahead = if self.automaton.is_some() { MAX_AUTOMATON_BYTES } else { 0 };
        (text.len() as u64).saturating_mul((2 + n_lookahead + self.single_searches.len()) as u64)
    }

    /// The values as texts.
    pub(crate) fn into_texts(self) -> impl Iterator<Item = String> {
        self.values.into_iter().map(|value| value.plain)
    }

    /// Where they occur in prose, and their masks.
    pub(super) fn find(&self, text: &Folded<'_>) -> Vec<Replacement> {
        self.find_those(text, |_| true)
    }

    /// Where they occur in an identifier, such as a number or a link, and their masks. A short number may
    /// be a part of it by accident.
    pub(super) fn find_in_identifier(&self, text: &Folded<'_>) -> Vec<Replacement> {
        self.find_those(text, |value| value.spelling != Spelling::Exact)
    }

    fn find_those(&self, text: &Folded<'_>, is_meant: fn(&Value) -> bool) -> Vec<Replacement> {
        let mut replacements = Vec::new();
        let mut add = |start: usize, value: usize| {
            let value = &self.values[value];
            let range = text.range(start..start + value.finder.needle().len());
            if is_meant(value) && value.is_spelled_as(text.original(), &range) {
                replacements.push(Replacement { range, mask: value.mask.clone() });
            }
        };
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text.letters()) {
                add(found.start(), found.pattern().as_usize());
            }
        }
        for index in self.single_searches.clone() {
            let (finder, mut from) = (&self.values[index].finder, 0);
            while let Some(found) = finder.find(&text.letters().as_bytes()[from..]) {
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

    /// Adds a way to write `value`.
    fn add(&mut self, value: &Personal, written: &str, mask: &str) {
        let is_separator = |c| matches!(fold::fold(c), Fold::Separator);
        let plain = written.trim_matches(is_separator);
        let folded = Folded::new(plain);
        let needle = folded.letters();
        if needle.chars().nth(1).is_none() {
            return; // it would be found everywhere
        }
        let is_short = needle.is_ascii() && needle.len() < MIN_LOOSE_BYTES;
        let spelling = match value.kind() {
            _ if is_short || value.arrived_masked() => Spelling::Exact,
            "name" => Spelling::Name,
            _ if needle.is_ascii() => Spelling::Number,
            _ => Spelling::Address,
        };
        let is_known = |known: &Value| known.finder.needle() == needle.as_bytes();
        // The ways to write one value come one after another.
        if self.values.last().is_some_and(is_known) {
            return;
        }
        let finder = Finder::new(needle).into_owned();
        self.values.push(Value {
            finder,
            plain: plain.to_owned(),
            mask: mask.to_owned(),
            spelling,
        });
    }

    fn add_phone(&mut self, phone: &Personal) {
        let plain = phone.plain();
        if plain.len() < MIN_DIGITS {
            return;
        }
        self.add(phone, plain, &phone.mask);
        let mut groups = plain.split('-');
        let (area, local) = (groups.next().unwrap_or_default(), groups.next());
        // People omit the area code of a landline, or its zero.
        let bare = area.strip_prefix('0').unwrap_or(area);
        let local = local.unwrap_or_default();
        for (area, local) in [(area, local), (bare, local), ("", local)] {
            let is_number = area.bytes().chain(local.bytes()).all(|byte| byte.is_ascii_digit());
            let number = [area, local].concat();
            if !is_number || number.len() < MIN_DIGITS {
                continue;
            }
            if number.len() >= MIN_LOOSE_BYTES {
                self.add(phone, &number, &phone.mask);
            }
            self.numbers.push(number);
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

impl Value {
    /// Whether this range of a text, whose letters are those of the value, is a way to write it.
    fn is_spelled_as(&self, text: &str, range: &Range<usize>) -> bool {
        let found = || fold::characters(&text[range.clone()]).map(|(_, c)| c);
        let is_allowed = match self.spelling {
            Spelling::Exact => found().count() == self.plain.chars().count(),
            Spelling::Name => !found().any(fold::is_punctuation),
            Spelling::Address | Spelling::Number => true,
        };
        let is_part = self.spelling != Spelling::Number && !is_whole(text, range);
        // 张三 is not 张3, but 12号 may be 一二号.
        let is_letter = |c: &char| matches!(fold::fold(*c), Fold::Letter(_));
        let own = self.plain.chars().filter(is_letter);
        let mut letters = found().filter(is_letter).zip(own);
        is_allowed
            && !is_part
            && letters.all(|(found, own)| !fold::is_word_digit(own) || fold::is_word_digit(found))
    }
}

/// Whether a range is not a part of a longer number or of a longer word of ASCII letters.
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let is_one = |before: Option<char>, after: Option<char>| {
        let both = |is: fn(char) -> bool| before.is_some_and(is) && after.is_some_and(is);
        both(fold::is_decimal) || both(|c| c.is_ascii_alphabetic())
    };
    let (before, found, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    !is_one(before.chars().next_back(), found.chars().next())
        && !is_one(found.chars().next_back(), after.chars().next())
}
