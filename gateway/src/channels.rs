//! Runs all channels of this process, grouped by upstream. If the specification of a channel changes, its
//! group is restarted; other groups are not affected.

use std::collections::BTreeMap;

use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream::FuturesUnordered,
};
use tokio::sync::watch;

use crate::{
    channel::{LiveChannel, have_same_specs},
    lease::LeaseHolder,
    stop::Stop,
    supervise::{ChannelEnd, Shared},
    upstream,
};

/// Runs the `desired` channels, and applies every change of them, until stop is requested, or until all
/// have ended by themselves and no more changes can come.
pub async fn serve(
    mut desired: watch::Receiver<Vec<LiveChannel>>,
    shared: &Shared,
    leases: &LeaseHolder,
) -> Vec<ChannelEnd> {
    let (mut groups, mut ended) = (Groups::default(), Vec::new());
    let mut running: FuturesUnordered<BoxFuture<'_, (String, Vec<ChannelEnd>)>> =
        FuturesUnordered::new();
    let stop = &shared.environment.stop;
    loop {
        let groups_now = LiveChannel::group_by_upstream(desired.borrow_and_update().clone());
        for (upstream, channels, stop) in groups.reconcile(groups_now, stop) {
            let mut shared = shared.clone();
            shared.environment.stop = stop;
            let serving = async move {
                let ends = Box::pin(upstream::serve(&upstream, channels, &shared, leases)).await;
                (upstream, ends)
            };
            running.push(serving.boxed());
        }
        // An error means that the sender is gone, so no more changes can come.
        let is_final = desired.has_changed().is_err();
        tokio::select! {
            Some((upstream, ends)) = running.next() => {
                // A group that was stopped for a restart has nothing to report.
                if !groups.mark_ended(&upstream) || stop.is_requested() {
                    ended.extend(ends);
                }
            }
            Ok(()) = desired.changed() => {}
            () = stop.requested(), if running.is_empty() && !is_final => return ended,
            else => return ended,
        }
    }
}

/// The channels to run after a reload: for each upstream the `running` ones if their specifications have
/// not changed, otherwise the `new` ones. Also returns how many of them are new ones.
pub fn merge(running: &[LiveChannel], new: Vec<LiveChannel>) -> (Vec<LiveChannel>, usize) {
    let running = LiveChannel::group_by_upstream(running.to_vec());
    let (mut merged, mut n_new) = (Vec::new(), 0);
    for (upstream, new) in LiveChannel::group_by_upstream(new) {
        match running.get(&upstream).filter(|running| have_same_specs(running, &new)) {
            Some(running) => merged.extend(running.iter().cloned()),
            None => {
                n_new += new.len();
                merged.extend(new);
            }
        }
    }
    (merged, n_new)
}

/// The channels of each upstream that are running or have ended by themselves.
#[derive(Default)]
struct Groups(BTreeMap<String, Group>);

struct Group {
    channels: Vec<LiveChannel>,
    /// Stops this group only.
    stop: Stop,
    /// False once all its channels have ended.
    is_running: bool,
}

impl Groups {
    /// Stops the groups that have changed or are not desired any more, and returns the groups to start,
    /// each with a stop of its own. A later call starts a changed group, once the old one has ended.
    fn reconcile(
        &mut self,
        desired: BTreeMap<String, Vec<LiveChannel>>,
        stop: &Stop,
    ) -> Vec<(String, Vec<LiveChannel>, Stop)> {
        self.0.retain(|upstream, group| {
            let now = desired.get(upstream);
            let is_unchanged = now.is_some_and(|now| have_same_specs(now, &group.channels));
            if !is_unchanged {
                group.stop.request();
            }
            is_unchanged || group.is_running
        });
        let mut to_start = Vec::new();
        for (upstream, channels) in desired {
            if self.0.contains_key(&upstream) || stop.is_requested() {
                continue;
            }
            let stop = stop.child();
            let group = Group { channels: channels.clone(), stop: stop.clone(), is_running: true };
            self.0.insert(upstream.clone(), group);
            to_start.push((upstream, channels, stop));
        }
        to_start
    }

    /// Notes that a group has ended. Returns whether it was stopped because of a change.
    fn mark_ended(&mut self, upstream: &str) -> bool {
        let Some(group) = self.0.get_mut(upstream) else { return false };
        group.is_running = false;
        let was_stopped = group.stop.is_requested();
        if was_stopped {
            self.0.remove(upstream);
        }
        was_stopped
    }
}
