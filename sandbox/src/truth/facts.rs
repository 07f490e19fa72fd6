//! The fields of the unified demand that must come out of a record, under their names there.
//!
//! They do not use the gateway's types: with shared types a wrong name would be wrong on both sides
//! and nobody would notice.

use chrono::{NaiveDateTime, TimeDelta};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// What must be in the demand. Nothing is claimed about an absent field, except that a `_raw`
/// without a code is in no code list. Codes are those of the unified schema. Personal values are in
/// plain, as the source writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facts {
    /// The number shown to people.
    pub source_no: Option<String>,
    /// Code of the kind.
    pub kind: Option<&'static str>,
    /// The kind as the source writes it.
    pub kind_raw: Option<String>,
    /// Cleaned of markup and layout; nothing masked.
    pub title: Option<String>,
    /// Cleaned of markup and layout; nothing masked.
    pub content: Option<String>,
    /// The source's own path of categories.
    pub category_raw: Option<String>,
    /// When the channel took it in.
    #[serde(serialize_with = "utc")]
    pub received_at: Option<NaiveDateTime>,
    /// The source's own last change.
    #[serde(serialize_with = "utc")]
    pub updated_at: Option<NaiveDateTime>,
    /// Code of the urgency.
    pub urgency: Option<&'static str>,
    /// The code in use today, six digits.
    pub region: Option<String>,
    /// The region as the source gives it.
    pub region_raw: Option<String>,
    /// The precise address.
    pub address: Option<String>,
    /// Where it is, as the source says.
    pub location: Option<Place>,
    /// Who asks, the main person first.
    pub people: Vec<Person>,
    /// How many people are concerned.
    pub people_count: Option<u32>,
    /// The business that asks.
    pub enterprise: Option<Business>,
    /// `filed` or `found`.
    pub initiative: Option<&'static str>,
    /// Grid code.
    pub grid: Option<String>,
    /// The person does not want to be named.
    pub anonymous: Option<bool>,
    /// 保密.
    pub confidential: Option<bool>,
    /// Links or inline files.
    pub attachments: Vec<Attachment>,
    /// The source's own repeat mark.
    pub repeat: Option<Repeat>,
    /// Code of the status.
    pub status: Option<&'static str>,
    /// The status as the source writes it.
    pub status_raw: Option<String>,
    /// Responsible unit as the source writes it.
    pub org_raw: Option<String>,
    /// 交办.
    #[serde(serialize_with = "utc")]
    pub dispatched_at: Option<NaiveDateTime>,
    /// First answer.
    #[serde(serialize_with = "utc")]
    pub responded_at: Option<NaiveDateTime>,
    /// 办结.
    #[serde(serialize_with = "utc")]
    pub resolved_at: Option<NaiveDateTime>,
    /// The official limit.
    #[serde(serialize_with = "utc")]
    pub due_at: Option<NaiveDateTime>,
    /// When the person wishes to have it done.
    #[serde(serialize_with = "utc")]
    pub wish_at: Option<NaiveDateTime>,
    /// The public answer, cleaned.
    pub reply: Option<String>,
    /// Additions and handling steps, oldest first.
    pub trail: Vec<Step>,
    /// Doubts that must be among those of the demand.
    pub quality: Vec<Doubt>,
}

impl Facts {
    /// The claims as JSON, in the form of the unified demand; fields without a claim are left out.
    #[must_use]
    pub fn said(&self) -> Map<String, Value> {
        match claims(serde_json::to_value(self).unwrap_or_default()) {
            Some(Value::Object(said)) => said,
            _ => Map::new(),
        }
    }
}

fn claims(value: Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Array(items) if items.is_empty() => return None,
        Value::Array(items) => items.into_iter().filter_map(claims).collect(),
        Value::Object(members) => {
            members.into_iter().filter_map(|(name, value)| Some((name, claims(value)?))).collect()
        }
        scalar => scalar,
    })
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// `main` or `joint`.
    pub role: Option<&'static str>,
    /// Name, perhaps masked by the source.
    pub name: Option<String>,
    /// Telephone, perhaps masked by the source.
    pub phone: Option<String>,
    /// Identity number.
    pub id_no: Option<String>,
    /// `male` or `female`.
    pub gender: Option<&'static str>,
}

impl Person {
    /// The main person.
    pub(crate) fn main(name: Option<String>, phone: Option<String>) -> Vec<Self> {
        vec![Self { role: Some("main"), name, phone, ..Self::default() }]
    }
}

