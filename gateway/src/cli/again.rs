//! `tonghui replay` and `tonghui quarantine retry`: map records again that the store keeps, by today's mapping. If a
//! service reads the channel, it does the work; otherwise this process does, under the lease of the upstream.

use config::{Problem, Problems, Settings};
use contract::{ChannelId, DemandId, MappingNo, Period, Position, TimeRange};
use serde::Serialize;
use sink::store::{Access, Claim, RequestKind};

use super::{
    Change, Context, Exit, out,
    run::open_store_and_channels,
    sync::{LEASE_POLL_INTERVAL, Requested},
};
use crate::{
    again::{Account, Refused, Which, map_again, preview},
    assemble,
    channel::LiveChannel,
    clock, instance, keys,
    lease::LeaseHolder,
    offline::keep_only,
    plain::escape_line,
    service::{BusEnds, Role, retry_while_transient, run_within},
    stop::Stop,
    supervise::Shared,
};

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Folder name of the channel.
    channel: ChannelId,
    /// Only demands that were last seen at this time or later: 2026-11-23, yesterday, -1d, in the gateway's time zone.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// Folder name of a channel, or the id of one record, as `list` prints it.
    #[arg(value_name = "CHANNEL|ID")]
    subject: String,
    #[command(flatten)]
    how: How,
}

/// What both commands have.
#[derive(Debug, clap::Args)]
struct How {
    /// Show what would become of the records; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Time limit; after it the command exits with code 75, and nothing is lost or done twice.
    #[arg(long, default_value = "20m", value_name = "PERIOD")]
    deadline: Period,
}

impl Replay {
    /// What the command is about to change.
    pub(super) fn change(&self) -> Option<Change> {
        self.how.change("replay", self.channel.to_string())
    }
}

impl Retry {
    /// What the command is about to change.
    pub(super) fn change(&self) -> Option<Change> {
        self.how.change("quarantine retry", self.subject.clone())
    }
}

impl How {
    fn change(&self, action: &'static str, subject: String) -> Option<Change> {
        (!self.dry_run).then_some(Change { action, subject })
    }

    /// The configuration, with the secrets that the command needs.
    fn settings(&self, context: &Context) -> Result<Settings, Problems> {
        match self.dry_run {
            true => assemble::settings_without_secrets(&context.config),
            false => assemble::settings(&context.config),
        }
    }
}

pub(super) fn replay(context: &Context, args: &Replay) -> anyhow::Result<Exit> {
    let settings = args.how.settings(context)?;
    let parse = |text: &String| {
        clock::parse_time(text, settings.zone, clock::now())
            .map_err(|error| Problems::from(Problem::of_file("--since", error.to_string())))
    };
    let since = args.since.as_ref().map(parse).transpose()?;
    let which = Which::Outdated(since);
    super::runtime()?.block_on(run(context, settings, &args.channel, which, &args.how))
}

pub(super) fn retry(context: &Context, args: &Retry) -> anyhow::Result<Exit> {
    let settings = args.how.settings(context)?;
    super::runtime()?.block_on(async {
        let reject = args.subject.parse::<DemandId>().ok();
        let channel = match &reject {
            Some(id) => channel_of(&settings, id).await?,
            None => args.subject.parse()?,
        };
        let which = Which::Rejected(reject);
        Box::pin(run(context, settings, &channel, which, &args.how)).await
    })
}

/// The channel of a record in quarantine.
async fn channel_of(settings: &Settings, id: &DemandId) -> anyhow::Result<ChannelId> {
    let store = assemble::open_store(settings, Access::ReadOnly).await?;
    let row = store.quarantine_show(id).await?;
    store.close().await;
    let open = row.filter(|row| row.resolved_at.is_none());
    let open = open.ok_or_else(|| {
        anyhow::anyhow!(
            "no unresolved record with id {id} is in quarantine; see `tonghui quarantine list`"
        )
    })?;
    Ok(open.channel)
}

/// What the commands print.
#[derive(Serialize)]
struct Report<'a> {
    channel: &'a ChannelId,
    dry_run: bool,
    #[serde(flatten)]
    account: Account,
}

/// Maps the records again, or only shows what would become of them.
async fn run(
    context: &Context,
    mut settings: Settings,
    channel: &ChannelId,
    which: Which,
    how: &How,
) -> anyhow::Result<Exit> {
    keep_only(&mut settings, channel)?;
    let account = if how.dry_run {
        let keys = keys::read(&settings)?;
        let live = assemble::some_channels(&mut settings, &keys)?;
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        let account = match live.first() {
            Some(live) => Some(Box::pin(preview(live, which, &store)).await?),
            None => None,
        };
        store.close().await;
        account
    } else {
        let stop = Stop::default();
        let work = Box::pin(publish(&mut settings, which, &stop));
        run_within(&stop, how.deadline.0, work).await?
    };
    let Some(account) = account else {
        out::note(
            "stopped before everything was mapped and stored; run the command again: it goes on with what is left",
        );
        return Ok(Exit::TryAgain);
    };
    let report = Report { channel, dry_run: how.dry_run, account };
    out::show(context.format, &report, |report| report.draw(which))?;
    Ok(Exit::Done)
}

