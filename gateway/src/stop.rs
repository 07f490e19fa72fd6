//! Stopping is a value that loops hold and check; nothing is aborted from outside.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

/// Tells loops to end after the batch in flight. Clones are the same stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Requests the stop. Requesting it twice is the same as once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until it is requested.
    pub fn requested(&self) -> impl Future<Output = ()> + '_ {
        self.0.cancelled()
    }

    /// Whether it is requested.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for `period`, or until the stop is requested.
    pub async fn or_sleep(&self, period: Duration) {
        self.or(tokio::time::sleep(period)).await;
    }

    /// Waits for `event`, or until the stop is requested.
    pub async fn or(&self, event: impl Future<Output = ()>) {
        tokio::select! { biased;
            () = self.requested() => {}
            () = event => {}
        }
    }

    /// Waits until the stop was requested `grace` ago.
    pub async fn overdue(&self, grace: Duration) {
        self.requested().await;
        tokio::time::sleep(grace).await;
    }

    /// A stop for a part: requested together with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The token, for crates that do not know this type.
    pub fn token(&self) -> &CancellationToken {
        &self.0
    }
}
