//! A token that was fetched: how long it is used, and what becomes of it when the source refuses it.

use std::time::Duration;

use chrono::TimeDelta;
use contract::{Secret, Timestamp};

/// A token that was fetched.
#[derive(Debug)]
pub(super) struct FetchedToken {
    secret: Secret,
    /// When the next token must be fetched; `None` if the source does not say how long this one lasts.
    refresh_at: Option<Timestamp>,
}

/// The token in use, if one was fetched.
#[derive(Debug, Default)]
pub struct HeldToken {
    token: Option<FetchedToken>,
    /// Whether the source has accepted it at least once.
    was_accepted: bool,
}

impl FetchedToken {
    /// A token that is replaced `margin` before it expires, but not before half of its lifetime is over.
    pub(super) fn new(
        secret: Secret,
        lifetime: Option<Duration>,
        margin: Duration,
        now: Timestamp,
    ) -> Self {
        let refresh_at = lifetime.and_then(|lifetime| {
            let period = TimeDelta::from_std(lifetime - margin.min(lifetime / 2)).ok()?;
            now.checked_add_signed(period)
        });
        Self { secret, refresh_at }
    }
}

impl HeldToken {
    /// Uses this token from now on, until shortly before its end.
    pub fn replace(
        &mut self,
        secret: Secret,
        lifetime: Option<Duration>,
        margin: Duration,
        now: Timestamp,
    ) {
        self.hold(FetchedToken::new(secret, lifetime, margin, now));
    }

    pub(super) fn hold(&mut self, token: FetchedToken) {
        *self = Self { token: Some(token), was_accepted: false };
    }

    /// The token, unless the next one must be fetched.
    pub fn valid(&self, now: Timestamp) -> Option<&Secret> {
        let token = self.token.as_ref()?;
        token.refresh_at.is_none_or(|time| now < time).then_some(&token.secret)
    }

    /// The token, whether it is still valid or not.
    pub fn secret(&self) -> Option<&Secret> {
        self.token.as_ref().map(|token| &token.secret)
    }

    /// Notes that the source has accepted the last request, and so the token in it.
    pub fn confirm(&mut self) {
        self.was_accepted = self.token.is_some();
    }

    /// Discards the token, because the source has refused it. Returns whether to fetch another one at once: if the
    /// source has never accepted this one, that is `false`, because it would refuse a new one too.
    pub fn discard(&mut self) -> bool {
        self.token = None;
        std::mem::take(&mut self.was_accepted)
    }
}
