//! All channels that this process reads, upstream by upstream. What they become while it runs begins
//! anew; the others notice nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream::FuturesUnordered,
};
use tokio::sync::watch;

use crate::{
    lease::Keeper,
    stop::Stop,
    supervise::{ChannelPlan, Ended, Shared},
    upstream::{self, by_upstream},
};

/// Reads the channels of `plans`, and from then on what they become, until stop is asked or all have
/// ended by themselves and nobody is there any more to change them.
pub async fn serve(
    mut plans: watch::Receiver<Vec<ChannelPlan>>,
    shared: &Shared,
    keeper: &Keeper,
    grace: Duration,
) -> Vec<Ended> {
    let mut channels = Channels {
        shared,
        keeper,
        grace,
        groups: BTreeMap::new(),
        at_work: FuturesUnordered::new(),
    };
    let mut ended = Vec::new();
    loop {
        let wanted = by_upstream(plans.borrow_and_update().clone());
        channels.become_like(wanted);
        let is_final = plans.has_changed().is_err();
        tokio::select! {
            Some((upstream, ends)) = channels.at_work.next() => {
                ended.extend(channels.ended(&upstream, ends));
            }
            Ok(()) = plans.changed() => {}
            () = shared.stop.asked(), if channels.at_work.is_empty() && !is_final => return ended,
            else => return ended,
        }
    }
}

/// The channels of one upstream.
struct Group {
    plans: Vec<ChannelPlan>,
    stop: Stop,
    is_at_work: bool,
}

type Work<'a> = BoxFuture<'a, (String, Vec<Ended>)>;

struct Channels<'a> {
    shared: &'a Shared,
    keeper: &'a Keeper,
    grace: Duration,
    /// Those at work, and those that have ended by themselves.
    groups: BTreeMap<String, Group>,
    at_work: FuturesUnordered<Work<'a>>,
}

impl Channels<'_> {
    /// Ends what is not wanted as it is, and begins what is not there. What has to end first begins
    /// when it has.
    fn become_like(&mut self, wanted: BTreeMap<String, Vec<ChannelPlan>>) {
        self.groups.retain(|upstream, group| {
            let stays = wanted.get(upstream).is_some_and(|plans| are_same(plans, &group.plans));
            if !stays {
                group.stop.ask();
            }
            stays || group.is_at_work
        });
        for (upstream, plans) in wanted {
            if self.groups.contains_key(&upstream) || self.shared.stop.is_asked() {
                continue;
            }
            let stop = self.shared.stop.child();
            let shared = Shared { stop: stop.clone(), ..self.shared.clone() };
            self.groups
                .insert(upstream.clone(), Group { plans: plans.clone(), stop, is_at_work: true });
            let (keeper, grace) = (self.keeper, self.grace);
            let work = async move {
                // Whoever is sent to needs no lease: many may receive at once.
                let (sent_to, asked): (Vec<_>, Vec<_>) =
                    plans.into_iter().partition(|plan| plan.guard.is_some());
                let asking = async {
                    if asked.is_empty() {
                        return Vec::new();
                    }
                    upstream::serve(&upstream, &asked, &shared, keeper, grace).await
                };
                let receiving = upstream::receive(&sent_to, &shared, grace);
                let (mut ended, received) = tokio::join!(asking, receiving);
                ended.extend(received);
                (upstream, ended)
            };
            self.at_work.push(work.boxed());
        }
    }

    /// A group has ended. How one ended that was only to change is nothing to report.
    fn ended(&mut self, upstream: &str, ends: Vec<Ended>) -> Vec<Ended> {
        let Some(group) = self.groups.get_mut(upstream) else { return ends };
        group.is_at_work = false;
        if !group.stop.is_asked() || self.shared.stop.is_asked() {
            return ends;
        }
        self.groups.remove(upstream);
        Vec::new()
    }
}

/// Whether these are the very same channels, and not others of their names.
fn are_same(one: &[ChannelPlan], other: &[ChannelPlan]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(&one.watch, &other.watch))
}

/// What is to run in place of `old`: a group of channels of one upstream is the old one where it
/// would run as `new` says, or else the new one. Beside it the number of channels that begin anew.
pub fn merged(old: &[ChannelPlan], new: Vec<ChannelPlan>) -> (Vec<ChannelPlan>, usize) {
    let old = by_upstream(old.to_vec());
    let (mut merged, mut n_new) = (Vec::new(), 0);
    for (upstream, new) in by_upstream(new) {
        let is_like = |old: &&Vec<ChannelPlan>| {
            old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| old.is_like(new))
        };
        match old.get(&upstream).filter(is_like) {
            Some(old) => merged.extend(old.iter().cloned()),
            None => {
                n_new += new.len();
                merged.extend(new);
            }
        }
    }
    (merged, n_new)
}
