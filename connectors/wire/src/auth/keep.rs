//! A secret that was fetched: how long it is used, and when another one is worth fetching.

use contract::{Secret, Timestamp};

/// The secret in use.
#[derive(Debug, Default)]
pub(super) struct Keep {
    fetched: Option<Fetched>,
    /// The source has taken it at least once.
    is_proven: bool,
}

/// What an errand brought.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) secret: Secret,
    /// When another one has to be fetched; `None` where only a refusal tells.
    pub(super) until: Option<Timestamp>,
}

impl Keep {
    /// The secret, while it is valid.
    pub(super) fn secret(&self, now: Timestamp) -> Option<&Secret> {
        let fetched = self.fetched.as_ref()?;
        fetched.until.is_none_or(|until| now < until).then_some(&fetched.secret)
    }

    pub(super) fn take(&mut self, fetched: Fetched) {
        *self = Self { fetched: Some(fetched), is_proven: false };
    }

    pub(super) fn accepted(&mut self) {
        self.is_proven = self.fetched.is_some();
    }

    /// Forgets the secret. Another one is worth a try only if this one was taken before: a source
    /// that refuses what was fetched a moment ago would refuse the next one too, and be asked
    /// without end.
    pub(super) fn refused(&mut self) -> bool {
        std::mem::take(self).is_proven
    }
}
