//! Reading the configuration again while it runs, because somebody asked (`tonghui reload`, SIGHUP).
//! One that is not whole changes nothing: whoever asked is told what is wrong with it.

use std::{fmt, time::Duration};

use config::{Problems, Settings};
use sink::store::{Database, RequestKind, RequestState};
use tracing::{error, info};

use crate::{assemble, channel::LiveChannel, channels::merged, keys, service::Role};

/// What to run with from now on.
pub enum Next {
    /// These channels, of which those that changed begin anew, and nothing else.
    Channels {
        /// The configuration as it is now.
        settings: Box<Settings>,
        /// Old ones as they were, and new ones.
        channels: Vec<LiveChannel>,
        /// How many are new.
        n_new: usize,
    },
    /// All of it: what all channels share has changed.
    Everything(Box<Settings>, Vec<LiveChannel>),
}

impl Next {
    fn instead_of(
        (old, running): (&Settings, &[LiveChannel]),
        role: Role,
        settings: Settings,
        channels: Vec<LiveChannel>,
    ) -> Self {
        let settings = Box::new(settings);
        if !shares_everything(old, &settings, role) {
            return Self::Everything(settings, channels);
        }
        let (channels, n_new) = merged(running, channels);
        Self::Channels { settings, channels, n_new }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channels { channels, n_new, .. } => {
                write!(f, "{} channels, {n_new} restarted", channels.len())
            }
            Self::Everything(_, channels) => {
                write!(f, "{} channels, all restarted", channels.len())
            }
        }
    }
}

/// Whether what all channels stand on is as it was.
fn shares_everything(old: &Settings, new: &Settings, role: Role) -> bool {
    // A sink takes from the queues of the channels that it knew when it began.
    let takes = new.bus.is_some() && matches!(role, Role::All | Role::Sink);
    let ids = |settings: &Settings| -> Vec<_> {
        settings.channels.iter().map(|channel| channel.id.clone()).collect()
    };
    old.store == new.store
        && old.bus == new.bus
        && old.limits == new.limits
        && (!takes || ids(old) == ids(new))
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sees requests that came after it began.
#[derive(Debug)]
pub struct Reloads {
    store: Database,
    /// The last one seen; those before are history, also of an earlier process.
    seen: Option<i64>,
}

impl Reloads {
    /// From now on.
    pub async fn begin(store: &Database) -> Self {
        // Where the store cannot say, what it says later counts as asked before.
        let seen =
            store.last_request(RequestKind::Reload).await.ok().map(Option::unwrap_or_default);
        Self { store: store.clone(), seen }
    }

    /// Waits until somebody asks and the configuration that `read` gives is whole; gives what to run
    /// with from now on in place of `now`.
    pub async fn next(
        &mut self,
        role: Role,
        now: (&Settings, &[LiveChannel]),
        read: &impl Fn() -> Result<Settings, Problems>,
    ) -> Next {
        loop {
            let request = self.asked().await;
            let loaded = read().and_then(|settings| {
                let channels = channels(&settings, role)?;
                Ok(Next::instead_of(now, role, settings, channels))
            });
            let became = match &loaded {
                Ok(next) => RequestState::Done(next.to_string()),
                Err(problems) => {
                    RequestState::Failed(format!("configuration not reloaded: {problems}"))
                }
            };
            if let Some(seq) = request {
                // Who asked looks for it again and again, and finds it once the store is back.
                let _ = self.store.answer(seq, &became).await;
            }
            match loaded {
                Ok(next) => {
                    info!("configuration reloaded: {next}");
                    return next;
                }
                Err(problems) => error!("configuration not reloaded: {problems}"),
            }
        }
    }

    /// The request, where one came through the store.
    async fn asked(&mut self) -> Option<i64> {
        tokio::select! {
            seq = self.requested() => Some(seq),
            () = hung_up() => None,
        }
    }

    async fn requested(&mut self) -> i64 {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Ok(last) = self.store.last_request(RequestKind::Reload).await else { continue };
            let last = last.unwrap_or_default();
            match self.seen.replace(last) {
                Some(seen) if last > seen => return last,
                _ => {}
            }
        }
    }
}

fn channels(settings: &Settings, role: Role) -> Result<Vec<LiveChannel>, Problems> {
    match role {
        Role::Sink | Role::Console => Ok(Vec::new()),
        Role::All | Role::Ingest => {
            let keys = keys::read(settings)
                .map_err(|fault| config::Problem::of_file("gateway.toml", fault.to_string()))?;
            assemble::channels(settings, &keys)
        }
    }
}

#[cfg(unix)]
async fn hung_up() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => drop(hangup.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
fn hung_up() -> impl Future<Output = ()> {
    std::future::pending()
}
