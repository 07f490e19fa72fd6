//! All channels that this process reads, grouped by upstream. Channels that change while it runs are
//! restarted; the others are not affected.

use std::collections::BTreeMap;

use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream::FuturesUnordered,
};
use tokio::sync::watch;

use crate::{
    channel::{LiveChannel, same_specs},
    lease::LeaseHolder,
    stop::Stop,
    supervise::{Ended, Shared},
    upstream,
};

/// Reads the `wanted` channels, and follows every change of them, until stop is requested, or until all
/// have ended by themselves and no change can come any more.
pub async fn serve(
    mut wanted: watch::Receiver<Vec<LiveChannel>>,
    shared: &Shared,
    leases: &LeaseHolder,
) -> Vec<Ended> {
    let (mut groups, mut ended) = (Groups::default(), Vec::new());
    let mut running: FuturesUnordered<BoxFuture<'_, (String, Vec<Ended>)>> =
        FuturesUnordered::new();
    let stop = &shared.environment.stop;
    loop {
        let now = LiveChannel::by_upstream(wanted.borrow_and_update().clone());
        for (upstream, channels, stop) in groups.reconcile(now, stop) {
            let mut shared = shared.clone();
            shared.environment.stop = stop;
            let serving = async move {
                let ends = Box::pin(upstream::serve(&upstream, channels, &shared, leases)).await;
                (upstream, ends)
            };
            running.push(serving.boxed());
        }
        let is_final = wanted.has_changed().is_err();
        tokio::select! {
            Some((upstream, ends)) = running.next() => {
                // A group that was stopped for a restart has nothing to report.
                if !groups.ended(&upstream) || stop.is_requested() {
                    ended.extend(ends);
                }
            }
            Ok(()) = wanted.changed() => {}
            () = stop.requested(), if running.is_empty() && !is_final => return ended,
            else => return ended,
        }
    }
}

/// What to run instead of `running`: for each upstream the running channels if they equal the `new`
/// ones, otherwise the new ones. Also returns the number of channels that restart.
pub fn merged(running: &[LiveChannel], new: Vec<LiveChannel>) -> (Vec<LiveChannel>, usize) {
    let running = LiveChannel::by_upstream(running.to_vec());
    let (mut merged, mut n_new) = (Vec::new(), 0);
    for (upstream, new) in LiveChannel::by_upstream(new) {
        match running.get(&upstream).filter(|running| same_specs(running, &new)) {
            Some(running) => merged.extend(running.iter().cloned()),
            None => {
                n_new += new.len();
                merged.extend(new);
            }
        }
    }
    (merged, n_new)
}

/// The channels of each upstream, running or ended by themselves.
#[derive(Default)]
struct Groups(BTreeMap<String, Group>);

struct Group {
    channels: Vec<LiveChannel>,
    stop: Stop,
    is_running: bool,
}

impl Groups {
    /// Stops the groups that are no longer wanted as they are, and returns the groups to start. A group
    /// that has to stop first is started by a later call.
    fn reconcile(
        &mut self,
        wanted: BTreeMap<String, Vec<LiveChannel>>,
        stop: &Stop,
    ) -> Vec<(String, Vec<LiveChannel>, Stop)> {
        self.0.retain(|upstream, group| {
            let stays = wanted.get(upstream).is_some_and(|now| same_specs(now, &group.channels));
            if !stays {
                group.stop.request();
            }
            stays || group.is_running
        });
        let mut beginning = Vec::new();
        for (upstream, channels) in wanted {
            if self.0.contains_key(&upstream) || stop.is_requested() {
                continue;
            }
            let stop = stop.child();
            let group = Group { channels: channels.clone(), stop: stop.clone(), is_running: true };
            self.0.insert(upstream.clone(), group);
            beginning.push((upstream, channels, stop));
        }
        beginning
    }

    /// Notes that a group has ended. Returns whether it was stopped for a change.
    fn ended(&mut self, upstream: &str) -> bool {
        let Some(group) = self.0.get_mut(upstream) else { return false };
        group.is_running = false;
        let was_to_change = group.stop.is_requested();
        if was_to_change {
            self.0.remove(upstream);
        }
        was_to_change
    }
}
