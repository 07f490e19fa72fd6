//! A simulated city: the upstream side of the gateway, with everything that goes wrong there.
//!
//! Real sources misbehave, so tests need sources that misbehave too. The sandbox simulates them,
//! independently of the code of the gateway: it files made-up demands into the front-end database of a hotline, a folder of files, and five sources that are queried
//! over HTTP (a [`Simulator`] each; a [`City`] is all of them). Sources misbehave on request (see
//! [`Faults`]) and record every state that was ever visible (see [`Truth`]), so that a test can
//! compare by key and by payload what arrived with what was served.
//!
//! Everything is reproducible: the same seed gives the same records, and the caller drives the
//! [`Clock`]. People, numbers, firms and places are made up; their checksums are valid.

// `json!` recurses for each field, and a petition has forty.
#![recursion_limit = "256"]

pub mod board;
pub mod checksum;
mod city;
mod clock;
mod corpus;
mod dice;
mod enterprise;
mod faults;
pub mod grid;
mod hotline;
pub mod inspection;
pub mod petition;
mod sign;
mod source;
#[cfg(test)]
mod tests;
mod text;
pub mod truth;
mod when;
mod whole;

pub use clock::Clock;
pub use corpus::{Corpus, Piece};
pub use enterprise::{EVERY, Enterprise, EnterpriseCounters, EnterpriseQuirk};
pub use faults::{Faults, QuirkSet};
pub use hotline::{
    Case, Counters, Gbk, Hotline, LockGuard, Oracle, Pace, Pressing, Quirk, Row, Settings, State,
    Storage,
};
pub use source::{Behaviour, Calls, Limits, Simulator};
pub use truth::{Retention, Truth};
pub use whole::{CHANNELS, City, CityPlan};

/// 人民网领导留言板, signed JSON.
pub type MessageBoard = Simulator<board::Board>;
/// 信访, SOAP with XML in GBK.
pub type Petitions = Simulator<petition::Bureau>;
/// 国务院互联网+督查, signed, a day at a time.
pub type StateInspection = Simulator<inspection::Platform<inspection::State>>;
/// 省政府互联网+督查, the same through another platform.
pub type ProvinceInspection = Simulator<inspection::Platform<inspection::Province>>;
/// Mobile app and grid workers, pulled and pushing.
pub type Mobile = Simulator<grid::Grid>;
