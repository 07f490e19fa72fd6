//! Serves the requests (`sync`, `replay`, `pause`, `resume` and others) to the channels that this process runs. Twice a
//! second, the requests are read from the store.

mod look;

use std::{collections::HashMap, convert::Infallible, future::pending, time::Duration};

use contract::{ChannelId, Fault, PassEnd, TimeRange};
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use serde::{Deserialize, Serialize};
use sink::store::{Database, Progress, Request, RequestKind, RequestState};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    again::{Which, map_again},
    channel::LiveChannel,
    reconcile::compare,
    supervise::{Shared, supervise_channel},
};
pub use look::SharedLook;

/// How often the store is checked for requests and pauses.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a pass may take until what it read is stored; a comparison waits that long for the next one.
const PASS_LENGTH: Duration = Duration::from_secs(10);
/// A pass that begins later than this is not waited for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The number of a request, and its new state.
type Answer = (i64, RequestState);

/// Serves the requests to these channels, and pauses and resumes them; never returns. `fence` is that of
/// the lease under which they are read. If this future is dropped, the process that runs a channel next
/// serves its unfinished requests.
pub async fn serve(channels: &[LiveChannel], shared: &Shared, fence: u64) -> Infallible {
    let (in_progress, work) = (HashMap::new(), FuturesUnordered::new());
    let mut requests = Requests { channels, shared, fence, in_progress, work };
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(done) = requests.work.next() => requests.answer(done).await,
            _ = ticks.tick() => {
                if let Err(fault) = requests.check_store().await {
                    let (kind, wait_ms) = (fault.kind().name(), CHECK_INTERVAL.as_millis());
                    warn!(kind, wait_ms, "cannot read requests from the store: {fault}; retry in 0.5 s");
                }
            }
        }
    }
}

/// The requests that are being served.
struct Requests<'a> {
    channels: &'a [LiveChannel],
    shared: &'a Shared,
    fence: u64,
    /// Requests that are being served, each with the token that cancels it.
    in_progress: HashMap<i64, CancellationToken>,
    work: FuturesUnordered<BoxFuture<'a, Answer>>,
}

impl<'a> Requests<'a> {
    /// Reads pauses and requests from the store, and starts to serve new requests.
    async fn check_store(&mut self) -> Result<(), Fault> {
        let store = &self.shared.store;
        let asked = self.shared.look.look(store).await?;
        for channel in self.channels {
            channel.handle.control.set_paused(asked.paused.contains(channel.id()));
        }
        let open = &asked.open;
        for (seq, cancellation) in &self.in_progress {
            if open.iter().all(|request| request.seq != *seq) {
                cancellation.cancel(); // it was withdrawn
            }
        }
        for &Request { seq, ref channel, kind, range, reject } in open {
            let is_target = |each: &&LiveChannel| Some(each.id()) == channel.as_ref();
            let again = match kind {
                RequestKind::Replay => Some(Which::Outdated(range.map(|range| range.from()))),
                RequestKind::MapRejected => Some(Which::Rejected(reject)),
                _ => None,
            };
            let is_served =
                again.is_some() || matches!(kind, RequestKind::Sync | RequestKind::Reconcile);
            let ours = self.channels.iter().find(is_target).filter(|_| is_served);
            let Some(channel) = ours.filter(|_| !self.in_progress.contains_key(&seq)) else {
                continue;
            };
            let cancellation = self.in_progress.entry(seq).or_default().clone();
            let (shared, fence) = (self.shared, self.fence);
            let serving = async move {
                if let Some(which) = again {
                    return answer(Box::pin(map_again(channel, which, shared, fence)).await).await;
                }
                match range {
                    _ if channel.handle.control.is_paused() => {
                        RequestState::Failed(paused_message(channel.id()))
                    }
                    _ if kind == RequestKind::Reconcile => reconcile(channel, range, shared).await,
                    None => sync(channel, store).await,
                    Some(range) => Box::pin(backfill(channel, range, shared, fence)).await,
                }
            };
            match range {
                _ if again.is_some() => info!(channel = %channel.id(), "mapping again requested"),
                _ if kind == RequestKind::Reconcile => {
                    info!(channel = %channel.id(), "comparison requested");
                }
                None => info!(channel = %channel.id(), "read requested"),
                Some(range) => info!(channel = %channel.id(), %range, "backfill requested"),
            }
            let answer = async move {
                let state = cancellation.run_until_cancelled(Box::pin(serving)).await;
                (seq, state.unwrap_or_else(|| RequestState::Failed("withdrawn".to_owned())))
            };
            self.work.push(answer.boxed());
        }
        Ok(())
    }

