//! Who asks, which business, where, and what they attached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Role, codes};
use crate::Sealed;

/// A person of a demand. Name, phone and id number are sealed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Part in the demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Name; the mask keeps the surname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealed>,
    /// Telephone; the mask keeps the first 3 and last 4 of a mobile, the last 4 of a landline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Sealed>,
    /// Identity number (GB 11643); the mask keeps the first 6 and last 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_no: Option<Sealed>,
    /// `male` or `female`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
}

/// A business; its name is not personal data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Enterprise {
    /// Registered name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 统一社会信用代码, GB 32100, checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uscc: Option<String>,
    /// As the source classifies it.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}

/// A point in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Longitude, WGS-84/CGCS2000.
    pub lon: f64,
    /// Latitude, WGS-84/CGCS2000.
    pub lat: f64,
    /// The system the source used.
    pub crs: Crs,
}

codes! {
    /// Coordinate systems met in China.
    Crs {
        /// WGS-84 or CGCS2000: stored as given.
        Wgs84 = "wgs84",
        /// 火星坐标: converted.
        Gcj02 = "gcj02",
        /// Baidu: converted.
        Bd09 = "bd09",
    }
}

/// A link to something attached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// File name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The source's own mark that this was filed before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Repeat {
    /// The mark as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// The number of the earlier order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}
