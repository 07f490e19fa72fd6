//! Opening what was sealed: for audits, replays and tests. Whoever calls this writes down why.

use std::collections::BTreeMap;

use contract::{ChannelId, Demand, DemandId, Sealed, SealedBytes};

use crate::seal::{OpenError, Sealer, decompress};

/// The field under which a record's raw bytes are sealed.
pub const RAW: &str = "raw";
/// The field under which the prose before masking is sealed.
pub const UNMASKED: &str = "unmasked";

/// The demand a sealed value belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its channel.
    pub channel: &'a ChannelId,
    /// Its id.
    pub id: &'a DemandId,
}

impl<'a> From<&'a Demand> for Place<'a> {
    fn from(demand: &'a Demand) -> Self {
        Self { channel: &demand.channel, id: &demand.id }
    }
}

/// Opens one personal value. `field` is its path: `address`, `people.0.name`, `people.1.phone`.
///
/// # Errors
/// See [`OpenError`].
pub fn open_sealed(
    sealer: &Sealer,
    place: Place<'_>,
    field: &str,
    value: &Sealed,
) -> Result<String, OpenError> {
    let bytes = sealer.open(place.channel, place.id, field, &value.sealed)?;
    String::from_utf8(bytes).map_err(|_| OpenError::Unexpected)
}

/// The texts in which something was masked, as they were, by their paths: `title`, `content`,
/// `reply`, `trail.0.note`.
///
/// # Errors
/// See [`OpenError`].
pub fn open_unmasked(
    sealer: &Sealer,
    place: Place<'_>,
    unmasked: &SealedBytes,
) -> Result<BTreeMap<String, String>, OpenError> {
    let bytes = sealer.open(place.channel, place.id, UNMASKED, unmasked)?;
    serde_json::from_slice(&bytes).map_err(|_| OpenError::Unexpected)
}

/// The record as the source said it, of a demand or of a reject in quarantine.
///
/// # Errors
/// See [`OpenError`].
pub fn open_raw(
    sealer: &Sealer,
    place: Place<'_>,
    raw: &SealedBytes,
) -> Result<Vec<u8>, OpenError> {
    let packed = sealer.open(place.channel, place.id, RAW, raw)?;
    decompress(&packed).ok_or(OpenError::Unexpected)
}
