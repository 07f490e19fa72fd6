//! The record's own personal values.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Hidden;
use crate::{rule::PlainPerson, seal::Personal};

/// What this record must not say in its prose.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// Values to be found as they are. Many at once in one pass: a petition names hundreds.
    values: Option<AhoCorasick>,
    masks: Vec<String>,
    /// Digits of own telephone numbers, however they are grouped in the text.
    pub(super) numbers: HashSet<String>,
}

/// Shorter numbers are amounts, years and house numbers too.
const LEAST_DIGITS: usize = 7;
/// Shorter addresses are names of towns and streets.
const LEAST_ADDRESS: usize = 4;

impl Own {
    /// Collects the values of a record.
    pub(crate) fn new(people: &[PlainPerson], address: Option<&Personal>) -> Self {
        let mut found = Collected::default();
        for person in people {
            if let Some(name) = &person.name {
                let is_telling = name.plain().chars().count() > 1
                    && !name.is_placeholder()
                    && !name.is_common_word();
                if is_telling {
                    found.add(name.plain(), name.mask());
                }
            }
            if let Some(phone) = &person.phone {
                found.add_phone(phone);
            }
            if let Some(id_no) = person.id_no.as_ref().filter(|id| id.plain().len() >= LEAST_DIGITS)
            {
                found.add(id_no.plain(), id_no.mask());
                found.add(&id_no.plain().to_lowercase(), id_no.mask());
            }
        }
        if let Some(address) = address {
            let plain = address.plain();
            let precise = &plain[address
                .area()
                .map_or(0, |area| if plain.starts_with(area) { area.len() } else { 0 })..];
            // Nothing is hidden of an address that names an area only.
            if !precise.is_empty() && plain.chars().count() >= LEAST_ADDRESS {
                found.add(plain, address.mask());
            }
            if precise.chars().count() > LEAST_ADDRESS {
                found.add(precise.trim(), crate::seal::HIDDEN);
            }
        }
        found.finish()
    }

    /// Where they stand in a text.
    pub(super) fn find(&self, text: &str) -> Vec<Hidden> {
        let Some(values) = &self.values else { return Vec::new() };
        values
            .find_iter(text)
            .filter(|found| is_whole(text, found.start(), found.end()))
            .map(|found| Hidden {
                at: found.start()..found.end(),
                mask: self.masks[found.pattern().as_usize()].clone(),
            })
            .collect()
    }
}

/// Digits go on neither before nor behind: a part of a longer number is another number.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let goes_on_before = is_digit(bytes.get(start)) && is_digit(bytes[..start].last());
    let goes_on_behind = is_digit(bytes[..end].last()) && is_digit(bytes.get(end));
    !goes_on_before && !goes_on_behind
}

#[derive(Default)]
struct Collected {
    values: Vec<String>,
    masks: Vec<String>,
    numbers: HashSet<String>,
}

impl Collected {
    fn add(&mut self, value: &str, mask: &str) {
        self.values.push(value.to_owned());
        self.masks.push(mask.to_owned());
    }

    fn add_phone(&mut self, phone: &Personal) {
        let plain = phone.plain();
        if plain.len() < LEAST_DIGITS {
            return;
        }
        self.add(plain, phone.mask());
        let mut groups = plain.split('-');
        let (area, local) = (groups.next().unwrap_or_default(), groups.next());
        // Of a fixed line people leave out the area code, or its zero.
        let bare = area.strip_prefix('0').unwrap_or(area);
        let local = local.unwrap_or_default();
        for number in [format!("{area}{local}"), format!("{bare}{local}"), local.to_owned()] {
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            if is_number && number.len() >= LEAST_DIGITS {
                self.numbers.insert(number);
            }
        }
    }

    fn finish(self) -> Own {
        let Self { values, masks, numbers } = self;
        if values.is_empty() {
            return Own { values: None, masks, numbers };
        }
        // The cheapest to build: it is made for one record and looks at a kilobyte. Building fails
        // above four thousand million states only; a record is far smaller.
        let values = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .prefilter(false)
            .build(&values)
            .ok();
        Own { values, masks, numbers }
    }
}
