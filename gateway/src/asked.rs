//! Requests that concern several processes (`reload`, `retry`): each process looks for them, and answers for itself.

use std::{collections::BTreeSet, time::Duration};

use sink::store::{Database, Request};
use tokio::time::sleep;

/// How often the store is checked for a request.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The requests to all processes that came since this one began.
#[derive(Debug)]
pub struct Asked {
    store: Database,
    /// The last request before this process began; `None` until the store has been read.
    before: Option<i64>,
    served: BTreeSet<i64>,
}

impl Asked {
    /// Ignores all requests that the store holds now.
    pub async fn begin(store: &Database) -> Self {
        // If the store cannot be read now, the first successful read decides which requests are old.
        let before = store.last_request_to_all().await.ok();
        Self { store: store.clone(), before, served: BTreeSet::new() }
    }

    /// Waits for a request. Each one is returned once.
    pub async fn next(&mut self) -> Request {
        loop {
            sleep(POLL_INTERVAL).await;
            let Some(before) = self.before else {
                self.before = self.store.last_request_to_all().await.ok();
                continue;
            };
            // One with a lower number may become visible later, so all of them are compared each time.
            let requests = self.store.requests_to_all(before).await.unwrap_or_default();
            let served = &mut self.served;
            if let Some(request) = requests.into_iter().find(|each| served.insert(each.seq)) {
                return request;
            }
        }
    }
}