/// A business.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Business {
    /// Registered name.
    pub name: Option<String>,
    /// 统一社会信用代码, normalised.
    pub uscc: Option<String>,
    /// As the source classifies it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A point, in the source's own coordinate system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Longitude.
    pub lon: f64,
    /// Latitude.
    pub lat: f64,
    /// The system the source uses: `gcj02`.
    pub crs: &'static str,
}

/// An attached file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// File name.
    pub name: Option<String>,
    /// Where it can be fetched.
    pub url: Option<String>,
    /// Size, where the file travels within the record.
    pub bytes: Option<u64>,
}

/// The source's own repeat mark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// Whether it is a repetition.
    pub flag: Option<bool>,
    /// Of which other one.
    pub of: Option<String>,
}

/// Something added to a demand, or done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    #[serde(serialize_with = "utc")]
    pub at: Option<NaiveDateTime>,
    /// Its name.
    pub step: Option<String>,
    /// By whom.
    pub org: Option<String>,
    /// Its words.
    pub note: Option<String>,
}

/// A doubt the reader must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The field of the demand, or the list it is in: `people` for `people.0.phone`.
    pub field: &'static str,
    /// The flag of the unified schema: `unknown_code`, `bad_checksum` and so on.
    pub flag: &'static str,
}

/// Beijing time as UTC, as the unified demand writes it.
#[expect(clippy::ref_option, reason = "the form serde asks for")]
fn utc<S: Serializer>(at: &Option<NaiveDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let utc = at.map(|at| (at - TimeDelta::hours(8)).format("%Y-%m-%dT%H:%M:%SZ").to_string());
    utc.serialize(serializer)
}

/// `text` without tags, entities, control characters, byte order marks and Excel's escapes, with
/// blanks and empty lines collapsed. It knows only the entities and tags that
/// [`Dirt`](crate::text::Dirt) writes. The rules are written again here, so that the gateway's
/// cleaning is checked against other code.
pub(crate) fn cleaned(text: &str) -> String {
    let text = text.replace("_x000D_", "\r");
    let text = if text.contains(['<', '&']) { without_markup(&text) } else { text };
    let text: String = text.chars().filter(|c| !c.is_control() || "\t\n\r".contains(*c)).collect();
    let text = text.replace('\u{feff}', "").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(single_spaced).collect();
    let mut tidy: Vec<&str> = Vec::new();
    for line in &lines {
        if !line.is_empty() || tidy.last().is_some_and(|before| !before.is_empty()) {
            tidy.push(line);
        }
    }
    tidy.join("\n").trim_matches('\n').to_owned()
}

fn single_spaced(line: &str) -> String {
    let words = line.split([' ', '\t', '\u{a0}', '\u{3000}']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Block tags become line ends, other tags nothing; then entities become what they stand for.
fn without_markup(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((tag, tail)) = after.split_once('>') else {
            rest = after;
            plain.push('<');
            continue;
        };
        if ["br", "/p", "p", "div", "/div"].iter().any(|block| names(tag, block)) {
            plain.push('\n');
        }
        rest = tail;
    }
    plain.push_str(rest);
    let entities =
        [("&nbsp;", "\u{a0}"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    entities.iter().fold(plain, |text, (entity, stands_for)| text.replace(entity, stands_for))
}

fn names(tag: &str, block: &str) -> bool {
    tag.strip_prefix(block).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::text::Dirt;

    #[test]
    fn every_kind_of_dirt_is_removed() {
        for (text, clean) in [
            ("小区\t停水", "小区 停水"),
            ("小区\u{a0}\u{a0}\u{3000}停水", "小区 停水"),
            ("小区\u{feff}停\0水", "小区停水"),
            ("小区_x000D_\n停水", "小区\n停水"),
            ("一\n\n\n\n二 \n 三\n", "一\n\n二\n三"),
            ("<p style=\"x\">停水，&nbsp;很久。<br/>急&lt;完&gt;</p>", "停水， 很久。\n急<完>"),
            ("3 < 5", "3 < 5"),
        ] {
            assert_eq!(cleaned(text), clean, "{text:?}");
        }
    }

    #[test]
    fn clean_text_is_kept() {
        let text = "市民来电反映：停水。\n请处理，电话13900004321。";
        assert_eq!(cleaned(text), text);
        let broken = Dirt::FourByte.apply(text, &mut Dice::new(1, 1));
        assert_eq!(cleaned(&broken), broken);
    }
}
