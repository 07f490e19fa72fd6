//! A secret that was fetched: how long it is used, and when another one is worth fetching.

use contract::{Secret, Timestamp};

/// The secret in use.
#[derive(Debug, Default)]
pub(super) struct Keep {
    fetched: Option<Fetched>,
}

#[derive(Debug)]
struct Fetched {
    secret: Secret,
    until: Option<Timestamp>,
    /// The source has taken it at least once.
    is_proven: bool,
}

impl Keep {
    /// The secret, while it is valid.
    pub(super) fn secret(&self, now: Timestamp) -> Option<&Secret> {
        let fetched = self.fetched.as_ref()?;
        fetched.until.is_none_or(|until| now < until).then_some(&fetched.secret)
    }

    pub(super) fn take(&mut self, secret: Secret, until: Option<Timestamp>) {
        self.fetched = Some(Fetched { secret, until, is_proven: false });
    }

    pub(super) fn accepted(&mut self) {
        if let Some(fetched) = &mut self.fetched {
            fetched.is_proven = true;
        }
    }

    /// Forgets the secret. Another one is worth a try only if this one was taken before: a source
    /// that refuses what was fetched a moment ago would refuse the next one too, and be asked
    /// without end.
    pub(super) fn refused(&mut self) -> bool {
        self.fetched.take().is_some_and(|fetched| fetched.is_proven)
    }
}
