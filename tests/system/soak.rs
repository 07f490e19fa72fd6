//! The long fault run (`tests/bin/soak`) is not part of the suite. What it relies on to find anything is.

#[path = "../bin/soak/main.rs"]
#[allow(dead_code, reason = "the tests ask only for some of it")]
mod run;
