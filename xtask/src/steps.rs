//! Names and times what is done, so that a person who waits, or who reads the log of a build
//! server, knows where the time went and where it stopped.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::say::say;

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Does one step.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        say(format_args!("==> {name}"));
        let begun = Instant::now();
        let result = work().with_context(|| format!("step `{name}` failed"));
        let took = begun.elapsed();
        self.done.push((name, took));
        let end = if result.is_ok() { "done" } else { "FAILED" };
        say(format_args!("<== {name}: {end} in {:.1} s", took.as_secs_f64()));
        result
    }

    /// Lists what was done.
    pub(crate) fn summary(&self) {
        say(format_args!("steps:"));
        for (name, took) in &self.done {
            say(format_args!("{:>8.1} s  {name}", took.as_secs_f64()));
        }
    }
}
