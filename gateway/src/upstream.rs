//! Runs the channels of one upstream, the system that they read: polled channels in the process that holds
//! the lease, push channels in every process.

use std::time::Duration;

use contract::{Position, Retry};
use sink::store::{Claim, Lease};
use tracing::info;

use crate::{
    channel::LiveChannel,
    instance,
    lease::LeaseHolder,
    log, requests,
    supervise::{ChannelEnd, Shared, run_channels},
};

/// How often a waiting process tries to claim the lease.
const CLAIM_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the polled channels of `upstream` while this process holds its lease, and the push channels all
/// the time, because every process has its own listener. Also serves the requests to them. Returns when
/// stop is requested, or when all channels have ended by themselves.
pub async fn serve(
    upstream: &str,
    channels: Vec<LiveChannel>,
    shared: &Shared,
    leases: &LeaseHolder,
) -> Vec<ChannelEnd> {
    let (push, polled): (Vec<_>, Vec<_>) =
        channels.into_iter().partition(|channel| channel.endpoint.is_some());
    let run = async |channels: &[LiveChannel], fence| {
        tokio::select! {
            ended = run_channels(channels, shared, fence) => ended,
            never = Box::pin(requests::serve(channels, shared, fence)), if !channels.is_empty() => match never {},
        }
    };
    let polling = async {
        let Some(gate) = polled.first().map(|channel| &channel.gate) else { return Vec::new() };
        while let Some(lease) = wait_for_lease(upstream, shared, leases).await {
            if let Some(ended) =
                Box::pin(leases.hold_counting(&lease, gate, run(&polled, lease.fence))).await
            {
                return ended;
            }
        }
        Vec::new()
    };
    let (mut ended, ended_push) = tokio::join!(polling, run(&push, Position::UNLEASED));
    ended.extend(ended_push);
    ended
}

/// Waits for the lease; `None` if stop is requested first.
async fn wait_for_lease(upstream: &str, shared: &Shared, leases: &LeaseHolder) -> Option<Lease> {
    let mut retry = Retry::default();
    let mut logged_holder = None;
    while !shared.environment.stop.is_requested() {
        let wait = match leases.claim(upstream).await {
            Ok(Claim::Ours(lease)) => return Some(lease),
            Ok(Claim::Held(held)) => {
                if logged_holder.as_ref() != Some(&held.holder) {
                    let who = instance::describe(&held.holder);
                    if held.holder == instance::this_process() {
                        info!(
                            upstream,
                            "this process has lost the upstream, and reads it again when its lease has run out"
                        );
                    } else {
                        info!(
                            upstream,
                            "the upstream is read by {who}; this process takes over when that process ends"
                        );
                    }
                    logged_holder = Some(held.holder);
                }
                CLAIM_INTERVAL
            }
            Ok(Claim::Lost) => continue,
            Err(fault) => {
                let wait = retry.wait(fault.kind());
                log::retry(None, &fault.at(format!("lease of upstream {upstream}")), wait);
                wait
            }
        };
        shared.environment.stop.or_sleep(wait).await;
    }
    None
}
