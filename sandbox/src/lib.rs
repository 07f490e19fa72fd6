//! A city in a box: the upstream side of the gateway, with everything that goes wrong there.
//!
//! A gateway that only met well-behaved sources in its tests would meet the real ones unprepared.
//! So the sandbox plays the other side, independently of the gateway's own code: it files made-up
//! demands into a hotline's front-end database, misbehaves on demand (see [`Faults`]) and keeps the
//! truth about every state that was ever visible (see [`Oracle`]), so that a test can compare by key
//! and by payload what arrived at the far end with what the city really said.
//!
//! Everything is repeatable: the same seed gives the same rows, and time is a [`Clock`] the caller
//! drives. People, numbers, firms and places are made up; their checksums hold.

pub mod checksum;
mod city;
mod clock;
mod corpus;
mod dice;
mod enterprise;
mod faults;
mod hotline;
mod text;
pub mod truth;

pub use clock::Clock;
pub use corpus::{Corpus, Piece};
pub use enterprise::{EVERY, Enterprise, EnterpriseCounters, EnterpriseFault, EnterpriseSettings};
pub use faults::{Faults, Switch};
pub use hotline::{
    Case, Counters, Expected, Fault, Gbk, Hotline, LockGuard, Oracle, Pace, Pressing, Row,
    Settings, State, Storage,
};
pub use truth::{Memory, Truth};
