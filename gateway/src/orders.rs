//! What a channel is told from outside while it runs: look now, rest, go on. And what it tells back:
//! how many passes it has begun and completed, and what stopped it.

use std::time::Duration;

use tokio::sync::watch;

/// The orders to one channel, and its passes.
#[derive(Debug, Default)]
pub struct Orders {
    told: watch::Sender<Told>,
    passes: watch::Sender<Passes>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    calls: u64,
    is_paused: bool,
}

#[derive(Debug, Clone, Default)]
struct Passes {
    begun: u64,
    completed: u64,
    stops: u64,
    why: String,
}

impl Orders {
    /// Asks for a whole pass from now on, whatever the schedule says; waits until it is complete.
    ///
    /// # Errors
    /// What stopped it: somebody has to mend something first.
    pub async fn call(&self) -> Result<(), String> {
        // One that is under way has passed by what was there before; the next one has not.
        let Passes { begun, stops, .. } = *self.passes.borrow();
        self.told.send_modify(|told| told.calls += 1);
        let mut passes = self.passes.subscribe();
        let over = |now: &Passes| now.completed > begun || now.stops > stops;
        match passes.wait_for(over).await {
            Ok(now) if now.completed <= begun => Err(now.why.clone()),
            // The sender lives in `self`.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Makes it rest, or go on.
    pub fn pause(&self, is_paused: bool) {
        self.told.send_modify(|told| told.is_paused = is_paused);
    }

    /// Whether it is told to rest.
    pub fn is_paused(&self) -> bool {
        self.told.borrow().is_paused
    }

    /// How often somebody has called.
    pub(crate) fn calls(&self) -> u64 {
        self.told.borrow().calls
    }

    /// Waits until somebody calls beyond the first `served`.
    pub(crate) async fn called(&self, served: u64) {
        let _ = self.told.subscribe().wait_for(|told| told.calls > served).await;
    }

    /// Waits while it is told to rest.
    pub(crate) async fn unless_paused(&self) {
        let _ = self.told.subscribe().wait_for(|told| !told.is_paused).await;
    }

    /// A pass begins; the calls until now are served by it.
    pub(crate) fn begin(&self) -> u64 {
        self.passes.send_modify(|passes| passes.begun += 1);
        self.calls()
    }

    /// The pass that began last has found everything.
    pub(crate) fn complete(&self) {
        self.passes.send_modify(|passes| passes.completed = passes.begun);
    }

    /// It does not go on by itself.
    pub(crate) fn stopped(&self, why: String) {
        self.passes.send_modify(|passes| {
            passes.stops += 1;
            passes.why = why;
        });
    }
}

/// Waits for `period`, or until somebody calls beyond the first `served`; and while it is paused.
pub(crate) async fn rest(orders: &Orders, served: u64, period: Duration) {
    tokio::select! { biased;
        () = orders.called(served) => {}
        () = tokio::time::sleep(period) => {}
    }
    orders.unless_paused().await;
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_call_is_answered_by_a_pass_that_began_after_it() {
        let orders = Orders::default();
        let served = orders.begin();
        let call = orders.call();
        tokio::pin!(call);
        assert!(call.as_mut().now_or_never().is_none());
        orders.complete();
        assert!(call.as_mut().now_or_never().is_none(), "that pass was under way already");
        orders.called(served).await;
        assert_eq!(orders.begin(), served + 1);
        orders.complete();
        assert_eq!(call.await, Ok(()));
    }

    #[tokio::test]
    async fn a_call_ends_with_what_stops_the_channel() {
        let orders = Orders::default();
        orders.stopped("long ago".to_owned());
        let call = orders.call();
        tokio::pin!(call);
        assert!(call.as_mut().now_or_never().is_none(), "that was before");
        orders.begin();
        orders.stopped("the password is wrong".to_owned());
        assert_eq!(call.await, Err("the password is wrong".to_owned()));
    }

    #[tokio::test]
    async fn a_paused_channel_waits_until_it_may_go_on() {
        let orders = Orders::default();
        orders.unless_paused().await;
        orders.pause(true);
        assert!(orders.is_paused());
        assert!(orders.unless_paused().now_or_never().is_none());
        orders.pause(false);
        orders.unless_paused().await;
    }
}
