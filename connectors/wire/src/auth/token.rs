//! A token that was fetched: how long it is used, and what becomes of it when the source refuses it.

use std::time::Duration;

use chrono::TimeDelta;
use contract::{Secret, Timestamp};

/// A token that was fetched.
#[derive(Debug)]
pub(super) struct FetchedToken<T = Secret> {
    secret: T,
    /// When the next token must be fetched; `None` if the source does not say how long this one lasts.
    refresh_at: Option<Timestamp>,
}

/// The token in use, if one was fetched; or several, which are fetched together.
#[derive(Debug)]
pub struct HeldToken<T = Secret> {
    token: Option<FetchedToken<T>>,
    /// Whether the source has accepted it at least once.
    was_accepted: bool,
}

impl<T> Default for HeldToken<T> {
    fn default() -> Self {
        Self { token: None, was_accepted: false }
    }
}

impl<T> FetchedToken<T> {
    /// A token that is replaced `margin` before it expires, but not before half of its lifetime is over.
    pub(super) fn new(
        secret: T,
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

impl<T> HeldToken<T> {
    /// Uses this token from now on, until shortly before its end.
    pub fn replace(
        &mut self,
        secret: T,
        lifetime: Option<Duration>,
        margin: Duration,
        now: Timestamp,
    ) {
        self.hold(FetchedToken::new(secret, lifetime, margin, now));
    }

    pub(super) fn hold(&mut self, token: FetchedToken<T>) {
        *self = Self { token: Some(token), was_accepted: false };
    }

    /// The token, unless the next one must be fetched.
    pub fn valid(&self, now: Timestamp) -> Option<&T> {
        let token = self.token.as_ref()?;
        token.refresh_at.is_none_or(|time| now < time).then_some(&token.secret)
    }

    /// The token, whether it is still valid or not, even if it was discarded: the source may repeat it when it refuses
    /// it.
    pub fn secret(&self) -> Option<&T> {
        self.token.as_ref().map(|token| &token.secret)
    }

    /// Notes that the source has accepted the last request, and so the token in it.
    pub fn confirm(&mut self) {
        self.was_accepted = self.token.is_some();
    }

    /// Discards the token, because the source has refused it. Returns whether to fetch another one at once: if the
    /// source has never accepted this one, that is `false`, because it would refuse a new one too.
    pub fn discard(&mut self) -> bool {
        if let Some(token) = &mut self.token {
            token.refresh_at = Some(Timestamp::MIN_UTC);
        }
        std::mem::take(&mut self.was_accepted)
    }
}
