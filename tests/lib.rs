//! Shared code of the system tests, the corpus run, the measurements and the soak: a simulated city, the real gateway
//! binary, and the comparison of what the city served with what the store contains.

pub mod compare;
pub mod corpus;
pub mod gateway_process;
pub mod marks;
pub mod pipeline;
pub mod world;
