//! What others ask of the channels that this process holds: looked for twice a second, done, answered.

use std::{collections::HashMap, convert::Infallible, future::pending, time::Duration};

use contract::{Fault, TimeRange};
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use sink::store::{Database, Request, RequestKind, RequestState};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::supervise::{ChannelPlan, Shared, tend};

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A request that is done.
type Done = (i64, RequestState);

/// Serves the requests to these channels, read under the lease with this `fence`, for ever, and lets
/// rest those that were told to, whenever that was. Dropped while something is being done, it is done
/// by whoever holds the channel next.
pub async fn serve(plans: &[ChannelPlan], shared: &Shared, fence: u64) -> Infallible {
    let (in_hand, doing) = (HashMap::new(), FuturesUnordered::new());
    let mut desk = Desk { plans, shared, fence, in_hand, doing };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(done) = desk.doing.next() => desk.answer(done).await,
            _ = look.tick() => {
                if let Err(fault) = desk.look().await {
                    warn!("requests: {fault}; looking again soon");
                }
            }
        }
    }
}

struct Desk<'a> {
    plans: &'a [ChannelPlan],
    shared: &'a Shared,
    fence: u64,
    /// What ends the doing of each.
    in_hand: HashMap<i64, CancellationToken>,
    doing: FuturesUnordered<BoxFuture<'a, Done>>,
}

impl<'a> Desk<'a> {
    async fn look(&mut self) -> Result<(), Fault> {
        let store = &self.shared.store;
        let paused = store.paused().await?;
        for plan in self.plans {
            plan.orders.pause(paused.contains(&plan.id));
        }
        let open = store.open_requests().await?;
        for (seq, end) in &self.in_hand {
            if open.iter().all(|request| request.seq != *seq) {
                end.cancel(); // whoever asked waits no longer
            }
        }
        for Request { seq, channel, kind, range } in open {
            let ours = |plan: &&ChannelPlan| Some(&plan.id) == channel.as_ref();
            let plan = self.plans.iter().find(ours).filter(|_| kind == RequestKind::Sync);
            let Some(plan) = plan.filter(|_| !self.in_hand.contains_key(&seq)) else { continue };
            let end = self.in_hand.entry(seq).or_default().clone();
            let (shared, fence) = (self.shared, self.fence);
            let work = async move {
                let became = match range {
                    None => sync(plan, store).await,
                    Some(range) => backfill(plan, range, shared, fence).await,
                };
                (seq, became)
            };
            info!("channel {}: asked to read {}", plan.id, what(range));
            self.doing.push(
                async move {
                    end.run_until_cancelled(Box::pin(work))
                        .await
                        .unwrap_or_else(|| (seq, RequestState::Failed("withdrawn".to_owned())))
                }
                .boxed(),
            );
        }
        Ok(())
    }

    async fn answer(&mut self, (seq, became): Done) {
        if let Err(fault) = self.shared.store.answer(seq, &became).await {
            warn!("request {seq}: {fault}; it is done once more");
        }
        self.in_hand.remove(&seq);
    }
}

/// A whole pass, now.
async fn sync(plan: &ChannelPlan, store: &Database) -> RequestState {
    if let Some(rests) = rests(plan) {
        return rests;
    }
    match plan.orders.call().await {
        Ok(()) => step(plan, store).await,
        Err(why) => RequestState::Failed(why),
    }
}

/// What lies in `range`, beside what is new.
async fn backfill(
    plan: &ChannelPlan,
    range: TimeRange,
    shared: &Shared,
    fence: u64,
) -> RequestState {
    if let Some(rests) = rests(plan) {
        return rests;
    }
    let ended = tend(&plan.again(range), shared, fence).await;
    match ended {
        // Whoever holds the channel next goes on with it.
        _ if shared.stop.is_asked() => pending().await,
        Ok(()) => step(plan, &shared.store).await,
        Err(fault) => RequestState::Failed(fault.to_string()),
    }
}

fn rests(plan: &ChannelPlan) -> Option<RequestState> {
    let how = || format!("it is paused; `tonghui resume {}` lets it go on", plan.id);
    plan.orders.is_paused().then(|| RequestState::Failed(how()))
}

/// Done: the moves of the position until now cover it.
async fn step(plan: &ChannelPlan, store: &Database) -> RequestState {
    match store.progress(&plan.id).await {
        Ok(progress) => RequestState::Done(progress.step.to_string()),
        Err(fault) => RequestState::Failed(fault.to_string()),
    }
}

fn what(range: Option<TimeRange>) -> String {
    range.map_or_else(|| "now".to_owned(), |range| format!("{range} again"))
}
