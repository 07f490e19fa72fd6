//! The channels of one upstream, read by the one process that holds its lease; and those that are
//! sent to, which every process reads.

use std::{collections::BTreeMap, time::Duration};

use contract::{Position, Retry};
use sink::store::{Claim, Lease};
use tracing::info;

use crate::{
    instance,
    lease::Keeper,
    report, requests,
    supervise::{ChannelPlan, Ended, Shared, run_channels},
};

/// How often somebody who waits for a lease asks for it.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Channels by upstream, in the order of their names.
pub fn by_upstream(plans: Vec<ChannelPlan>) -> BTreeMap<String, Vec<ChannelPlan>> {
    let mut groups: BTreeMap<String, Vec<ChannelPlan>> = BTreeMap::new();
    for plan in plans {
        groups.entry(plan.upstream.clone()).or_default().push(plan);
    }
    groups
}

/// Runs the channels of `upstream` whenever this process holds its lease, and does what is asked of
/// them, until stop is asked or they have ended by themselves.
pub async fn serve(
    upstream: &str,
    plans: &[ChannelPlan],
    shared: &Shared,
    keeper: &Keeper,
    grace: Duration,
) -> Vec<Ended> {
    let Some(limits) = plans.first().map(|plan| &plan.limits) else { return Vec::new() };
    while let Some(lease) = wait_for(upstream, shared, keeper).await {
        let work = async {
            tokio::select! {
                ended = run_channels(plans, shared, lease.fence, grace) => ended,
                never = requests::serve(plans, shared, lease.fence) => match never {},
            }
        };
        if let Some(ended) = keeper.during(&lease, limits, work).await {
            return ended;
        }
    }
    Vec::new()
}

/// Runs the channels that are sent to: every process takes what arrives at its own door, so there is
/// nothing to have a lease of.
pub async fn receive(plans: &[ChannelPlan], shared: &Shared, grace: Duration) -> Vec<Ended> {
    if plans.is_empty() {
        return Vec::new();
    }
    tokio::select! {
        ended = run_channels(plans, shared, Position::UNLEASED, grace) => ended,
        never = requests::serve(plans, shared, Position::UNLEASED) => match never {},
    }
}

/// The lease, as soon as nobody else has it; `None` once stop is asked.
async fn wait_for(upstream: &str, shared: &Shared, keeper: &Keeper) -> Option<Lease> {
    let mut retry = Retry::default();
    let mut known_holder = None;
    while !shared.stop.is_asked() {
        let wait = match keeper.claim(upstream).await {
            Ok(Claim::Ours(lease)) => return Some(lease),
            Ok(Claim::Held(held)) => {
                if known_holder.as_ref() != Some(&held.holder) {
                    let who = instance::describe(&held.holder);
                    info!("upstream {upstream} is read by {who}; taking over when it ends");
                    known_holder = Some(held.holder);
                }
                ASK_EVERY
            }
            Ok(Claim::Lost) => continue,
            Err(fault) => {
                let wait = retry.wait(fault.kind());
                report::retry(None, &fault.at(format!("lease of upstream {upstream}")), wait);
                wait
            }
        };
        shared.stop.or_sleep(wait).await;
    }
    None
}
