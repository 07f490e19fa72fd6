//! Reads a source again into the store, and proves that the store has everything then: for `reconcile --repair` and
//! `flight republish`.

use std::time::Duration;

use contract::{Complete, Fault, TimeRange};
use sink::store::{Claim, RequestKind};

use crate::{
    channel::LiveChannel,
    cli::{
        out,
        run::open_store_and_channels,
        sync::{LEASE_POLL_INTERVAL, PassResult, Requested, Row, pass_and_store},
    },
    lease::LeaseHolder,
    reconcile::{Comparison, compare},
    service::{BusEnds, Role, retry_while_transient},
    stop::Stop,
    supervise::Shared,
};

/// What the command says if it ended before its work was done.
pub(in crate::cli) type Unfinished = String;

/// What a repair has done.
pub(in crate::cli) struct Repaired {
    /// What was found after it.
    pub(in crate::cli) found: Comparison,
    /// Number of messages that the bus lost, and that the books no longer wait for.
    pub(in crate::cli) lost: u64,
}

/// Runs `work` with the only channel of the settings, whose source must show all its records again, and the sink
/// beside it. `stopped` is what to say if stop is requested before it can begin.
pub(in crate::cli) async fn with_source<T>(
    settings: &mut config::Settings,
    stop: &Stop,
    stopped: &str,
    work: impl AsyncFnOnce(LiveChannel, &Shared) -> anyhow::Result<Result<T, Unfinished>>,
) -> anyhow::Result<Result<T, Unfinished>> {
    let stopped = || Ok(Err(stopped.to_owned()));
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return stopped();
    };
    let Some(channel) = channels.into_iter().next() else { return stopped() };
    if channel.endpoint.is_some() {
        let id = channel.id();
        let fault = Fault::stopped("the sender of a push channel cannot be asked again")
            .at(format!("channel {id}"))
            .remedy(format!(
                "ask the sender for a list, or to send the records of that time again; then give up what the bus lost, \
                 if it lost something: `tonghui flight write-off {id} --reason TEXT`"
            ));
        return Err(fault.into());
    }
    channel.connector(channel.context())?.ensure_listable()?;
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return stopped();
    };
    let Some(shared) = ends.shared() else { return stopped() };
    let (done, fault) = Box::pin(ends.run_sink_beside(work(channel, &shared))).await?;
    store.close().await;
    if let Some(fault) = fault {
        out::note(format!("what was read cannot be stored: {fault}"));
    }
    done
}

/// Reads the source again into the store, and compares it then. If nothing is missing, the messages from before it
/// that are still not stored are lost: their queue has delivered those of the repair, which were behind them. `begun`
/// says what was wrong before.
pub(in crate::cli) async fn repair(
    again: LiveChannel,
    range: TimeRange,
    shared: &Shared,
    begun: &str,
) -> anyhow::Result<Result<Repaired, Unfinished>> {
    let channel = again.id().clone();
    let last = shared.store.last_read(&channel).await?;
    let rows = pass_and_store(vec![again.clone()], shared).await;
    match rows.first().map(Row::end) {
        Some(PassResult::Done { complete: Complete::Yes | Complete::Unknown, .. }) => {}
        Some(PassResult::NotYet { why }) => {
            let done = "the repair was begun, and may have brought back some of them already";
            return Ok(Err(format!("{begun}; {done}: {why}; run the command again to go on")));
        }
        _ => {
            let line = rows.first().map(Row::line).unwrap_or_default();
            anyhow::bail!("{begun}; they could not all be repaired: {line}");
        }
    }
    let Some(found) = Box::pin(compare_once(&again, shared)).await? else {
        let done = "everything was read again and stored, but not compared again";
        return Ok(Err(format!("{begun}; {done}; run the command again to compare")));
    };
    let is_proven = found.is_whole() && range == TimeRange::EVERYTHING;
    let lost = if is_proven { shared.store.write_off(&channel, last).await? } else { 0 };
    Ok(Ok(Repaired { found, lost }))
}

/// Compares once: in this process, or by the service that reads the channel, so that the limits of the source
/// hold. `None` if stop is requested before the end.
pub(super) async fn compare_once(
    channel: &LiveChannel,
    shared: &Shared,
) -> anyhow::Result<Option<Comparison>> {
    let Shared { store, environment, .. } = shared;
    let leases = LeaseHolder::new(store.separate_handle(), false);
    let claim = || leases.claim(&channel.spec.upstream);
    while let Some(claim) = retry_while_transient(&environment.stop, claim).await? {
        match claim {
            Claim::Ours(lease) => {
                // Nobody else reads the source.
                let (range, patience) = (channel.spec.range, || Duration::ZERO);
                let work = Box::pin(compare(channel, range, store, environment, patience));
                if let Some(comparison) =
                    Box::pin(leases.hold_counting(&lease, &channel.gate, work)).await
                {
                    return Ok(comparison?);
                }
            }
            Claim::Held(held) if held.serves => {
                let requested = Requested::new(shared, RequestKind::Reconcile, channel).await?;
                match requested.answer(&held).await {
                    Some(Ok(answer)) => return Ok(Some(serde_json::from_str(&answer)?)),
                    Some(Err(why)) => anyhow::bail!(why),
                    None => {}
                }
            }
            Claim::Held(_) | Claim::Lost => environment.stop.or_sleep(LEASE_POLL_INTERVAL).await,
        }
    }
    Ok(None)
}
