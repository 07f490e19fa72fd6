//! What whole-system tests, the corpus run and the measurements share: a city, a gateway that is
//! the real binary, and the comparison of what the city served with what the store holds.

pub mod compare;
pub mod corpus;
pub mod gateway_process;
pub mod line;
pub mod world;
