//! Compares what a case did with what is right.

use std::collections::BTreeMap;

use super::right::{Ends, Number, Outcome, hash};

/// What was seen of one case.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Each `sync`, in order.
    pub(super) syncs: Vec<Sync>,
    /// The stored demands, or the lines of a text: their fields by name, with the key as `key`.
    pub(super) demands: Vec<Fields>,
    pub(super) history: u64,
    pub(super) quarantined: u64,
    /// What the database of the source answered at the end.
    pub(super) answer: Option<String>,
    /// Everything that the commands printed.
    pub(super) output: String,
}

/// The fields of a demand that have a value.
pub(super) type Fields = BTreeMap<String, String>;

/// What one `sync` did.
#[derive(Debug)]
pub(super) struct Sync {
    /// Its exit code; `None` if it had to be killed.
    pub(super) code: Option<i32>,
    /// How many demands were stored after it.
    pub(super) demands: u64,
}

/// `EX_TEMPFAIL`, with which the gateway says: try again later.
const TRY_AGAIN: i32 = 75;

/// What is different from the most similar of these outcomes; nothing if one of them was seen.
pub(super) fn differences(seen: &Seen, right: &[Outcome]) -> Vec<String> {
    let each = right.iter().map(|outcome| differences_from(seen, outcome));
    each.min_by_key(Vec::len).unwrap_or_else(|| vec!["nobody has written what is right".to_owned()])
}

fn differences_from(seen: &Seen, right: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |is_right: bool, message: String| {
        if !is_right {
            found.push(message);
        }
    };
    for (n, sync) in seen.syncs.iter().enumerate() {
        let number = right.first.filter(|_| n == 0).unwrap_or(right.demands);
        // The rule for all cases: whoever says done has everything and invents nothing.
        let is_right = match sync.code {
            Some(0) => number.range().contains(&sync.demands),
            _ => sync.demands <= *number.range().end(),
        };
        expect(is_right, format!("sync {} left {} demands, not {number}", n + 1, sync.demands));
        expect(sync.code.is_some(), format!("sync {} had to be killed", n + 1));
    }
    if seen.syncs.is_empty() {
        let n = seen.demands.len();
        expect(right.demands.range().contains(&(n as u64)), format!("{n}, not {}", right.demands));
    }
    let code = seen.syncs.last().and_then(|sync| sync.code).unwrap_or_default();
    let is_end = match right.ends {
        Ends::Done => code == 0,
        Ends::Fails => code != 0,
        Ends::Stops => code != 0 && code != TRY_AGAIN,
        Ends::Waits => code == TRY_AGAIN,
        Ends::Any => true,
    };
    expect(is_end, format!("exit code {code}"));
    if let Some(number) =
        right.quarantined.or_else(|| (right.ends == Ends::Done).then_some(Number::One(0)))
    {
        let n = seen.quarantined;
        expect(number.range().contains(&n), format!("{n} quarantined, not {number}"));
    }
    if let Some(number) = right.history {
        expect(
            number.range().contains(&seen.history),
            format!("{} states, not {number}", seen.history),
        );
    }
    let keys = sorted(seen.demands.iter().filter_map(|fields| fields.get("key")).cloned());
    if let Some(right) = right.keys.as_ref().map(|keys| sorted(keys.iter().cloned())) {
        expect(keys == right, format!("keys {}", keys.join(" ")));
    }
    for (place, right) in &right.values {
        let value = value(seen, place);
        let is_right = value.map(hash) == *right;
        expect(is_right, format!("{place} is {}", value.unwrap_or("nothing")));
    }
    for (field, keys) in &right.same {
        let values: Vec<_> =
            keys.iter().map(|key| value(seen, &format!("{key} {field}"))).collect();
        let are_same = values.windows(2).all(|pair| pair.first() == pair.last());
        expect(are_same, format!("{field} differs: {values:?}"));
    }
    let text = seen
        .demands
        .iter()
        .flat_map(BTreeMap::values)
        .fold(seen.output.clone(), |text, value| text + "\n" + value);
    let text = text.to_lowercase();
    let is_there = |words: &String| words.to_lowercase().split('|').any(|word| text.contains(word));
    for words in &right.words {
        expect(is_there(words), format!("nothing says {words}"));
    }
    for words in &right.never {
        expect(!is_there(words), format!("something says {words}"));
    }
    if right.answer.is_some() {
        expect(seen.answer == right.answer, format!("the source answers {:?}", seen.answer));
    }
    found
}

