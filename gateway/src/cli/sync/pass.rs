//! One pass over the channels of each upstream: by the service that holds it, or by this process.

use std::{sync::Arc, time::Duration};

use contract::{Fault, Retry};
use futures_util::future::join_all;
use serde::Serialize;
use sink::store::{Claim, Database, Holding, RequestKind, RequestState};

use super::Row;
use crate::{
    instance::{self, Instance},
    lease::Keeper,
    supervise::{ChannelPlan, Shared, run_channels},
    upstream::by_upstream,
};

/// How often the answer of a service, and a lease that somebody else has, are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How the pass over one channel ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub(super) enum Became {
    /// Everything that was there is read and published.
    Done {
        /// The service that did it.
        by: Option<String>,
        /// The move of the position that ended it.
        #[serde(skip)]
        step: u64,
    },
    /// A service was asked, and nobody waited.
    Asked {
        /// That service.
        by: String,
    },
    /// Later: nothing is lost.
    NotYet {
        /// What was in the way.
        why: String,
    },
    /// Somebody has to mend something.
    Failed {
        /// What.
        why: String,
    },
}

/// Passes over all channels, upstreams side by side, until stop is asked.
pub(super) async fn pass(
    plans: Vec<ChannelPlan>,
    shared: &Shared,
    grace: Duration,
    only_ask: bool,
) -> Vec<Row> {
    let keeper = Keeper::new(shared.store.apart(), false);
    let groups = by_upstream(plans);
    let upstreams = groups.iter().map(|(name, plans)| async {
        let one = Upstream { name, shared, keeper: &keeper, grace, only_ask };
        one.pass(plans.clone()).await
    });
    join_all(upstreams).await.into_iter().flatten().collect()
}

struct Upstream<'a> {
    name: &'a str,
    shared: &'a Shared,
    keeper: &'a Keeper,
    grace: Duration,
    only_ask: bool,
}

impl Upstream<'_> {
    async fn pass(&self, mut plans: Vec<ChannelPlan>) -> Vec<Row> {
        let (mut rows, mut retry) = (self.paused(&plans).await, Retry::default());
        plans.retain(|plan| rows.iter().all(|row: &Row| row.channel != plan.id));
        let mut in_the_way = "it had no time to begin".to_owned();
        let limits = plans.first().map(|plan| Arc::clone(&plan.limits));
        while let Some(limits) = limits.as_deref().filter(|_| !plans.is_empty())
            && !self.shared.stop.is_asked()
        {
            let done = match self.keeper.claim(self.name).await {
                Ok(Claim::Ours(lease)) => {
                    let work = run_channels(&plans, self.shared, lease.fence, self.grace);
                    match self.keeper.during(&lease, limits, work).await {
                        Some(ended) => self.ended(ended).await,
                        None => Vec::new(),
                    }
                }
                Ok(Claim::Held(held)) if held.serves => self.follow(&plans, &held).await,
                Ok(Claim::Held(held)) => {
                    in_the_way = format!("{} reads it", instance::describe(&held.holder));
                    self.shared.stop.or_sleep(LOOK_EVERY).await;
                    Vec::new()
                }
                Ok(Claim::Lost) => Vec::new(),
                Err(fault) => {
                    in_the_way = fault.to_string();
                    self.shared.stop.or_sleep(retry.wait(fault.kind())).await;
                    Vec::new()
                }
            };
            plans.retain(|plan| done.iter().all(|row: &Row| row.channel != plan.id));
            rows.extend(done);
        }
        let not_yet = |plan: ChannelPlan| {
            let why = match plan.watch.state() {
                crate::watch::State::Waiting(fault) => fault,
                _ => in_the_way.clone(),
            };
            Row { channel: plan.id, became: Became::NotYet { why } }
        };
        rows.extend(plans.into_iter().map(not_yet));
        rows
    }

    /// A channel that was told to rest rests, whoever would read it. Where the store cannot say, the
    /// pass will find out that it is away.
    async fn paused(&self, plans: &[ChannelPlan]) -> Vec<Row> {
        let paused = self.shared.store.paused().await.unwrap_or_default();
        let row = |plan: &ChannelPlan| {
            let why = format!("it is paused; `tonghui resume {}` lets it go on", plan.id);
            Row { channel: plan.id.clone(), became: Became::Failed { why } }
        };
        plans.iter().filter(|plan| paused.contains(&plan.id)).map(row).collect()
    }

    /// What this process did. A pass that was stopped has not found everything.
    async fn ended(&self, ended: Vec<(contract::ChannelId, Result<(), Fault>)>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (channel, end) in ended {
            let progress = self.shared.store.progress(&channel).await;
            let became = match (end, progress) {
                (Err(fault), _) if !fault.is_stopped() => Became::NotYet { why: fault.to_string() },
                (Err(fault), _) => Became::Failed { why: fault.to_string() },
                (Ok(()), _) if self.shared.stop.is_asked() => {
                    Became::NotYet { why: "it was stopped".to_owned() }
                }
                (Ok(()), Ok(progress)) => Became::Done { by: None, step: progress.step },
                (Ok(()), Err(fault)) => Became::NotYet { why: fault.to_string() },
            };
            rows.push(Row { channel, became });
        }
        rows
    }

    /// Asks the service that holds the lease; what it leaves undone when it ends is not in the rows.
    async fn follow(&self, plans: &[ChannelPlan], held: &Holding) -> Vec<Row> {
        let by = format!("the running service, {}", instance::describe(&held.holder));
        let asking = plans.iter().map(|plan| async {
            let became = self.ask(plan, held, &by).await?;
            Some(Row { channel: plan.id.clone(), became })
        });
        join_all(asking).await.into_iter().flatten().collect()
    }

    async fn ask(&self, plan: &ChannelPlan, held: &Holding, by: &str) -> Option<Became> {
        let store = &self.shared.store;
        let own = Instance::own();
        let seq = match store.ask(RequestKind::Sync, Some(&plan.id), plan.range, own.as_str()).await
        {
            Ok(seq) => seq,
            Err(fault) => return Some(Became::NotYet { why: fault.to_string() }),
        };
        if self.only_ask {
            return Some(Became::Asked { by: by.to_owned() });
        }
        while !self.shared.stop.is_asked() {
            match store.request(seq).await {
                Ok(RequestState::Done(step)) => {
                    let step = step.parse().unwrap_or(u64::MAX);
                    return Some(Became::Done { by: Some(by.to_owned()), step });
                }
                Ok(RequestState::Failed(why)) => return Some(Became::Failed { why }),
                Ok(RequestState::Open) if !still_held(store, held).await => break,
                // A store that is away for a moment comes back, or the deadline comes.
                Ok(RequestState::Open) | Err(_) => self.shared.stop.or_sleep(LOOK_EVERY).await,
            }
        }
        // Nobody waits for it any more; should it be done all the same, that does no harm.
        let withdrawn = RequestState::Failed("withdrawn".to_owned());
        let _ = store.answer(seq, &withdrawn).await;
        None
    }
}

/// Whether that service is still there. Where nobody knows, it is.
async fn still_held(store: &Database, held: &Holding) -> bool {
    if instance::is_gone(&held.holder) {
        return false;
    }
    let Ok(leases) = store.leases().await else { return true };
    leases.iter().any(|now| now.upstream == held.upstream && now.holder == held.holder)
}