/// Maps the records again, and waits until they are stored; `None` if stop is requested first.
async fn publish(
    settings: &mut Settings,
    which: Which,
    stop: &Stop,
) -> anyhow::Result<Option<Account>> {
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return Ok(None);
    };
    let Some(channel) = channels.into_iter().next() else { return Ok(None) };
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return Ok(None);
    };
    let Some(shared) = ends.shared() else { return Ok(None) };
    let work = Box::pin(here_or_by_the_service(&channel, which, &shared));
    let (done, fault) = Box::pin(ends.run_sink_beside(work)).await?;
    store.close().await;
    if let Some(fault) = fault {
        out::note(format!("what was published cannot be stored: {fault}"));
    }
    done
}

/// Does the work in this process under the lease of the upstream, or has the service do it that holds the lease.
async fn here_or_by_the_service(
    channel: &LiveChannel,
    which: Which,
    shared: &Shared,
) -> anyhow::Result<Option<Account>> {
    let Shared { store, environment, .. } = shared;
    if channel.endpoint.is_some() {
        // Push channels have no lease.
        return Ok(Box::pin(map_again(channel, which, shared, Position::UNLEASED)).await?);
    }
    let leases = LeaseHolder::new(store.separate_handle(), false);
    let claim = || leases.claim(&channel.spec.upstream);
    while let Some(claim) = retry_while_transient(&environment.stop, claim).await? {
        match claim {
            Claim::Ours(lease) => {
                let work = Box::pin(map_again(channel, which, shared, lease.fence));
                if let Some(done) = Box::pin(leases.hold(&lease, work)).await {
                    return Ok(done?);
                }
            }
            Claim::Held(held) if held.serves => {
                let requested = Requested::of(shared, ask(channel.id(), which, shared).await?);
                match requested.answer(&held).await {
                    Some(Ok(answer)) => {
                        let account: Account = serde_json::from_str(&answer)?;
                        ensure_same_mapping(channel, &account, shared).await?;
                        return Ok(Some(account));
                    }
                    Some(Err(why)) => anyhow::bail!(why),
                    None => {}
                }
            }
            Claim::Held(_) | Claim::Lost => environment.stop.or_sleep(LEASE_POLL_INTERVAL).await,
        }
    }
    Ok(None)
}

/// Asks the service to do the work; returns the number of the request.
async fn ask(channel: &ChannelId, which: Which, shared: &Shared) -> anyhow::Result<i64> {
    let (store, own) = (&shared.store, instance::this_process());
    Ok(match which {
        Which::Outdated(since) => {
            let range = since.and_then(|since| TimeRange::new(since, None));
            store.ask(RequestKind::Replay, Some(channel), range, &own).await?
        }
        Which::Rejected(reject) => store.ask_to_map_rejected(channel, reject, &own).await?,
    })
}

/// Checks that the service has used the mapping that the files say.
async fn ensure_same_mapping(
    channel: &LiveChannel,
    account: &Account,
    shared: &Shared,
) -> anyhow::Result<()> {
    let own = shared.store.latest_mapping(channel.id(), channel.spec.mapping).await?;
    anyhow::ensure!(
        own == Some(MappingNo(account.mapping)),
        "the running service still maps the records of {} as before the change of its files: run `tonghui reload`, then \
         this command again",
        channel.id(),
    );
    Ok(())
}

impl Report<'_> {
    fn draw(&self, which: Which) -> String {
        let Self { channel, dry_run, account } = self;
        let Account { mapped, changed, unchanged, rejected, without_record, .. } = account;
        let would = if *dry_run { " would be" } else { "" };
        let mut text = match which {
            Which::Outdated(_) => format!(
                "{channel}: {mapped}{would} mapped, {changed} changed (stored), {unchanged} unchanged, {rejected} \
                 rejected, {without_record} without record"
            ),
            Which::Rejected(_) => format!(
                "{channel}: {mapped}{would} accepted, {rejected} rejected again, {without_record} to be read again from \
                 the source"
            ),
        };
        let Account { older, stale, quarantined, in_flight, .. } = account;
        let notes = [
            (
                *older,
                "changed, but the source was read again after their records were kept: a field that is mapped for the first \
                 time may have an older value; `tonghui position CHANNEL reset`, then `tonghui sync CHANNEL`, reads them \
                 again, and with them the values of people who were erased here and not in the source",
            ),
            (*stale, "had a newer state already, which stays"),
            (*quarantined, "could not be kept by the store and are in quarantine"),
            (
                *in_flight,
                "messages of earlier reads are not stored yet; run the command again when they are",
            ),
        ];
        for (n, what) in notes.into_iter().filter(|(n, _)| *n > 0) {
            text.push_str(&format!("\n{n} {what}"));
        }
        for (code, Refused { records, sample, detail }) in &account.reasons {
            let detail = escape_line(detail);
            text.push_str(&format!(
                "\n{records} rejected, {code}: {detail}; one of them: {sample}"
            ));
        }
        text
    }
}
