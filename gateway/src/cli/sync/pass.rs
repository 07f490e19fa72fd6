//! Reads the channels of each upstream once. If a service holds the lease of the upstream, and so reads it,
//! the passes are requested from that service; otherwise this process reads.

use std::time::Duration;

use contract::{ChannelId, Complete, Fault, PassEnd, Retry};
use futures_util::future::join_all;
use serde::Serialize;
use sink::store::{Claim, Database, Holding, Progress, RequestKind, RequestState};

use super::Row;
use crate::{
    channel::LiveChannel,
    instance,
    lease::LeaseHolder,
    requests::{PassDone, paused_message},
    supervise::{ChannelEnd, Shared, run_channels},
};

/// How often the answer of a service, or a lease that another process holds, is checked.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Why a pass was not completed, if its lease was lost.
const LEASE_LOST: &str =
    "it was begun, but its lease could not be renewed in the store, or another process took it";

/// How the pass over one channel ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub(crate) enum PassResult {
    /// Everything new was read and published.
    Done {
        /// The service that read the channel; `None` for this process.
        by: Option<String>,
        /// How often the position of the channel had moved by the end of the pass.
        #[serde(skip)]
        step: u64,
        /// The account of the pass.
        pass: PassEnd,
        /// Whether it read everything that the source has.
        complete: Complete,
    },
    /// It was requested from a service, and this process does not wait for it.
    Asked {
        /// That service.
        by: String,
    },
    /// It could not be completed in time; nothing is lost.
    NotYet {
        /// The reason.
        why: String,
    },
    /// There was a fault that must be fixed first.
    Failed {
        /// The fault.
        why: String,
    },
}

impl PassResult {
    /// Adds why the sink could not store what was read, if the pass could not be completed.
    pub(super) fn add_reason(&mut self, fault: &Fault) {
        if let Self::NotYet { why } = self {
            why.push_str(&format!("; what was read cannot be stored: {fault}"));
        }
    }

    /// Whether somebody has to do something: the pass failed, or records are missing.
    pub(crate) fn needs_attention(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Done { complete: Complete::No, .. })
    }
}

impl PassDone {
    /// The result of a pass that this process read, or the service `by`.
    fn into_result(self, by: Option<String>) -> PassResult {
        let Self { step, pass } = self;
        PassResult::Done { by, step, complete: pass.complete(), pass }
    }
}

/// Reads all channels once, all upstreams at the same time. Ends early if stop is requested.
pub(super) async fn pass(channels: Vec<LiveChannel>, shared: &Shared, no_wait: bool) -> Vec<Row> {
    let leases = LeaseHolder::new(shared.store.separate_handle(), false);
    let groups = LiveChannel::group_by_upstream(channels);
    let upstreams = groups.into_iter().map(|(name, channels)| {
        let upstream = Upstream { name, shared, leases: &leases, no_wait };
        async move { Box::pin(upstream.pass(channels)).await }
    });
    join_all(upstreams).await.into_iter().flatten().collect()
}

/// One upstream, whose channels are read under one lease.
struct Upstream<'a> {
    name: String,
    shared: &'a Shared,
    leases: &'a LeaseHolder,
    no_wait: bool,
}

