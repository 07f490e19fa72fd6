//! How long files have lain there without a change.
//!
//! Kept in memory only: it is no progress. After a restart the wait begins anew, and a file is read
//! a little later.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::cursor::Mark;

/// What was seen of each file, and since when.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<String, (Mark, Instant)>);

impl Waiting {
    /// Takes note of all that lies there now.
    pub(crate) fn note<'a>(&mut self, seen: impl IntoIterator<Item = (&'a str, Mark)>) {
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.0);
        for (name, mark) in seen {
            let since = match before.remove(name) {
                Some((same, since)) if same == mark => since,
                _ => now,
            };
            self.0.insert(name.to_owned(), (mark, since));
        }
    }

    /// Whether a file has not changed for `period`.
    pub(crate) fn is_still(&self, name: &str, period: Duration) -> bool {
        self.0.get(name).is_some_and(|(_, since)| since.elapsed() >= period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_begins_the_wait_anew() {
        let (mut waiting, minute) = (Waiting::default(), Duration::from_secs(60));
        waiting.note([("a", Mark::of("1")), ("b", Mark::of("1"))]);
        assert!(waiting.is_still("a", Duration::ZERO) && !waiting.is_still("a", minute));
        tokio::time::advance(minute).await;
        waiting.note([("a", Mark::of("1")), ("b", Mark::of("2"))]);
        assert!(waiting.is_still("a", minute) && !waiting.is_still("b", minute));
        waiting.note([("b", Mark::of("2"))]);
        assert!(!waiting.is_still("a", Duration::ZERO), "what is gone is forgotten");
    }
}
