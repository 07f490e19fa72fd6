//! Messages that do not prove who published them: they are believed if a read in the books has published them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use contract::{Fault, Intake};
use tokio::time::sleep;

use super::known;
use crate::store::{Database, database::sql::NO_ROWS};

/// The time between two looks at the books while a read may be confirmed and not booked yet. That takes a moment: a
/// read is booked after the bus has confirmed it, and after its source has answered the next read.
const POLL: Duration = Duration::from_millis(500);
/// How many looks in vain a store has in all: a minute. Meanwhile nothing is stored, so whoever may write to the
/// queues could otherwise stop everything, again and again.
const MAX_LOOKS: u32 = 120;

/// How long messages without proof may still hold up the store. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct ClaimWait {
    /// Number of looks in vain since a message without proof was believed.
    n_vain: Arc<AtomicU32>,
}

impl ClaimWait {
    /// Whether a message may wait for one more look.
    pub(in crate::store) fn is_left(&self) -> bool {
        self.n_vain.load(Ordering::Relaxed) < MAX_LOOKS
    }

    pub(in crate::store) fn note_vain(&self) {
        self.n_vain.fetch_add(1, Ordering::Relaxed);
    }

    fn note_believed(&self) {
        self.n_vain.store(0, Ordering::Relaxed);
    }
}

impl Database {
    /// See [`Intake::believing`]; `None` if every message has a proof.
    pub(super) async fn believing(&self, intake: &Intake) -> Result<Option<Intake>, Fault> {
        let ids: Vec<_> = intake.claims().map(|claim| known::message_key(&claim.id)).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let (n_claims, wait) = (ids.len(), self.claim_wait());
        let values = [serde_json::Value::from(ids).into()];
        let listed = loop {
            let what = "look for messages in the books";
            // Asked first: a read that is booked between the two questions is found by the second one.
            let is_under_way = self.query_first(what, UNDER_WAY, &values, NO_ROWS).await?.is_some();
            let listed = self.query(what, LISTED, &values, known::listed).await?;
            if listed.len() >= n_claims || !is_under_way || !wait.is_left() {
                break listed;
            }
            wait.note_vain();
            sleep(POLL).await;
        };
        let believing = intake.believing(|id, part| {
            listed.iter().any(|(known, known_part)| known == id && known_part == part)
        });
        if believing.claims().count() < n_claims {
            wait.note_believed();
        }
        Ok(Some(believing))
    }
}

/// The messages with the ids $1 that reads have published.
const LISTED: &str = "SELECT p.channel, p.read_no, p.part, p.events, p.hash
     FROM {each}($1) k CROSS JOIN read_part p
     WHERE p.channel = k.value ->> 0 AND p.read_no = CAST(k.value ->> 1 AS bigint)
     AND p.part = CAST(k.value ->> 2 AS bigint)";

/// Whether one of the messages with the ids $1 may belong to a read that is not in the books yet: its number is taken,
/// and no later read of the channel is booked. The reads of a push channel (the largest fence) are booked in any order.
const UNDER_WAY: &str = "SELECT 1 AS found FROM {each}($1) k JOIN checkpoint c ON c.channel = k.value ->> 0
     WHERE c.next_read_no > CAST(k.value ->> 1 AS bigint) AND NOT EXISTS (
         SELECT 1 FROM read r WHERE r.channel = c.channel AND (r.read_no = CAST(k.value ->> 1 AS bigint)
         OR r.read_no > CAST(k.value ->> 1 AS bigint) AND c.fence <> 9223372036854775807)
     ) LIMIT 1";