    /// Stores the answer to a request.
    async fn answer(&mut self, (seq, state): Answer) {
        if let Err(fault) = self.shared.store.answer(seq, &state).await {
            let (kind, wait_ms) = (fault.kind().name(), CHECK_INTERVAL.as_millis());
            warn!(
                request = seq,
                kind,
                wait_ms,
                "cannot store the answer to a request: {fault}; it will be served again"
            );
        } else {
            self.shared.look.forget().await;
        }
        self.in_progress.remove(&seq);
    }
}

/// Runs one whole pass now.
async fn sync(channel: &LiveChannel, store: &Database) -> RequestState {
    match channel.handle.control.pass_now().await {
        Ok(()) => done_state(channel, last_pass(channel), store).await,
        Err(why) => RequestState::Failed(why),
    }
}

/// Reads the records in `range` again, beside the regular reads.
async fn backfill(
    channel: &LiveChannel,
    range: TimeRange,
    shared: &Shared,
    fence: u64,
) -> RequestState {
    let backfill = channel.backfill(range);
    let ended = Box::pin(supervise_channel(&backfill, shared, fence)).await;
    match ended {
        // The process that runs the channel next continues it.
        _ if shared.environment.stop.is_requested() => pending().await,
        Ok(()) => done_state(channel, last_pass(&backfill), &shared.store).await,
        Err(fault) => RequestState::Failed(fault.to_string()),
    }
}

/// Compares the source with the store.
async fn reconcile(
    channel: &LiveChannel,
    range: Option<TimeRange>,
    shared: &Shared,
) -> RequestState {
    let Shared { store, environment, .. } = shared;
    let patience = || {
        let wait = channel.spec.pace.schedule.as_ref().map_or(Some(Duration::ZERO), |schedule| {
            schedule.longest_wait(environment.clock.now())
        });
        wait.filter(|wait| *wait <= MAX_WAIT).map_or(Duration::ZERO, |wait| wait + PASS_LENGTH)
    };
    answer(Box::pin(compare(channel, range, store, environment, patience)).await).await
}

/// The answer to a request. Never returns if the work was stopped: the process that runs the channel next does it.
async fn answer<T: Serialize>(done: Result<Option<T>, Fault>) -> RequestState {
    match done {
        Ok(None) => pending().await,
        Ok(Some(found)) => RequestState::Done(serde_json::to_string(&found).unwrap_or_default()),
        Err(fault) => RequestState::Failed(fault.to_string()),
    }
}

fn last_pass(channel: &LiveChannel) -> PassEnd {
    channel.handle.watch.pass().unwrap_or_default()
}

/// The answer to a request for a paused channel.
pub fn paused_message(channel: &ChannelId) -> String {
    format!("the channel is paused; resume it with `tonghui resume {channel}`")
}

/// What `sync` is told about a pass that was requested and has ended.
#[derive(Serialize, Deserialize)]
pub struct PassDone {
    /// How often the position has moved so far: `sync` waits until all that is stored.
    pub step: u64,
    /// The account of the pass.
    pub pass: PassEnd,
}

impl PassDone {
    /// What the answer to a request says. An earlier version of the gateway writes only the step.
    pub fn from_answer(answer: &str) -> Self {
        serde_json::from_str(answer).unwrap_or_else(|_| Self {
            step: answer.parse().unwrap_or(u64::MAX),
            pass: PassEnd::default(),
        })
    }
}

/// The answer to a request that was served.
async fn done_state(channel: &LiveChannel, pass: PassEnd, store: &Database) -> RequestState {
    match store.progress(channel.id()).await {
        Ok(Progress { step, .. }) => {
            let done = serde_json::to_string(&PassDone { step, pass });
            RequestState::Done(done.unwrap_or_default()) // counts always serialise
        }
        Err(fault) => RequestState::Failed(fault.to_string()),
    }
}
