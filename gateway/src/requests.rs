//! What others ask of the channels that this process holds: looked for every second, done, answered.

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

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A request that is done.
type Done = (i64, RequestState);

/// Serves the requests to these channels for ever; what was told to rest before rests again first.
/// Dropped while something is being done, it is done by whoever holds the channel next.
pub async fn serve(plans: &[ChannelPlan], store: &Database) -> Infallible {
    let mut desk = Desk { plans, store, in_hand: HashSet::new(), doing: FuturesUnordered::new() };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut knows_paused = false;
    loop {
        tokio::select! {
            Some(done) = desk.doing.next() => desk.answer(done).await,
            _ = look.tick() => {
                let looked = match knows_paused {
                    true => desk.look().await,
                    false => desk.restore_paused().await,
                };
                match looked {
                    Ok(()) => knows_paused = true,
                    Err(fault) => warn!("requests: {fault}; looking again soon"),
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
    async fn restore_paused(&self) -> Result<(), Fault> {
        let paused = self.store.paused().await?;
        for plan in self.plans {
            plan.orders.pause(paused.contains(&plan.id));
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Fault> {
        for request in self.store.open_requests().await? {
            let ours = |plan: &&ChannelPlan| Some(&plan.id) == request.channel.as_ref();
            let Some(plan) = self.plans.iter().find(ours) else { continue };
            if self.in_hand.insert(request.seq) {
                info!("channel {}: asked to {:?}", plan.id, request.kind);
                self.doing.push(fulfil(plan, self.store, request).boxed());
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

async fn fulfil(plan: &ChannelPlan, store: &Database, request: Request) -> Done {
    let became = match request.kind {
        RequestKind::Sync if plan.orders.is_paused() => RequestState::Failed(format!(
            "it is paused; `tonghui resume {}` lets it go on",
            plan.id
        )),
        RequestKind::Sync => match plan.orders.call().await {
            Ok(()) => match store.progress(&plan.id).await {
                Ok(progress) => RequestState::Done(progress.step.to_string()),
                Err(fault) => RequestState::Failed(fault.to_string()),
            },
            Err(why) => RequestState::Failed(why),
        },
        RequestKind::Pause | RequestKind::Resume => {
            plan.orders.pause(request.kind == RequestKind::Pause);
            RequestState::Done(String::new())
        }
        RequestKind::Reload => RequestState::Failed("only all channels can be reloaded".to_owned()),
    };
    (request.seq, became)
}
