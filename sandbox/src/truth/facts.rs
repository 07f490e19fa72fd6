//! The fields of the unified demand that must come out of a record, named as they stand there.
//!
//! Written down on this side without the gateway's types: were they shared, a wrong name would be
//! wrong on both sides and nobody would see it.

use chrono::{NaiveDateTime, TimeDelta};
use serde::{Serialize, Serializer};

/// What must stand in the demand; of what is absent here nothing is claimed, but that a code whose
/// `_raw` stands alone is one no list explains. Codes are those of the unified schema. Personal
/// values are in plain, as the source writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facts {
    /// The number shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_no: Option<String>,
    /// Code of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The kind as the source writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind_raw: Option<String>,
    /// Cleaned of markup and layout; nothing masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Cleaned of markup and layout; nothing masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The source's own path of categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_raw: Option<String>,
    /// When the channel took it in.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub received_at: Option<NaiveDateTime>,
    /// The source's own last change.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub updated_at: Option<NaiveDateTime>,
    /// Code of the urgency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<&'static str>,
    /// The code in use today, six digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The region as the source gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_raw: Option<String>,
    /// The precise address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where it is, as the source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
    /// Who asks, the main person first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
    /// How many people are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people_count: Option<u32>,
    /// The business that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<Business>,
    /// `filed` or `found`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiative: Option<&'static str>,
    /// Grid code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<String>,
    /// The person does not want to be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    /// 保密.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidential: Option<bool>,
    /// Links or inline files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The source's own repeat mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Code of the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// The status as the source writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_raw: Option<String>,
    /// Responsible unit as the source writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_raw: Option<String>,
    /// 交办.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub dispatched_at: Option<NaiveDateTime>,
    /// First answer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub responded_at: Option<NaiveDateTime>,
    /// 办结.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub resolved_at: Option<NaiveDateTime>,
    /// The official limit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub due_at: Option<NaiveDateTime>,
    /// When the person wishes to have it done.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub wish_at: Option<NaiveDateTime>,
    /// The public answer, cleaned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Additions and handling steps, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<Step>,
    /// Doubts that must be among those of the demand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<Doubt>,
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// `main` or `joint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Name, perhaps masked by the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Telephone, perhaps masked by the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Identity number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_no: Option<String>,
    /// `male` or `female`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<&'static str>,
}

/// A business.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Business {
    /// Registered name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 统一社会信用代码, normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uscc: Option<String>,
    /// As the source classifies it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Size, where the file travels within the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The source's own repeat mark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// Whether it is a repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<bool>,
    /// Of which other one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// Something added to a demand, or done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "utc")]
    pub at: Option<NaiveDateTime>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Its words.
    #[serde(skip_serializing_if = "Option::is_none")]
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
