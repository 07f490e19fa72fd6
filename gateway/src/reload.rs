//! Reloads the configuration while the service runs (`tonghui reload`, SIGHUP). A configuration with
//! problems changes nothing; whoever made the request is told what is wrong with it.

use std::time::Duration;

use config::{Problems, Settings};
use sink::store::{Database, RequestKind, RequestState};
use tokio::signal::unix::SignalKind;
use tracing::{error, info};

use crate::{
    assemble,
    channel::LiveChannel,
    channels::merged,
    keys,
    service::{Role, signalled},
};

/// What to run from now on.
pub struct Next {
    /// The configuration as it is now.
    pub settings: Settings,
    /// Channels that did not change, as they run, and new ones.
    pub channels: Vec<LiveChannel>,
    /// How many of them are new; `None` if something changed that all channels share, so everything
    /// has to be restarted.
    pub n_new: Option<usize>,
}

impl Next {
    fn instead_of(
        (old, running): (&Settings, &[LiveChannel]),
        role: Role,
        settings: Settings,
        channels: Vec<LiveChannel>,
    ) -> Self {
        if !shares_everything(old, &settings, role) {
            return Self { settings, channels, n_new: None };
        }
        let (channels, n_new) = merged(running, channels);
        Self { settings, channels, n_new: Some(n_new) }
    }

    /// `9 channels, 1 restarted`.
    fn summary(&self) -> String {
        let restarted = self.n_new.map_or_else(|| "all".to_owned(), |n| n.to_string());
        format!("{} channels, {restarted} restarted", self.channels.len())
    }
}

/// Whether everything that all channels share is unchanged.
fn shares_everything(old: &Settings, new: &Settings, role: Role) -> bool {
    // A sink consumes the queues of the channels that it knew when it started.
    let takes = new.bus.is_some() && matches!(role, Role::All | Role::Sink);
    let ids = |settings: &Settings| -> Vec<_> {
        settings.channels.iter().map(|channel| channel.id.clone()).collect()
    };
    old.store == new.store
        && old.bus == new.bus
        && old.limits == new.limits
        && (!takes || ids(old) == ids(new))
}

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Sees the reload requests that arrive after [`Reloads::begin`].
#[derive(Debug)]
pub struct Reloads {
    store: Database,
    /// The last request seen; `None` until the store has been read.
    seen: Option<i64>,
}

impl Reloads {
    /// Ignores all requests that the store holds now.
    pub async fn begin(store: &Database) -> Self {
        // If the store cannot be read now, what it holds at the first read counts as old.
        let seen =
            store.last_request(RequestKind::Reload).await.ok().map(Option::unwrap_or_default);
        Self { store: store.clone(), seen }
    }

    /// Waits for a request for which `read` gives a configuration without problems; returns what to
    /// run instead of `now`.
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
            let summary = match &loaded {
                Ok(next) => Ok(next.summary()),
                Err(problems) => Err(format!("configuration not reloaded: {problems}")),
            };
            match &summary {
                Ok(summary) => info!("configuration reloaded: {summary}"),
                Err(why) => error!("{why}"),
            }
            if let Some(seq) = request {
                let became = summary.map_or_else(RequestState::Failed, RequestState::Done);
                // If the store is away, whoever made the request goes on looking for its answer.
                let _ = self.store.answer(seq, &became).await;
            }
            if let Ok(next) = loaded {
                return next;
            }
        }
    }

    /// Waits for a request: its number if it came through the store, `None` for SIGHUP.
    async fn asked(&mut self) -> Option<i64> {
        tokio::select! {
            seq = self.requested() => Some(seq),
            () = signalled(SignalKind::hangup()) => None,
        }
    }

    async fn requested(&mut self) -> i64 {
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
