//! A request to stop, as a value that loops check: they end by themselves.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

/// Tells loops to end after the batch in flight. Clones share the request.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Requests the stop. Further requests have no effect.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until the stop is requested.
    pub fn requested(&self) -> impl Future<Output = ()> + '_ {
        self.0.cancelled()
    }

    /// Whether the stop is requested.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for `period`, or until the stop is requested.
    pub async fn or_sleep(&self, period: Duration) {
        self.run_until_requested(tokio::time::sleep(period)).await;
    }

    /// Runs `work` to its end, but drops it when the stop is requested.
    pub async fn run_until_requested(&self, work: impl Future<Output = ()>) {
        tokio::select! { biased;
            () = self.requested() => {}
            () = work => {}
        }
    }

    /// Waits until `grace` has passed since the stop was requested.
    pub async fn grace_over(&self, grace: Duration) {
        self.requested().await;
        tokio::time::sleep(grace).await;
    }

    /// A stop for a part of the work: requesting it does not request this one, but requesting this one
    /// requests it too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The token, for crates that do not know this type.
    pub fn token(&self) -> &CancellationToken {
        &self.0
    }
}
