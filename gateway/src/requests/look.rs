//! What the store asks of the channels of this process. Each upstream looks for it twice a second, and all of them
//! share one look: otherwise a service with two hundred upstreams would send hundreds of queries a second while it rests.

use std::{sync::Arc, time::Duration};

use contract::{ChannelId, Fault};
use sink::store::{Database, Request};
use tokio::{sync::Mutex, time::Instant};

/// How old a look may be that is shared.
const MAX_AGE: Duration = Duration::from_millis(250);

/// Pauses and open requests.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The channels that are paused.
    pub(super) paused: Vec<ChannelId>,
    /// The requests that nobody has answered, the oldest first.
    pub(super) open: Vec<Request>,
}

/// The last look, when it ended, and what it saw; `None` if it failed.
type Last = Option<(Instant, Option<Arc<Asked>>)>;

/// Looks into the store for all upstreams of a process.
#[derive(Debug, Default)]
pub struct SharedLook(Mutex<Last>);

impl SharedLook {
    /// What is asked now.
    ///
    /// # Errors
    /// The store cannot be read, or could not be read a moment ago.
    pub(super) async fn look(&self, store: &Database) -> Result<Arc<Asked>, Fault> {
        let mut last = self.0.lock().await;
        if let Some((at, seen)) = &*last
            && at.elapsed() < MAX_AGE
        {
            let fault = || Fault::transient("the store could not be read a moment ago");
            return seen.clone().ok_or_else(fault);
        }
        let looked = look(store).await.map(Arc::new);
        *last = Some((Instant::now(), looked.as_ref().ok().cloned()));
        looked
    }

    /// Forgets the last look: it may show a request as open that was answered since.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

async fn look(store: &Database) -> Result<Asked, Fault> {
    // In this order: a pause that ended before a request was made is seen as ended.
    let open = store.open_requests().await?;
    Ok(Asked { paused: store.paused().await?, open })
}
