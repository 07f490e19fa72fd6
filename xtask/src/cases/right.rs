//! What is right for each case: the data file `right.json`, which says it in our own words and numbers.

use std::{collections::BTreeMap, ops::RangeInclusive};

use anyhow::{Context, Result};
use serde::Deserialize;

/// What is right for each case, by the case's folder, or by the file of a text. A name may go on with
/// variables for the source (`http/NAME ONLY=3`).
pub(super) type Rights = BTreeMap<String, Right>;

/// What is right for one case.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Right {
    /// Each of these is right.
    #[serde(default)]
    pub(super) right: Vec<Outcome>,
    /// Why the case cannot be run here.
    pub(super) skip: Option<String>,
    /// Why this is right, where the case itself says something else or too little.
    pub(super) why: Option<String>,
    /// A query that the database of the source is asked at the end.
    pub(super) sql: Option<String>,
    /// The user that the channel signs on as, instead of the owner of the database.
    pub(super) user: Option<String>,
    /// Whether the channel reads through pgbouncer.
    #[serde(default)]
    pub(super) pooler: bool,
    /// The version that the MariaDB of this case says it has.
    pub(super) version: Option<String>,
}

/// One right outcome of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// How the last `sync` ends.
    #[serde(default)]
    pub(super) ends: Ends,
    /// How many demands are stored after every `sync` that says done. After others, there may be fewer.
    pub(super) demands: Number,
    /// The same for the first `sync`, if the source has more for the second.
    pub(super) first: Option<Number>,
    /// How many records are in quarantine; if left out, none, or any number if `sync` does not say done.
    pub(super) quarantined: Option<Number>,
    /// How many states are in the history.
    pub(super) history: Option<Number>,
    /// The keys of all demands.
    pub(super) keys: Option<Vec<String>>,
    /// By `KEY FIELD`: the hash of a value as [`hash`] makes it, or null for no value.
    #[serde(default)]
    pub(super) values: BTreeMap<String, Option<String>>,
    /// By field: keys of demands that have the same value there.
    #[serde(default)]
    pub(super) same: BTreeMap<String, Vec<String>>,
    /// What must be in the output or in a field; `a|b` stands for one of both. Case does not matter.
    #[serde(default)]
    pub(super) words: Vec<String>,
    /// What must not be there.
    #[serde(default)]
    pub(super) never: Vec<String>,
    /// The answer to the query.
    pub(super) answer: Option<String>,
}

/// How a `sync` ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ends {
    /// With exit code 0.
    #[default]
    Done,
    /// With another one.
    Fails,
    /// With one that says that a person is needed, or that the pass is not complete.
    Stops,
    /// With the one that says: try again later.
    Waits,
    /// With any exit code.
    Any,
}

/// A number, or the least and the greatest one that is right.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    One(u64),
    Between(u64, u64),
}

/// Reads the data file.
pub(super) fn rights() -> Result<Rights> {
    parse(include_str!("right.json"))
}

fn parse(text: &str) -> Result<Rights> {
    serde_json::from_str(text).context("xtask/src/cases/right.json")
}

/// FNV-1a with 64 bits. The data file has hashes, because it must not repeat the texts of the cases.
pub(super) fn hash(text: &str) -> String {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

impl Number {
    /// The numbers that are right.
    pub(super) fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::One(number) => number..=number,
            Self::Between(least, most) => least..=most,
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(number) => write!(f, "{number}"),
            Self::Between(least, most) => write!(f, "{least}–{most}"),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ends = format!("{:?}", self.ends).to_lowercase();
        write!(f, "{ends}, {} demands", self.demands)?;
        if let Some(first) = self.first {
            write!(f, " (first {first})")?;
        }
        if let Some(quarantined) = self.quarantined {
            write!(f, ", {quarantined} quarantined")?;
        }
        if self.words.is_empty() {
            Ok(())
        } else {
            write!(f, ", says {}", self.words.join(" and "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_read_and_every_case_is_judged_or_says_why_not() -> Result<()> {
        for (name, right) in rights()? {
            assert_ne!(right.right.is_empty(), right.skip.is_none(), "{name}");
            for outcome in &right.right {
                let n_keys = outcome
                    .keys
                    .as_ref()
                    .map_or(*outcome.demands.range().end(), |keys| keys.len() as u64);
                assert!(outcome.demands.range().contains(&n_keys), "{name}: keys and demands");
                assert_eq!(outcome.answer.is_some(), right.sql.is_some(), "{name}: sql and answer");
            }
        }
        Ok(())
    }

    #[test]
    fn a_number_is_one_or_a_range_and_a_wrong_name_is_an_error() -> Result<()> {
        let rights =
            parse(r#"{"a": {"right": [{"demands": 3}, {"demands": [4, 6], "ends": "fails"}]}}"#)?;
        let outcomes: Vec<_> = rights["a"].right.iter().map(ToString::to_string).collect();
        assert_eq!(outcomes, ["done, 3 demands", "fails, 4–6 demands"]);
        assert!(parse(r#"{"a": {"right": [{"demand": 3}]}}"#).is_err());
        Ok(())
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        assert_eq!(hash(""), "cbf29ce484222325");
        assert_eq!(hash("a"), "af63dc4c8601ec8c");
    }
}
