//! Controls a running channel: read now, pause, resume. In a pass, the channel is read until nothing new
//! comes. The control counts the passes, and keeps the fault that stopped the channel.

use std::time::Duration;

use sink::Wake;
use tokio::sync::watch;

/// The requests to one channel, and the passes that it made.
#[derive(Debug, Default)]
pub struct ChannelControl {
    requested: watch::Sender<Requests>,
    passes: watch::Sender<Passes>,
    /// Ends its wait after a fault.
    pub(crate) retry: Wake,
}

#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    /// Number of passes that were requested.
    passes: u64,
    is_paused: bool,
}

#[derive(Debug, Clone, Default)]
struct Passes {
    /// Number of passes that have begun.
    begun: u64,
    /// Number of the latest complete pass, from 1.
    completed: u64,
    /// How often the channel stopped because of a fault.
    stops: u64,
    /// The fault that stopped it last.
    stop_reason: String,
}

impl ChannelControl {
    /// Requests a pass that begins after this call, whatever the schedule says, and waits until it is
    /// complete.
    ///
    /// # Errors
    /// The fault that stopped the channel: it must be fixed first.
    pub async fn pass_now(&self) -> Result<(), String> {
        // A pass that has begun already may miss the newest records, so this waits for a later one.
        let Passes { begun, stops, .. } = *self.passes.borrow();
        self.requested.send_modify(|requested| requested.passes += 1);
        let mut passes = self.passes.subscribe();
        let is_over = |now: &Passes| now.completed > begun || now.stops > stops;
        match passes.wait_for(is_over).await {
            Ok(now) if now.completed <= begun => Err(now.stop_reason.clone()),
            // An error is impossible, because the sender lives in `self`.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Pauses the channel, or resumes it.
    pub fn set_paused(&self, is_paused: bool) {
        self.requested.send_modify(|requested| requested.is_paused = is_paused);
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.requested.borrow().is_paused
    }

    /// How many passes have been requested so far.
    pub(crate) fn n_requested(&self) -> u64 {
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

    /// Notes that a pass begins. Returns the number of requests that it serves: all that were made so
    /// far.
    pub(crate) fn begin_pass(&self) -> u64 {
        self.passes.send_modify(|passes| passes.begun += 1);
        self.n_requested()
    }

    /// Notes that the pass that began last is complete.
    pub(crate) fn complete_pass(&self) {
        self.passes.send_modify(|passes| passes.completed = passes.begun);
    }

    /// Number of the latest complete pass; 0 if there is none.
    pub(crate) fn n_completed(&self) -> u64 {
        self.passes.borrow().completed
    }

    /// Notes that the channel has stopped, and why.
    pub(crate) fn note_stop(&self, reason: String) {
        self.passes.send_modify(|passes| {
            passes.stops += 1;
            passes.stop_reason = reason;
        });
    }
}

#[cfg(test)]
mod tests;