impl Upstream<'_> {
    /// Reads the channels once; returns a row for each.
    async fn pass(&self, mut channels: Vec<LiveChannel>) -> Vec<Row> {
        let stop = &self.shared.environment.stop;
        let (mut rows, mut retry) = (self.paused_rows(&channels).await, Retry::default());
        let has_no_row = |rows: &[Row], id: &ChannelId| rows.iter().all(|row| row.channel != *id);
        channels.retain(|channel| has_no_row(&rows, channel.id()));
        let mut reason = "it could not begin before the deadline".to_owned();
        while let Some(first) = channels.first()
            && !stop.is_requested()
        {
            let new_rows = match self.leases.claim(&self.name).await {
                Ok(Claim::Ours(lease)) => {
                    reason = "it was begun and is not complete; the log says what it waits for"
                        .to_owned();
                    let work = run_channels(&channels, self.shared, lease.fence);
                    match Box::pin(self.leases.hold_counting(&lease, &first.gate, work)).await {
                        Some(ended) => self.result_rows(&channels, ended).await,
                        None => {
                            reason = LEASE_LOST.to_owned();
                            Vec::new()
                        }
                    }
                }
                Ok(Claim::Held(held)) if held.serves => {
                    reason = format!(
                        "the running service, {}, has not completed it before the deadline",
                        instance::describe(&held.holder)
                    );
                    self.request_passes(&channels, &held).await
                }
                Ok(Claim::Held(held)) => {
                    reason = format!("it is being read by {}", instance::describe(&held.holder));
                    stop.or_sleep(POLL_INTERVAL).await;
                    Vec::new()
                }
                Ok(Claim::Lost) => Vec::new(),
                Err(fault) if fault.is_stopped() => {
                    let why = fault.to_string();
                    let row = |channel: &LiveChannel| {
                        Row::new(channel.id().clone(), PassResult::Failed { why: why.clone() })
                    };
                    channels.iter().map(row).collect()
                }
                Err(fault) => {
                    reason = fault.to_string();
                    stop.or_sleep(retry.wait(fault.kind())).await;
                    Vec::new()
                }
            };
            channels.retain(|channel| has_no_row(&new_rows, channel.id()));
            rows.extend(new_rows);
        }
        let not_yet = |channel: LiveChannel| {
            let why = match channel.handle.watch.state() {
                crate::watch::State::Waiting(fault) => fault,
                _ => reason.clone(),
            };
            Row::new(channel.id().clone(), PassResult::NotYet { why })
        };
        rows.extend(channels.into_iter().map(not_yet));
        rows
    }

    /// The rows of paused channels, which are not read. If the store cannot be reached, the pass reports
    /// it.
    async fn paused_rows(&self, channels: &[LiveChannel]) -> Vec<Row> {
        let paused = self.shared.store.paused().await.unwrap_or_default();
        let row =
            |id: &ChannelId| Row::new(id.clone(), PassResult::Failed { why: paused_message(id) });
        let ids = channels.iter().map(LiveChannel::id);
        ids.filter(|id| paused.contains(id)).map(row).collect()
    }

    /// The rows of channels that this process read. A pass that was stopped is not complete.
    async fn result_rows(&self, channels: &[LiveChannel], ended: Vec<ChannelEnd>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (channel, end) in ended {
            let watch = channels.iter().find(|each| *each.id() == channel);
            let pass = watch.and_then(|each| each.handle.watch.pass()).unwrap_or_default();
            let progress = self.shared.store.progress(&channel).await;
            let end = match (end, progress) {
                (Err(fault), _) if fault.is_stopped() => {
                    PassResult::Failed { why: fault.to_string() }
                }
                (Err(fault), _) => PassResult::NotYet { why: fault.to_string() },
                (Ok(()), _) if self.shared.environment.stop.is_requested() => {
                    PassResult::NotYet { why: "it was stopped before it was complete".to_owned() }
                }
                (Ok(()), Ok(Progress { step, .. })) => PassDone { step, pass }.into_result(None),
                (Ok(()), Err(fault)) => PassResult::NotYet { why: fault.to_string() },
            };
            rows.push(Row::new(channel, end));
        }
        rows
    }

    /// Requests the passes from the service that holds the lease. If the service ends before a pass is
    /// complete, that channel gets no row.
    async fn request_passes(&self, channels: &[LiveChannel], held: &Holding) -> Vec<Row> {
        let by = format!("the running service, {}", instance::describe(&held.holder));
        let requests = channels.iter().map(|channel| async {
            let end = self.request(channel, held, &by).await?;
            Some(Row::new(channel.id().clone(), end))
        });
        join_all(requests).await.into_iter().flatten().collect()
    }

    /// Requests a pass over one channel, and waits for its end unless `no_wait` is set; `None` if the
    /// service or this command ends first.
    async fn request(&self, channel: &LiveChannel, held: &Holding, by: &str) -> Option<PassResult> {
        let not_yet = |fault: Fault| PassResult::NotYet { why: fault.to_string() };
        let requested = Requested::new(self.shared, RequestKind::Sync, channel).await;
        let answer = match requested {
            Err(fault) => return Some(not_yet(fault)),
            Ok(_) if self.no_wait => return Some(PassResult::Asked { by: by.to_owned() }),
            Ok(requested) => requested.answer(held).await?,
        };
        Some(match answer {
            Ok(answer) => PassDone::from_answer(&answer).into_result(Some(by.to_owned())),
            Err(why) => PassResult::Failed { why },
        })
    }
}

/// A request to the service that holds the lease of an upstream.
pub(crate) struct Requested<'a> {
    shared: &'a Shared,
    seq: i64,
}

impl<'a> Requested<'a> {
    /// Makes a request for this channel and its time range.
    pub(crate) async fn new(
        shared: &'a Shared,
        kind: RequestKind,
        channel: &LiveChannel,
    ) -> Result<Self, Fault> {
        let (own, spec) = (instance::this_process(), &channel.spec);
        let seq = shared.store.ask(kind, Some(&spec.id), spec.range, &own).await?;
        Ok(Self::of(shared, seq))
    }

    /// The request with this number.
    pub(crate) fn of(shared: &'a Shared, seq: i64) -> Self {
        Self { shared, seq }
    }

    /// Waits for the answer, or for the reason why there is none; `None` if the service or this command ends
    /// first.
    pub(crate) async fn answer(self, held: &Holding) -> Option<Result<String, String>> {
        let Shared { store, environment, .. } = self.shared;
        while !environment.stop.is_requested() {
            match store.request(self.seq).await {
                Ok(RequestState::Done(answer)) => return Some(Ok(answer)),
                Ok(RequestState::Failed(why)) => return Some(Err(why)),
                Ok(RequestState::Open) if !is_still_held(store, held).await => break,
                // If the store cannot be reached, this tries again until the deadline.
                Ok(RequestState::Open) | Err(_) => environment.stop.or_sleep(POLL_INTERVAL).await,
            }
        }
        // The request is not needed any more. It does no harm if the service serves it.
        let withdrawn = RequestState::Failed("withdrawn".to_owned());
        let _ = store.answer(self.seq, &withdrawn).await;
        None
    }
}

/// Whether the service still holds the lease; true if the store cannot be reached.
async fn is_still_held(store: &Database, held: &Holding) -> bool {
    if instance::has_ended(&held.holder) {
        return false;
    }
    let Ok(leases) = store.leases().await else { return true };
    leases.iter().any(|now| now.upstream == held.upstream && now.holder == held.holder)
}
