//! Samples for tests, of this crate and of others: reads of a channel, packed as a gateway does it.
#![allow(clippy::expect_used)]

pub mod sample;

#[cfg(test)]
use contract::{Intake, Outcomes, Store};

/// Keeps an intake that can be kept.
#[cfg(test)]
pub(crate) async fn keep(store: &impl Store, intake: &Intake) -> Outcomes {
    store.store(intake).await.expect("the intake can be kept")
}

#[cfg(test)]
pub(crate) fn stored(stored: u64) -> Outcomes {
    Outcomes { stored, ..Outcomes::default() }
}
