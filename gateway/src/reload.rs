//! Reloads the configuration while the service runs (`tonghui reload`, SIGHUP). A channel whose file has
//! problems stops, and the others run on. If the problems concern all channels, nothing changes. The answer
//! to the request lists them.

use std::time::Duration;

use config::{Problems, Settings};
use contract::{Checkpoints as _, Fault};
use sink::store::{Database, RequestKind, RequestState};
use tokio::signal::unix::SignalKind;
use tracing::{error, info};

use crate::{
    assemble,
    channel::LiveChannel,
    channels::merge,
    clock, keys,
    service::{Role, wait_for_signal},
};

/// What to run after a reload.
pub struct NextRun {
    /// The new configuration.
    pub settings: Settings,
    /// The running channels that have not changed, and new ones.
    pub channels: Vec<LiveChannel>,
    /// How many of them are new; `None` if something changed that all channels share, so everything
    /// has to be restarted.
    pub n_new: Option<usize>,
}

impl NextRun {
    /// What to run instead of the `running` channels with the `old` settings.
    fn new(
        (old, running): (&Settings, &[LiveChannel]),
        role: Role,
        settings: Settings,
        channels: Vec<LiveChannel>,
    ) -> Self {
        if !has_same_common_settings(old, &settings, role) {
            return Self { settings, channels, n_new: None };
        }
        let (channels, n_new) = merge(running, channels);
        Self { settings, channels, n_new: Some(n_new) }
    }

    /// A summary like `9 channels, 1 restarted`, with the problems of broken channels.
    fn summary(&self) -> String {
        let restarted = self.n_new.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let summary = format!("{} channels, {restarted} restarted", self.channels.len());
        match self.settings.all_problems() {
            None => summary,
            Some(problems) => {
                format!("{summary}, {} broken:\n{problems}", self.settings.broken.len())
            }
        }
    }
}

/// Whether the settings that all channels share are unchanged.
fn has_same_common_settings(old: &Settings, new: &Settings, role: Role) -> bool {
    // A sink consumes only the queues of the channels that it knew when it started.
    let consumes_queues = new.bus.is_some() && matches!(role, Role::All | Role::Sink);
    old.store == new.store
        && old.bus == new.bus
        && old.limits == new.limits
        && (!consumes_queues || old.channel_ids() == new.channel_ids())
}

/// How often the store is checked for a request.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Waits for reload requests that arrive after [`ReloadRequests::begin`].
#[derive(Debug)]
pub struct ReloadRequests {
    store: Database,
    /// The last request seen; `None` until the store has been read.
    seen: Option<i64>,
}

impl ReloadRequests {
    /// Ignores all requests that the store holds now.
    pub async fn begin(store: &Database) -> Self {
        // If the store cannot be read now, the first successful read decides which requests are old.
        let seen =
            store.last_request(RequestKind::Reload).await.ok().map(Option::unwrap_or_default);
        Self { store: store.clone(), seen }
    }

    /// Waits for a request, then reads the configuration with `read`. If that has problems, waits for the
    /// next request; otherwise returns what to run instead of `current`.
    pub async fn next(
        &mut self,
        role: Role,
        current: (&Settings, &[LiveChannel]),
        read: &impl Fn() -> Result<Settings, Problems>,
    ) -> NextRun {
        loop {
            let request = self.next_request().await;
            let loaded = read().and_then(|mut settings| {
                let channels = channels(&mut settings, role)?;
                Ok(NextRun::new(current, role, settings, channels))
            });
            let summary = match &loaded {
                Ok(next) => Ok(next.summary()),
                Err(problems) => Err(format!("configuration not reloaded: {problems}")),
            };
            match &summary {
                Ok(summary) => info!("configuration reloaded: {summary}"),
                Err(why) => error!("{why}"),
            }
            if let Some(seq) = request {
                let state = summary.map_or_else(RequestState::Failed, RequestState::Done);
                // If the store cannot be reached, the sender of the request keeps waiting for its answer.
                let _ = self.store.answer(seq, &state).await;
            }
            if let Ok(next) = loaded {
                note_broken(&next.settings, &self.store).await;
                return next;
            }
        }
    }

    /// Waits for a request: its number if it came through the store, `None` for SIGHUP.
    async fn next_request(&mut self) -> Option<i64> {
        tokio::select! {
            seq = self.next_stored_request() => Some(seq),
            () = wait_for_signal(SignalKind::hangup()) => None,
        }
    }

    /// Waits for a request through the store; returns its number.
    async fn next_stored_request(&mut self) -> i64 {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let Ok(last) = self.store.last_request(RequestKind::Reload).await else { continue };
            let last = last.unwrap_or_default();
            match self.seen.replace(last) {
                Some(seen) if last > seen => return last,
                _ => {}
            }
        }
    }
}

/// Logs and stores the problems of broken channels, for `status` in other processes.
pub async fn note_broken(settings: &Settings, store: &Database) {
    for (channel, problems) in &settings.broken {
        error!(%channel, "the channel does not run, because its file has problems: {problems}");
        let fault = broken_fault(problems);
        // If the store cannot be reached, the log has it.
        let _ = store.note(channel, &fault, clock::now()).await;
    }
}

/// The fault of a channel whose file has problems.
pub fn broken_fault(problems: &Problems) -> Fault {
    Fault::stopped(problems.to_string()).remedy("correct the file, then run `tonghui reload`")
}

/// Builds the channels that a process with this role runs. Moves those with problems to
/// [`Settings::broken`].
///
/// # Errors
/// Problems of all channels, or no channel can be used.
fn channels(settings: &mut Settings, role: Role) -> Result<Vec<LiveChannel>, Problems> {
    match role {
        Role::Sink | Role::Console => Ok(Vec::new()),
        Role::All | Role::Ingest => {
            let keys = keys::read(settings)
                .map_err(|fault| config::Problem::of_file("gateway.toml", fault.to_string()))?;
            assemble::some_channels(settings, &keys)
        }
    }
}
