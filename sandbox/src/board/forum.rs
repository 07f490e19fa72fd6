//! The forums of the city's leaders: each has its own list.

use crate::city::{DISTRICTS, District};

/// The board of one leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forum {
    pub(super) fid: u64,
    pub(super) name: String,
    /// Who answers there.
    pub(super) unit: String,
    /// Area code of the place he leads.
    pub(super) region: &'static str,
}

impl Forum {
    pub(super) fn city() -> Self {
        Self {
            fid: 3_402,
            name: "芜湖市委书记".to_owned(),
            unit: "芜湖市住建局".to_owned(),
            region: "340200",
        }
    }

    pub(super) fn district(district: &District) -> Self {
        Self {
            fid: district.code.parse().unwrap_or_default(),
            name: format!("{}委书记", district.name),
            unit: format!("{}人民政府办公室", district.name),
            region: district.code,
        }
    }
}

/// The numbers of all forums. Those of the districts have threads where
/// [`Fault::OtherForum`](crate::board::Fault::OtherForum) strikes.
#[must_use]
pub fn fids() -> Vec<u64> {
    let mut fids: Vec<_> = DISTRICTS.iter().map(|district| Forum::district(district).fid).collect();
    fids.push(Forum::city().fid);
    fids.sort_unstable();
    fids.dedup();
    fids
}
