//! A city in a box: the upstream side of the gateway, with everything that goes wrong there.
//!
//! A gateway that only met well-behaved sources in its tests would meet the real ones unprepared.
//! So the sandbox plays the other side, independently of the gateway's own code: it files made-up
//! demands into a hotline's front-end database, a folder of files and five sources that are asked
//! over HTTP (a [`Simulator`] each, the whole city together a [`City`]), misbehaves on demand (see
//! [`Faults`]) and keeps the truth about every state that was ever visible (see [`Truth`]), so that a test can
//! compare by key and by payload what arrived at the far end with what the city really said.
//!
//! Everything is repeatable: the same seed gives the same records, and time is a [`Clock`] the
//! caller drives. People, numbers, firms and places are made up; their checksums hold.

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
mod text;
pub mod truth;
mod whole;

pub use clock::Clock;
pub use corpus::{Corpus, Piece};
pub use enterprise::{EVERY, Enterprise, EnterpriseCounters, EnterpriseFault, EnterpriseSettings};
pub use faults::{Faults, Switch};
pub use hotline::{
    Case, Counters, Expected, Fault, Gbk, Hotline, LockGuard, Oracle, Pace, Pressing, Row,
    Settings, State, Storage,
};
pub use source::{Calls, Conduct, Limits, Simulator};
pub use truth::{Memory, Truth};
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
