//! The expected fields of a record: those of the unified demand that it must become.
//!
//! This code does not use the gateway's types: with shared types, tests would not notice a wrong name.

use std::{collections::HashMap, sync::LazyLock};

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Map, Value, json};

/// The fields that a demand must have, in the form of the unified demand. A field that is not here may
/// have any value; but if a field `x_raw` is here without `x`, the demand must not have `x`. Personal
/// values are plain text, as in the source. `quality` lists flags that the demand must have; it may have
/// others too. A flag with the field `people` can also be at `people.0.phone`.
pub type ExpectedFields = Map<String, Value>;

/// Merges JSON objects of expected fields. If several have the same field, the last one wins. Leaves out nulls and
/// empty lists.
pub(crate) fn expected_fields<const N: usize>(objects: [Value; N]) -> ExpectedFields {
    let members = objects.into_iter().filter_map(|object| match object {
        Value::Object(members) => Some(members),
        _ => None,
    });
    match remove_nulls(members.flatten().collect()) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The value without nulls and empty lists in it; `None` if it is one itself.
fn remove_nulls(value: Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Array(items) if items.is_empty() => return None,
        Value::Array(items) => items.into_iter().filter_map(remove_nulls).collect(),
        Value::Object(members) => members
            .into_iter()
            .filter_map(|(name, value)| Some((name, remove_nulls(value)?)))
            .collect(),
        scalar => scalar,
    })
}

/// The code in the unified demand for a label or code of a source, from a table of `codes.toml`; `None` if
/// the label is not in the table.
#[expect(clippy::expect_used, reason = "the file is part of the program, and every test reads it")]
pub(crate) fn unified_code(table: &str, label: &str) -> Option<&'static str> {
    type Tables = HashMap<String, HashMap<String, String>>;
    static TABLES: LazyLock<Tables> = LazyLock::new(|| {
        toml::from_str(include_str!("codes.toml")).expect("codes.toml has tables of texts")
    });
    TABLES[table].get(label).map(String::as_str)
}

/// Converts Beijing time to UTC, in the format of the unified demand.
pub(crate) fn utc(at: NaiveDateTime) -> String {
    (at - TimeDelta::hours(8)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The field `people` of a demand with only one person.
pub(crate) fn main_person(name: Option<&str>, phone: Option<&str>) -> Value {
    json!([{ "role": "main", "name": name, "phone": phone }])
}

/// A quality flag that the demand must have.
pub(crate) fn quality_flag(field: &str, flag: &str) -> Value {
    json!({ "field": field, "flag": flag })
}

/// `text` after the cleaning that the gateway must do: without tags, entities, control characters, byte
/// order marks and Excel's escapes, with repeated blanks and empty lines merged. It handles only the
/// characters that [`Dirt`](crate::text::Dirt) adds. It shares no code with the gateway, so that tests
/// compare two implementations.
pub(crate) fn clean(text: &str) -> String {
    let text = text.replace("_x000D_", "\r");
    let text = if text.contains(['<', '&']) { strip_markup(&text) } else { text };
    let text: String = text.chars().filter(|c| !c.is_control() || "\t\n\r".contains(*c)).collect();
    let text = text.replace(['\u{feff}', '\u{200b}'], "").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(collapse_blanks).collect();
    let mut tidy: Vec<&str> = Vec::new();
    for line in &lines {
        if !line.is_empty() || tidy.last().is_some_and(|before| !before.is_empty()) {
            tidy.push(line);
        }
    }
    tidy.join("\n").trim_matches('\n').to_owned()
}

fn collapse_blanks(line: &str) -> String {
    let words = line.split([' ', '\t', '\u{a0}', '\u{3000}']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Replaces block tags with line ends, removes other tags, and then replaces entities with their
/// characters.
fn strip_markup(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((tag, tail)) = after.split_once('>') else {
            rest = after;
            plain.push('<');
            continue;
        };
        if ["br", "/p", "p", "div", "/div"].iter().any(|block| is_tag(tag, block)) {
            plain.push('\n');
        }
        rest = tail;
    }
    plain.push_str(rest);
    let entities =
        [("&nbsp;", "\u{a0}"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    entities.iter().fold(plain, |text, (entity, stands_for)| text.replace(entity, stands_for))
}

fn is_tag(tag: &str, name: &str) -> bool {
    tag.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::text::Dirt;

    #[test]
    fn every_kind_of_dirt_is_removed() {
        for (text, expected) in [
            ("小区\t停水", "小区 停水"),
            ("小区\u{a0}\u{a0}\u{3000}停水", "小区 停水"),
            ("小区\u{feff}停\0水", "小区停水"),
            ("小区_x000D_\n停水", "小区\n停水"),
            ("一\n\n\n\n二 \n 三\n", "一\n\n二\n三"),
            ("<p style=\"x\">停水，&nbsp;很久。<br/>急&lt;完&gt;</p>", "停水， 很久。\n急<完>"),
            ("3 < 5", "3 < 5"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn clean_text_is_kept() {
        let text = "市民来电反映：停水。\n请处理，电话13900004321。";
        assert_eq!(clean(text), text);
        let broken = Dirt::FourByte.add_to(text, &mut Dice::new(1, 1));
        assert_eq!(clean(&broken), broken);
    }
}
