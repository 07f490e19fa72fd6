//! Finds the personal values of a record in its free text.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem::Finder;

use super::{
    Replacement, addresses,
    digit::{is_decimal, is_word_digit},
    escape::characters,
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
    /// With blanks, dots and other signs within it; with the commas of a list only if these are between all parts.
    Name,
    /// With any separators.
    Address,
    /// With any separators, and also as a part of more digits: so many digits are no accident.
    Number,
}

/// Up to this number of short values, one search for each is cheaper than the automaton.
const MAX_SINGLE_SEARCHES: usize = 16;
/// Longer values are searched one by one: at every match, the automaton reads on for a longer one.
const MAX_AUTOMATON_BYTES: usize = 64;
/// The number of steps for each byte of a value when the automaton is built.
const STEPS_PER_BYTE: u64 = 64;
/// Shorter numbers are not searched for: they may be amounts, years or house numbers.
const MIN_DIGITS: usize = 7;
/// The digits of an identity number before its check character.
const IDENTITY_BODY_LEN: usize = 17;
/// Shorter values of ASCII letters and digits must be written exactly: they may occur in other words and in
/// amounts.
const MIN_LOOSE_BYTES: usize = 10;
/// The same for names: john smith is rather a name, but `it will long for` has no Will Long.
const MIN_LOOSE_NAME_BYTES: usize = 9;
/// Shorter addresses are not searched for: they are names of towns and streets.
const MIN_ADDRESS_CHARS: usize = 4;
/// Maximum number of separators in a row within a name; more of them divide two words.
const MAX_SEPARATORS: usize = 3;

impl OwnValues {
    /// Collects the values of a record, or of several.
    pub(crate) fn new<'a>(
        people: impl IntoIterator<Item = &'a PlainPerson>,
        addresses: impl IntoIterator<Item = &'a Personal>,
    ) -> Self {
        let mut own = Self::default();
        for person in people {
            if let Some(name) = &person.name {
                for (written, mask) in name.names() {
                    own.add(name, written, &mask);
                }
                // Only a name in letters has blanks: Alice Smith is also Smith Alice.
                if let Some((given, surname)) = name.plain().rsplit_once(' ') {
                    own.add(name, &format!("{surname} {given}"), &name.mask);
                }
            }
            if let Some(phone) = &person.phone {
                own.add_phone(phone);
            }
            if let Some(id_no) = person.id_no.as_ref().filter(|id| id.plain().len() >= MIN_DIGITS) {
                own.add(id_no, id_no.plain(), &id_no.mask);
                // The last character follows from the others, and X is also written × or 叉.
                if let Some(body) = id_no.plain().get(..IDENTITY_BODY_LEN) {
                    own.add(id_no, body, &id_no.mask);
                    // A number of the form issued until 1999 has no century.
                    if let (Some(area), Some("19"), Some(rest)) =
                        (body.get(..6), body.get(6..8), body.get(8..))
                    {
                        own.add(id_no, &[area, rest].concat(), &id_no.mask);
                    }
                }
            }
        }
        for address in addresses {
            let plain = address.plain();
            let area = address.area.as_deref().unwrap_or_default();
            let precise = plain.strip_prefix(area).unwrap_or(plain);
            // An address that is only an area is not masked.
            if !precise.is_empty() && plain.chars().count() >= MIN_ADDRESS_CHARS {
                own.add(address, plain, &address.mask);
            }
            if precise.chars().count() > MIN_ADDRESS_CHARS {
                own.add(address, precise, HIDDEN_PART);
            }
            if !address.arrived_masked() {
                for spelling in addresses::spellings(precise) {
                    own.add(address, &spelling, HIDDEN_PART);
                }
            }
        }
        own.prepare_searches();
        own
    }

    /// Like [`OwnValues::new`]; empty if collecting the values would exceed the budget.
    pub(crate) fn within_budget<'a>(
        people: impl IntoIterator<Item = &'a PlainPerson> + Clone,
        address: Option<&'a Personal>,
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
        let n_searches = if self.may_be_look_alikes_in(text) { 2 } else { 1 };
        let n_steps = 2 + n_searches * (n_lookahead + self.single_searches.len());
        (text.len() as u64).saturating_mul(n_steps as u64)
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
        let mut add = |value: &Value, start: usize| {
            let mut range = text.range(start..start + value.finder.needle().len());
            if is_meant(value) && value.is_spelled_as(text.original(), &range) {
                let rest = &text.original()[range.end..];
                if value.spelling == Spelling::Address && rest.starts_with(['室', '号']) {
                    range.end += '室'.len_utf8();
                }
                replacements.push(Replacement { range, mask: value.mask.clone() });
            }
        };
        self.search(text.letters(), &mut add);
        if self.may_be_look_alikes_in(text.original()) {
            self.search(&text.look_alikes(), |value, start| {
                if value.spelling == Spelling::Number {
                    add(value, start);
                }
            });
        }
        replacements
    }

    /// Calls `add` with each value in these letters, and its offset.
    fn search(&self, letters: &str, mut add: impl FnMut(&Value, usize)) {
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(letters) {
                add(&self.values[found.pattern().as_usize()], found.start());
            }
        }
        for value in &self.values[self.single_searches.clone()] {
            let mut from = 0;
            while let Some(found) = value.finder.find(&letters.as_bytes()[from..]) {
                add(value, from + found);
                from += found + value.finder.needle().len();
            }
        }
    }

    /// Whether one of the numbers may be in this text with letters that look like its digits.
    fn may_be_look_alikes_in(&self, text: &str) -> bool {
        self.values.iter().any(|value| value.spelling == Spelling::Number)
            && fold::may_have_look_alikes(text)
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
        let min_bytes = match value.kind() {
            "name" => MIN_LOOSE_NAME_BYTES,
            _ => MIN_LOOSE_BYTES,
        };
        let is_short = needle.is_ascii() && needle.len() < min_bytes;
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
        let found = || characters(&text[range.clone()]).map(|(_, c)| c);
        let is_letter = |c: &char| matches!(fold::fold(*c), Fold::Letter(_));
        let own = self.plain.chars().filter(is_letter);
        let mut letters = found().filter(is_letter).zip(own);
        // 张三 is not 张3.
        let mut has_own_words =
            || letters.all(|(found, own)| !is_word_digit(own) || is_word_digit(found));
        match self.spelling {
            Spelling::Number => true,
            Spelling::Address => is_whole(text, range) && is_whole_numeral(text, range),
            Spelling::Name => is_whole(text, range) && is_one_name(found()) && has_own_words(),
            Spelling::Exact => {
                // A name in capitals is still a name, but one in small letters may be another word.
                let mut pairs = found().zip(self.plain.chars());
                is_whole(text, range)
                    && found().count() == self.plain.chars().count()
                    && pairs.all(|(found, own)| found.is_uppercase() || !own.is_uppercase())
                    && has_own_words()
            }
        }
    }
}

