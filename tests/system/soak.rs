//! The parts by which the long fault run (`tests/bin/soak`) finds anything.

#[path = "../bin/soak/main.rs"]
#[allow(dead_code, reason = "the tests ask only for some of it")]
mod run;
