//! Reloads the configuration while the service runs (`tonghui reload`, SIGHUP). A channel whose file has
//! problems stops, and the others run on. If the problems concern all channels, nothing changes. The answer
//! to the request lists them.

use std::net::TcpListener;

use config::{Door, Problem, Problems, Settings};
use contract::{Checkpoints as _, Fault, Obstacle};
use serde::{Deserialize, Serialize};
use sink::store::{Database, Request, RequestKind, RequestState};
use tokio::signal::unix::SignalKind;
use tracing::{error, info};

use crate::{
    asked::Asked,
    assemble,
    channel::LiveChannel,
    channels::merge,
    clock, keys,
    listener::acceptor,
    presence::Presence,
    retry,
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
    fn done(&self, role: Role) -> ReloadDone {
        if !role.reads_channels() {
            let summary = self.n_new.map_or("restarted", |_| "nothing to restart").to_owned();
            return ReloadDone { summary, n_broken: 0 };
        }
        let restarted = self.n_new.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let mut summary = format!("{} channels, {restarted} restarted", self.channels.len());
        let n_broken = self.settings.broken.len();
        if let Some(problems) = self.settings.all_problems() {
            summary.push_str(&format!(", {n_broken} broken:\n{problems}"));
        }
        ReloadDone { summary, n_broken }
    }
}

/// What `tonghui reload` is told about a configuration that was reloaded. Only the service can know which channels
/// are broken: it has the secrets, and its folder may be on another machine.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReloadDone {
    /// What was done, for people.
    pub summary: String,
    /// The number of channels that do not run, because their files have problems.
    pub n_broken: usize,
}

impl ReloadDone {
    /// What the answer to a request says. An earlier version of the gateway writes only the summary.
    pub fn from_answer(answer: &str) -> Self {
        serde_json::from_str(answer)
            .unwrap_or_else(|_| Self { summary: answer.to_owned(), n_broken: 0 })
    }
}

/// Checks that the `current` configuration can be replaced while the service runs: afterwards, it would be too late.
///
/// # Errors
/// The store is another one, a certificate cannot be used, or an address that is new is in use.
fn ensure_possible(
    current: (&Settings, &[LiveChannel]),
    next: &NextRun,
    role: Role,
) -> Result<(), Problems> {
    let problem = |what: String| Problem::of_file("gateway.toml", what);
    if current.0.store != next.settings.store {
        let what = "[store] has changed, but a running service keeps its store".to_owned();
        return Err(problem(what).advise("restart the service").into());
    }
    let open = doors(current, role);
    for (section, door) in doors((&next.settings, &next.channels), role) {
        if let Some(tls) = &door.tls {
            acceptor(section, tls).map_err(|fault| problem(fault.to_string()))?;
        }
        // Our own listener may have the port: it is closed before the new one opens.
        let address = door.listen;
        if open.iter().all(|(_, open)| open.listen.port() != address.port())
            && let Err(error) = TcpListener::bind(address)
        {
            return Err(problem(format!("cannot listen on {address}: {error}")).into());
        }
    }
    Ok(())
}

/// The doors at which a process with this role listens, with their sections of gateway.toml.
fn doors<'a>(
    (settings, channels): (&'a Settings, &[LiveChannel]),
    role: Role,
) -> Vec<(&'static str, &'a Door)> {
    let is_pushed = channels.iter().any(|channel| channel.endpoint.is_some());
    let has_console = matches!(role, Role::All | Role::Console);
    let is_open = |section: &str| if section == "intake" { is_pushed } else { has_console };
    settings.doors().filter(|&(section, _)| is_open(section)).collect()
}

/// Whether the settings that all channels share are unchanged.
fn has_same_common_settings(old: &Settings, new: &Settings, role: Role) -> bool {
    // A sink consumes only the queues of the channels that it knew when it started.
    let consumes_queues = new.bus.is_some() && matches!(role, Role::All | Role::Sink);
    old.bus == new.bus
        && old.feed == new.feed
        && old.limits == new.limits
        && old.audit_copy == new.audit_copy
        && (!consumes_queues || old.channel_ids() == new.channel_ids())
}

/// Serves the requests to all processes; those to reload change what runs.
#[derive(Debug)]
pub struct ReloadRequests {
    store: Database,
    asked: Asked,
    /// The process as which requests are answered; `None` for a console, which answers none.
    presence: Option<Presence>,
}

impl ReloadRequests {
    /// Serves what is `asked` in the name of this process.
    pub fn new(store: &Database, asked: Asked, presence: Option<Presence>) -> Self {
        Self { store: store.clone(), asked, presence }
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
            if let Some(other) = request.as_ref().filter(|one| one.kind != RequestKind::Reload) {
                self.answer_retry(other, current.1).await;
                continue;
            }
            let loaded = read().and_then(|mut settings| {
                let channels = channels(&mut settings, role)?;
                let next = NextRun::new(current, role, settings, channels);
                ensure_possible(current, &next, role)?;
                Ok(next)
            });
            let state = match &loaded {
                Ok(next) => {
                    let done = next.done(role);
                    info!("configuration reloaded: {}", done.summary);
                    RequestState::Done(serde_json::to_string(&done).unwrap_or(done.summary))
                }
                Err(problems) => {
                    let why = format!("configuration not reloaded: {problems}");
                    error!("{why}");
                    RequestState::Failed(why)
                }
            };
            if let (Some(request), Some(presence)) = (request, &self.presence) {
                presence.answer(request.seq, &state).await;
            }
            if let Ok(next) = loaded {
                note_broken(&next.settings, role, &self.store).await;
                return next;
            }
        }
    }

    /// Waits for a request: one that came through the store, or `None` for SIGHUP.
    async fn next_request(&mut self) -> Option<Request> {
        tokio::select! {
            request = self.asked.next() => Some(request),
            () = wait_for_signal(SignalKind::hangup()) => None,
        }
    }

    /// Wakes what a request names, and answers it.
    async fn answer_retry(&self, request: &Request, channels: &[LiveChannel]) {
        let Some(presence) = &self.presence else { return };
        if let Some(state) = retry::serve(request, presence.role, channels, &presence.sink) {
            presence.answer(request.seq, &state).await;
        }
    }
}

/// Logs and stores the problems of broken channels, for `status` in other processes, and forgets those of the last
/// configuration.
pub async fn note_broken(settings: &Settings, role: Role, store: &Database) {
    if !role.reads_channels() {
        return;
    }
    // If the store cannot be reached, the log has them.
    let _ = store.forget_broken().await;
    for (channel, problems) in &settings.broken {
        error!(%channel, "the channel does not run, because its file has problems: {problems}");
        let _ = store.note(channel, &broken_fault(problems), clock::now()).await;
    }
}

/// The fault of a channel whose file has problems.
pub fn broken_fault(problems: &Problems) -> Fault {
    Fault::stopped(problems.to_string())
        .remedy("correct the file, then run `tonghui reload`")
        .until(Obstacle::File)
}

/// Builds the channels that a process with this role runs. Moves those with problems to
/// [`Settings::broken`].
///
/// # Errors
/// Problems of all channels, or no channel can be used.
fn channels(settings: &mut Settings, role: Role) -> Result<Vec<LiveChannel>, Problems> {
    if !role.reads_channels() {
        return Ok(Vec::new());
    }
    let keys = keys::read(settings)
        .map_err(|fault| Problem::of_file("gateway.toml", fault.to_string()))?;
    assemble::some_channels(settings, &keys)
}
