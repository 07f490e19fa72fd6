//! Stopping is a value that loops hold and look at; nothing is aborted from outside.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

/// Asks loops to end at the next batch border.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks. Asking twice is the same as asking once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until somebody asks.
    pub fn requested(&self) -> impl Future<Output = ()> + '_ {
        self.0.cancelled()
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for `period`, or until somebody asks.
    pub async fn or_sleep(&self, period: Duration) {
        self.or(tokio::time::sleep(period)).await;
    }

    /// Waits for `event`, or until somebody asks.
    pub async fn or(&self, event: impl Future<Output = ()>) {
        tokio::select! { biased;
            () = self.requested() => {}
            () = event => {}
        }
    }

    /// A stop of a part: asked with this one, and alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The token, for parts that know nothing of this crate.
    pub fn token(&self) -> &CancellationToken {
        &self.0
    }
}