/// Whether a name is written as one: not 王、小明, but 王、小、明.
fn is_one_name(found: impl Iterator<Item = char>) -> bool {
    let mut gaps = vec![String::new()];
    for c in found {
        match fold::fold(c) {
            Fold::Letter(_) => gaps.push(String::new()),
            Fold::Separator => gaps.last_mut().into_iter().for_each(|gap| gap.push(c)),
            Fold::Invisible => {}
        }
    }
    // There is none before the first letter and after the last one.
    let gaps = gaps.get(1..gaps.len() - 1).unwrap_or_default();
    let is_usual =
        |gap: &String| gap.chars().count() <= MAX_SEPARATORS && !gap.contains(fold::is_list_sign);
    gaps.iter().all(is_usual) || gaps.len() > 1 && gaps.windows(2).all(|two| two[0] == two[1])
}

/// Whether a range is not a part of a longer number or of a longer word of ASCII letters.
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    is_apart(text, range, is_decimal) && is_apart(text, range, |c| c.is_ascii_alphabetic())
}

/// Whether a range is not a part of a number in words: 三栋 is not in 十三栋.
fn is_whole_numeral(text: &str, range: &Range<usize>) -> bool {
    is_apart(text, range, |c| is_word_digit(c) || matches!(c, '十' | '百'))
}

/// Whether no run of such characters crosses the start or the end of a range.
fn is_apart(text: &str, range: &Range<usize>, is: fn(char) -> bool) -> bool {
    let (before, found, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    !(before.ends_with(is) && found.starts_with(is) || found.ends_with(is) && after.starts_with(is))
}
