//! Controls a running channel: read now, pause, resume. Tells how many passes it has begun and completed,
//! and what stopped it.

use std::time::Duration;

use tokio::sync::watch;

/// The requests to one channel, and its passes.
#[derive(Debug, Default)]
pub struct ChannelControl {
    requested: watch::Sender<Requested>,
    passes: watch::Sender<Passes>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Requested {
    passes: u64,
    is_paused: bool,
}

#[derive(Debug, Clone, Default)]
struct Passes {
    begun: u64,
    completed: u64,
    stops: u64,
    why: String,
}

impl ChannelControl {
    /// Requests a pass that begins after this call, whatever the schedule says, and waits until it is
    /// complete.
    ///
    /// # Errors
    /// The fault that stopped the channel: it must be fixed first.
    pub async fn pass_now(&self) -> Result<(), String> {
        // A pass under way may have read past what is new; only the next one counts.
        let Passes { begun, stops, .. } = *self.passes.borrow();
        self.requested.send_modify(|requested| requested.passes += 1);
        let mut passes = self.passes.subscribe();
        let over = |now: &Passes| now.completed > begun || now.stops > stops;
        match passes.wait_for(over).await {
            Ok(now) if now.completed <= begun => Err(now.why.clone()),
            // The sender lives in `self`.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Pauses or resumes it.
    pub fn pause(&self, is_paused: bool) {
        self.requested.send_modify(|requested| requested.is_paused = is_paused);
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.requested.borrow().is_paused
    }

    /// How many passes were requested so far.
    pub(crate) fn requested(&self) -> u64 {
        self.requested.borrow().passes
    }

    /// Waits until more than `served` passes have been requested.
    async fn wait_for_requests(&self, served: u64) {
        let _ = self.requested.subscribe().wait_for(|now| now.passes > served).await;
    }

    /// Waits while it is paused.
    async fn wait_while_paused(&self) {
        let _ = self.requested.subscribe().wait_for(|now| !now.is_paused).await;
    }

    /// Waits for `period`, or until more than `served` passes have been requested; then, while the
    /// channel is paused, until it is resumed.
    pub(crate) async fn wait_until_due(&self, served: u64, period: Duration) {
        tokio::select! { biased;
            () = self.wait_for_requests(served) => {}
            () = tokio::time::sleep(period) => {}
        }
        self.wait_while_paused().await;
    }

    /// A pass begins. Returns the number of requests that it serves: all that were made until now.
    pub(crate) fn begin(&self) -> u64 {
        self.passes.send_modify(|passes| passes.begun += 1);
        self.requested()
    }

    /// The pass that began last is complete.
    pub(crate) fn complete(&self) {
        self.passes.send_modify(|passes| passes.completed = passes.begun);
    }

    /// The channel has stopped because of `why`.
    pub(crate) fn stopped(&self, why: String) {
        self.passes.send_modify(|passes| {
            passes.stops += 1;
            passes.why = why;
        });
    }
}

#[cfg(test)]
mod tests;
