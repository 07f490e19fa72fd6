//! `keep`: the durable side's one promise, and its proof.

use std::future::Future;

use crate::{Fault, Intake};

/// Where demands are kept.
pub trait Store: Send + Sync {
    /// One transaction: judge, write, quarantine what cannot be written, receipts. Idempotent: a
    /// message whose receipt is there is only counted.
    ///
    /// # Errors
    /// The database is unhappy; nothing was written.
    fn store(&self, intake: &Intake) -> impl Future<Output = Result<Outcomes, Fault>> + Send;
}

/// What became of the events of an intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// New states, in history; those superseded within the same intake among them.
    pub stored: u64,
    /// Newer version, same content.
    pub unchanged: u64,
    /// Older than what is there.
    pub stale: u64,
    /// Put into quarantine.
    pub quarantined: u64,
    /// Events of messages that had been kept before.
    pub redelivered: u64,
}

impl std::ops::AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.quarantined += other.quarantined;
        self.redelivered += other.redelivered;
    }
}

/// Proof that an intake is kept. Only [`keep`] makes it.
#[derive(Debug)]
#[must_use = "what is kept and not acked comes again"]
pub struct Kept {
    tags: Vec<u64>,
    outcomes: Outcomes,
}

impl Kept {
    /// The marks of the deliveries, in the order of the bus.
    pub fn tags(&self) -> &[u64] {
        &self.tags
    }

    /// What became of them.
    pub fn outcomes(&self) -> Outcomes {
        self.outcomes
    }
}

/// Keeps an intake: rows, quarantine and receipts are committed when this returns `Ok`.
///
/// # Errors
/// As [`Store::store`].
pub async fn keep(store: &impl Store, intake: Intake) -> Result<Kept, Fault> {
    let outcomes = store.store(&intake).await?;
    let tags = intake.deliveries().iter().map(|delivery| delivery.tag).collect();
    Ok(Kept { tags, outcomes })
}
