//! A simulated city: the upstream systems that the gateway reads, with their usual defects.
//!
//! Real sources misbehave, so tests need sources that misbehave too. The sandbox simulates them without
//! code of the gateway: the front-end database of a hotline, a folder of files, and five sources that
//! answer over HTTP, each a [`Simulator`]. A [`City`] contains all of them. Sources misbehave as the
//! caller asks (see [`QuirkRates`]), and record every state that was ever visible (see [`Truth`]), so that
//! a test can compare what arrived with what was served.
//!
//! Everything is reproducible: the same seed gives the same records, and the caller advances the
//! [`Clock`]. People, businesses, addresses and their numbers are made up; the numbers have valid check digits.

// `json!` recurses for each field, and a petition has forty.
#![recursion_limit = "256"]

pub mod board;
pub mod checksum;
mod city;
mod clock;
mod corpus;
mod dice;
mod enterprise;
mod faker;
pub mod grid;
mod hotline;
pub mod inspection;
pub mod petition;
mod quirk;
mod sign;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod time;
pub mod truth;

pub use city::{CHANNELS, City, CityPlan};
pub use clock::Clock;
pub use corpus::{Corpus, CorpusText};
pub use enterprise::{DROP_INTERVAL, Enterprise, EnterpriseCounters, EnterpriseQuirk};
pub use hotline::{
    Case, CaseHistory, Counters, Dossier, Gbk, Hotline, Life, LockGuard, Pace, Pressing, Quirk,
    Row, Settings, State, Step, Storage, Task, Visit,
};
pub use quirk::{QuirkRates, QuirkSet};
pub use source::{Behaviour, Limits, RequestCounts, Simulator};
pub use truth::{Retention, Truth};

/// 人民网领导留言板, a message board for leaders: signed JSON.
pub type MessageBoard = Simulator<board::Board>;
/// 信访, petitions: SOAP with XML in GBK.
pub type Petitions = Simulator<petition::Bureau>;
/// 国务院互联网+督查, inspection by the State Council: signed requests, one for each day.
pub type StateInspection = Simulator<inspection::Platform<inspection::National>>;
/// 省政府互联网+督查, inspection by the province: the same interface on another platform.
pub type ProvinceInspection = Simulator<inspection::Platform<inspection::Province>>;
/// The mobile app and the grid workers' terminals: a platform that is polled and also pushes.
pub type Mobile = Simulator<grid::Grid>;