/// The value at `KEY FIELD`.
fn value<'a>(seen: &'a Seen, place: &str) -> Option<&'a str> {
    let (key, field) = place.rsplit_once(' ')?;
    let has_key = |fields: &&Fields| fields.get("key").is_some_and(|own| own == key);
    seen.demands.iter().find(has_key)?.get(field).map(String::as_str)
}

fn sorted(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codes = self
            .syncs
            .iter()
            .map(|sync| sync.code.map_or("killed".to_owned(), |code| code.to_string()));
        let codes = codes.collect::<Vec<_>>().join(", ");
        write!(f, "exit {codes}, {} demands, {} quarantined", self.demands.len(), self.quarantined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case that stored the demands `a` and `b` and one bad record in two runs.
    fn seen() -> Seen {
        let demand = |key: &str, title: &str| {
            [("key", key), ("title", title)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        };
        Seen {
            syncs: vec![Sync { code: Some(0), demands: 2 }, Sync { code: Some(0), demands: 2 }],
            demands: vec![demand("b", "Lamp"), demand("a", "Lamp")],
            history: 2,
            quarantined: 1,
            answer: Some("0".to_owned()),
            output: "x: done".to_owned(),
        }
    }

    fn outcome(json: &str) -> Outcome {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn a_case_that_does_what_is_right_differs_in_nothing() {
        let lamp = hash("Lamp");
        let right = format!(
            r#"{{"demands": 2, "quarantined": [1, 3], "history": 2, "keys": ["a", "b"], "answer": "0",
                "values": {{"a title": "{lamp}", "a content": null}}, "same": {{"title": ["a", "b"]}},
                "words": ["DONE|ended", "lamp"], "never": ["secret"]}}"#
        );
        assert_eq!(differences(&seen(), &[outcome(&right)]), [""; 0]);
        let other = outcome(r#"{"ends": "stops", "demands": 0}"#);
        assert_eq!(differences(&seen(), &[other, outcome(&right)]), [""; 0]);
    }

    #[test]
    fn each_kind_of_difference_is_seen() {
        for (right, difference) in [
            (r#""demands": 3"#, "sync 1 left 2 demands, not 3"),
            (r#""demands": 1"#, "sync 1 left 2 demands, not 1"),
            (r#""demands": 3, "ends": "any""#, "sync 1 left 2 demands, not 3"),
            (r#""demands": 2, "first": 1"#, "sync 1 left 2 demands, not 1"),
            (r#""demands": 2, "ends": "fails""#, "exit code 0"),
            (r#""demands": 2, "ends": "waits""#, "exit code 0"),
            (r#""demands": 2, "quarantined": 0"#, "1 quarantined, not 0"),
            (r#""demands": 2, "history": 4"#, "2 states, not 4"),
            (r#""demands": 2, "keys": ["a", "c"]"#, "keys a b"),
            (r#""demands": 2, "values": {"a title": "00"}"#, "a title is Lamp"),
            (r#""demands": 2, "values": {"a title": null}"#, "a title is Lamp"),
            (
                r#""demands": 2, "same": {"key": ["a", "b"]}"#,
                r#"key differs: [Some("a"), Some("b")]"#,
            ),
            (r#""demands": 2, "words": ["lost"]"#, "nothing says lost"),
            (r#""demands": 2, "never": ["done"]"#, "something says done"),
            (r#""demands": 2, "answer": "3""#, r#"the source answers Some("0")"#),
        ] {
            let quarantined =
                if right.contains("quarantined") { "" } else { r#", "quarantined": 1"# };
            let found = differences(&seen(), &[outcome(&format!("{{{right}{quarantined}}}"))]);
            assert!(found.iter().any(|text| text == difference), "{right}: {found:?}");
        }
        assert_eq!(differences(&seen(), &[]), ["nobody has written what is right"]);
    }

    #[test]
    fn who_does_not_say_done_may_have_fewer_demands_but_not_more_and_must_end() {
        let stops = |code: Option<i32>, demands: u64, most: u64| {
            let seen = Seen { syncs: vec![Sync { code, demands }], ..Seen::default() };
            differences(&seen, &[outcome(&format!(r#"{{"ends": "stops", "demands": {most}}}"#))])
        };
        assert_eq!(stops(Some(4), 2, 3), [""; 0]);
        assert_eq!(stops(Some(4), 4, 3), ["sync 1 left 4 demands, not 3"]);
        assert_eq!(stops(Some(TRY_AGAIN), 2, 3), ["exit code 75"]);
        assert!(stops(None, 2, 3).contains(&"sync 1 had to be killed".to_owned()));
    }
}
