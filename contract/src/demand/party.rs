//! The people, business, location and attachments of a demand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Role, codes, optional_fields};
use crate::Sealed;

optional_fields! {
    /// A person in a demand. Name, phone and id number are sealed.
    Person {
        /// The person's part in the demand.
        role: Option<Role>,
        /// Name; the mask keeps the surname.
        name: Option<Sealed>,
        /// Telephone; the mask keeps the first 3 and last 4 of a mobile, the last 4 of a landline.
        phone: Option<Sealed>,
        /// Identity number (GB 11643); the mask keeps the first 6 and last 4.
        id_no: Option<Sealed>,
        /// `male` or `female`.
        gender: Option<String>,
    }
}

optional_fields! {
    /// A business; its name is not personal data.
    #[derive(Eq)]
    Enterprise {
        /// Registered name.
        name: Option<String>,
        /// The unified social credit code (统一社会信用代码, GB 32100).
        uscc: Option<String>,
        /// The type, as the source names it.
        #[serde(rename = "type")]
        type_: Option<String>,
    }
}

/// A point in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Longitude, WGS-84/CGCS2000.
    pub lon: f64,
    /// Latitude, WGS-84/CGCS2000.
    pub lat: f64,
    /// The coordinate system that the source used.
    pub crs: Crs,
}

codes! {
    /// Coordinate systems used in China.
    Crs {
        /// WGS-84 or CGCS2000: stored as given.
        Wgs84 = "wgs84",
        /// GCJ-02 (火星坐标): converted to WGS-84.
        Gcj02 = "gcj02",
        /// BD-09 (Baidu): converted to WGS-84.
        Bd09 = "bd09",
    }
}

optional_fields! {
    /// A link to an attachment.
    #[derive(Eq)]
    Attachment {
        /// File name.
        name: Option<String>,
        /// The address from which it can be fetched.
        url: Option<String>,
        /// Media type.
        mime: Option<String>,
        /// Size in bytes.
        bytes: Option<u64>,
    }
}

optional_fields! {
    /// The source's own mark that this was filed before.
    #[derive(Eq)]
    Repeat {
        /// The mark as given.
        flag: Option<String>,
        /// The number of the earlier work order.
        of: Option<String>,
    }
}
