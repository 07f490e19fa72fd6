//! The made-up city the demands come from: places, people and firms.
//!
//! Area codes are Wuhu's real ones, because the gateway must know them; every road, community,
//! person, number and firm is invented, so that a generated database can be shown to anybody.

mod firm;
mod person;
mod place;

pub(crate) use firm::{credit_code, firm};
pub(crate) use person::{RARE_NAMES, identity_number, landline, mobile, name};
pub(crate) use place::{DISTRICTS, District, community, current_code, road};
