//! All channels that this process reads, upstream by upstream. Those that are changed while it runs
//! begin anew; the others notice nothing.

use std::{collections::BTreeMap, time::Duration};

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

/// Reads the `wanted` channels, and from then on whatever becomes wanted, until stop is asked or all
/// have ended by themselves and nobody is there any more to want others.
pub async fn serve(
    mut wanted: watch::Receiver<Vec<LiveChannel>>,
    shared: &Shared,
    leases: &LeaseHolder,
    grace: Duration,
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
                let ends =
                    Box::pin(upstream::serve(&upstream, channels, &shared, leases, grace)).await;
                (upstream, ends)
            };
            running.push(serving.boxed());
        }
        let is_final = wanted.has_changed().is_err();
        tokio::select! {
            Some((upstream, ends)) = running.next() => {
                // How a group ended that was only to change is nothing to report.
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

/// What to run in place of `running`: of each upstream the channels that run, where they are as the
/// `new` ones, or else those. Beside it the number of channels that begin anew.
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

/// The channels of each upstream: those that run, and those that have ended by themselves.
#[derive(Default)]
struct Groups(BTreeMap<String, Group>);

struct Group {
    channels: Vec<LiveChannel>,
    stop: Stop,
    is_running: bool,
}

impl Groups {
    /// Stops what is not wanted as it is, and gives what is to begin. What has to stop first begins
    /// when it has.
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

    /// A group has ended; whether because it was to change.
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
