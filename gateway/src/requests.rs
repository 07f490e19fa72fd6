//! What others ask of the channels that this process holds: looked for twice a second, done, answered.

use std::{collections::HashSet, convert::Infallible, time::Duration};

use contract::Fault;
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use sink::store::{Database, Request, RequestKind, RequestState};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::supervise::ChannelPlan;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A request that is done.
type Done = (i64, RequestState);

/// Serves the requests to these channels for ever, and lets rest those that were told to, whenever
/// that was. Dropped while something is being done, it is done by whoever holds the channel next.
pub async fn serve(plans: &[ChannelPlan], store: &Database) -> Infallible {
    let mut desk = Desk { plans, store, in_hand: HashSet::new(), doing: FuturesUnordered::new() };
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
    store: &'a Database,
    in_hand: HashSet<i64>,
    doing: FuturesUnordered<BoxFuture<'a, Done>>,
}

impl<'a> Desk<'a> {
    async fn look(&mut self) -> Result<(), Fault> {
        let paused = self.store.paused().await?;
        for plan in self.plans {
            plan.orders.pause(paused.contains(&plan.id));
        }
        for Request { seq, channel, kind } in self.store.open_requests().await? {
            let ours = |plan: &&ChannelPlan| Some(&plan.id) == channel.as_ref();
            let plan = self.plans.iter().find(ours).filter(|_| kind == RequestKind::Sync);
            if let Some(plan) = plan
                && self.in_hand.insert(seq)
            {
                info!("channel {}: asked to look now", plan.id);
                self.doing.push(sync(plan, self.store, seq).boxed());
            }
        }
        Ok(())
    }

    async fn answer(&mut self, (seq, became): Done) {
        if let Err(fault) = self.store.answer(seq, &became).await {
            warn!("request {seq}: {fault}; it is done once more");
        }
        self.in_hand.remove(&seq);
    }
}

/// A whole pass, now.
async fn sync(plan: &ChannelPlan, store: &Database, seq: i64) -> Done {
    if plan.orders.is_paused() {
        let how = format!("it is paused; `tonghui resume {}` lets it go on", plan.id);
        return (seq, RequestState::Failed(how));
    }
    let became = match plan.orders.call().await {
        Ok(()) => match store.progress(&plan.id).await {
            Ok(progress) => RequestState::Done(progress.step.to_string()),
            Err(fault) => RequestState::Failed(fault.to_string()),
        },
        Err(why) => RequestState::Failed(why),
    };
    (seq, became)
}
