//! Recognises what a field is by its name. The names are in `names.txt`.

use std::sync::LazyLock;

const TABLE: &str = include_str!("names.txt");

/// Minimum number of characters of an English name that is recognised at the end of a word, as in `RQSTTITLE`.
const MIN_ENDING: usize = 5;

/// The names of one kind of field.
struct Names {
    concept: &'static str,
    /// The surest first.
    groups: Vec<Vec<&'static str>>,
    /// Words that speak against it.
    not: Vec<&'static str>,
}

static NAMES: LazyLock<Vec<Names>> = LazyLock::new(|| {
    let mut all: Vec<Names> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let Some((head, names)) = line.split_once(" = ") else { continue };
        if let Some(concept) = head.strip_prefix("not ") {
            let known = all.iter_mut().find(|known| known.concept == concept);
            known.into_iter().for_each(|known| known.not = names.split_whitespace().collect());
            continue;
        }
        let groups = names.split(" ; ").map(|group| group.split_whitespace().collect());
        all.push(Names { concept: head, groups: groups.collect(), not: Vec::new() });
    }
    all
});

/// How sure it is that a name means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameMatch {
    /// 3: the whole name, 2: its last words, 1: the end of a word.
    pub(super) level: u8,
    /// Greater for a surer group of the table.
    pub(super) group: u8,
}

/// Whether a name means `concept`, and how surely.
pub(super) fn find(name: &str, concept: &str) -> Option<NameMatch> {
    let names = NAMES.iter().find(|names| names.concept == concept)?;
    let words = words(name);
    let whole = words.concat();
    let mut found: Option<NameMatch> = None;
    for (known, group) in names.groups.iter().zip((0..=9_u8).rev()) {
        for known in known {
            let is_whole_only = known.starts_with('=');
            let known = known.trim_start_matches('=');
            let level = if whole == known {
                3
            // A prefix of one or two letters, as in `f_bt`, is none of the name's words.
            } else if is_tail(&words, known) && (!is_whole_only || has_short_prefix(&words, known))
            {
                2
            } else if !is_whole_only && ends_with(&whole, known) {
                1
            } else {
                continue;
            };
            found = found.max(Some(NameMatch { level, group }));
        }
    }
    let is_refuted = |found: &NameMatch| {
        let has = |word: &&&str| match word.is_ascii() {
            true => words.iter().any(|own| own == **word),
            false => whole.contains(**word),
        };
        found.level < 3 && names.not.iter().any(|word| has(&word))
    };
    found.filter(|found| !is_refuted(found))
}

/// Whether a name means one of the fields of a demand.
pub(super) fn is_known(name: &str) -> bool {
    let of_demand = NAMES.iter().take_while(|names| names.concept != "attachments");
    of_demand
        .into_iter()
        .any(|names| find(name, names.concept).is_some_and(|found| found.level > 1))
}

/// The words of a name in small letters: `rqst_title`, `requestTitle` and `@odata.count` have two each.
fn words(name: &str) -> Vec<String> {
    let (mut words, mut word, mut before) = (Vec::new(), String::new(), None::<char>);
    let signs: Vec<char> = name.chars().collect();
    for (index, sign) in signs.iter().copied().enumerate() {
        let next_is_small = signs.get(index + 1).is_some_and(|next| next.is_lowercase());
        let begins_word = sign.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || before.is_uppercase() && next_is_small
            });
        if !sign.is_alphanumeric() || begins_word {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        if sign.is_alphanumeric() {
            word.extend(sign.to_lowercase());
        }
        before = Some(sign);
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Whether the last words of a name are `known`.
fn is_tail(words: &[String], known: &str) -> bool {
    (1..words.len()).any(|from| words.get(from..).is_some_and(|tail| tail.concat() == known))
}

fn has_short_prefix(words: &[String], known: &str) -> bool {
    let prefix = words.concat().len().saturating_sub(known.len());
    prefix <= 2
}

fn ends_with(whole: &str, known: &str) -> bool {
    let is_long = !known.is_ascii() || known.len() >= MIN_ENDING;
    is_long && whole.len() > known.len() && whole.ends_with(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_by_its_words() {
        for (name, concept, level) in [
            ("title", "title", Some(3)),
            ("标题", "title", Some(3)),
            ("BT", "title", Some(3)),
            ("f_title", "title", Some(2)),
            ("f_bt", "title", Some(2)),
            ("orderTitle", "title", Some(2)),
            ("RQSTTITLE", "title", Some(1)),
            ("工单的标题", "title", Some(1)),
            ("jobTitle", "title", None),
            ("RQSTCONTENT", "content", Some(1)),
            ("replyContent", "content", None),
            ("create_time", "received_at", Some(3)),
            ("CREATE_TIME", "received_at", Some(3)),
            ("createTime", "received_at", Some(3)),
            ("deptName", "person_name", None),
            ("f_xm", "person_name", Some(2)),
            ("承办单位联系电话", "person_phone", None),
            ("诉求人联系电话", "person_phone", Some(1)),
            ("@odata.count", "total", Some(3)),
            ("monkeyname", "person_name", None),
        ] {
            assert_eq!(find(name, concept).map(|found| found.level), level, "{name}");
        }
    }
}
