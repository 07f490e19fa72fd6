//! Reading the configuration again while it runs, because somebody asked (`tonghui reload`, SIGHUP).
//! One that is not whole changes nothing: whoever asked is told what is wrong with it.

use std::time::Duration;

use config::{Problems, Settings};
use sink::store::{Database, RequestKind, RequestState};
use tracing::{error, info};

use crate::{assemble, keys, service::Role, supervise::ChannelPlan};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sees requests that came after it began.
#[derive(Debug)]
pub struct Watch {
    store: Database,
    /// The last one seen; those before are history, also of an earlier process.
    seen: Option<i64>,
}

impl Watch {
    /// From now on.
    pub async fn begin(store: &Database) -> Self {
        // Where the store cannot say, what it says later counts as asked before.
        let seen =
            store.last_request(RequestKind::Reload).await.ok().map(Option::unwrap_or_default);
        Self { store: store.clone(), seen }
    }

    /// Waits until somebody asks and the configuration that `read` gives is whole; gives what to run
    /// with from now on.
    pub async fn next(
        &mut self,
        role: Role,
        read: &impl Fn() -> Result<Settings, Problems>,
    ) -> (Settings, Vec<ChannelPlan>) {
        loop {
            let request = self.asked().await;
            let loaded = read().and_then(|settings| {
                let plans = plans(&settings, role)?;
                Ok((settings, plans))
            });
            let became = match &loaded {
                Ok((_, plans)) => RequestState::Done(format!("{} channels", plans.len())),
                Err(problems) => RequestState::Failed(format!("left as it was: {problems}")),
            };
            if let Some(seq) = request {
                // Who asked looks for it again and again, and finds it once the store is back.
                let _ = self.store.answer(seq, &became).await;
            }
            match loaded {
                Ok(loaded) => {
                    info!("the configuration is read again");
                    return loaded;
                }
                Err(problems) => error!("the configuration is left as it was: {problems}"),
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

fn plans(settings: &Settings, role: Role) -> Result<Vec<ChannelPlan>, Problems> {
    match role {
        Role::Sink => Ok(Vec::new()),
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
