//! Waits until everything is stored that a pass has read.

use std::time::Duration;

use contract::{ChannelId, ReadNo};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{PassResult, Row, pass};
use crate::{channel::LiveChannel, cli::out, supervise::Shared};

/// How often this checks whether everything is stored.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After this time it says what it waits for.
const QUIET: Duration = Duration::from_secs(10);
/// How often it says that again.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);
/// How long it waits for one more message of earlier passes.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reads the channels once, and waits until everything is stored that was read since then, or is written off. What
/// was read before may be lost, so this waits for it only as long as it arrives.
pub(in crate::cli) async fn pass_and_store(
    channels: Vec<LiveChannel>,
    shared: &Shared,
) -> Vec<Row> {
    let mut last_reads = Vec::new();
    for channel in &channels {
        // If the store cannot be read now, this waits for everything.
        let last = shared.store.last_read(channel.id()).await.unwrap_or(ReadNo(0));
        last_reads.push((channel.id().clone(), last));
    }
    let mut rows = pass(channels, shared, false).await;
    for row in &mut rows {
        let last = last_reads.iter().find(|(channel, _)| *channel == row.channel);
        let after = last.map_or(ReadNo(0), |(_, last)| *last);
        wait_until_stored(shared, row, after).await;
    }
    join_all(rows.iter().map(|row| drain(shared, row))).await;
    rows
}

/// Waits for the messages of earlier passes as long as they arrive: a pass that was killed may have left them in the
/// queue, and where nobody but `sync` stores them, the next pass has to.
async fn drain(shared: &Shared, row: &Row) {
    let (store, stop) = (&shared.store, &shared.environment.stop);
    let PassResult::Done { step, .. } = &row.end else { return };
    let (mut left, mut deadline) = (u64::MAX, Instant::now() + PATIENCE);
    while let Ok(n @ 1..) = store.missing_receipts(&row.channel, ReadNo(0), *step).await {
        if n < left {
            (left, deadline) = (n, Instant::now() + PATIENCE);
        }
        if stop.is_requested() || Instant::now() >= deadline {
            return;
        }
        stop.or_sleep(POLL_INTERVAL).await;
    }
}

/// Waits until everything is stored that was read after `after` and up to the end of the pass, by this or another
/// process. Changes the end of the row if stop is requested first.
async fn wait_until_stored(shared: &Shared, row: &mut Row, after: ReadNo) {
    let (store, stop) = (&shared.store, &shared.environment.stop);
    let Row { channel, end, .. } = row;
    let PassResult::Done { step, .. } = end else { return };
    let mut note_at = Instant::now() + QUIET;
    loop {
        let why = match store.missing_receipts(channel, after, *step).await {
            Ok(0) => return,
            Ok(n) => unstored(channel, n),
            // The sink reports it too.
            Err(fault) => format!("it is not known whether all of it is stored: {fault}"),
        };
        if stop.is_requested() {
            let why = format!("read and published, but {why}");
            *end = PassResult::NotYet { why };
            return;
        }
        if Instant::now() >= note_at {
            out::note(format!("{channel}: waiting: {why}"));
            note_at = Instant::now() + NOTE_INTERVAL;
        }
        stop.or_sleep(POLL_INTERVAL).await;
    }
}

/// What to say about this number of messages that were published and are not stored.
fn unstored(channel: &ChannelId, n_messages: u64) -> String {
    format!(
        "{n_messages} messages are not stored yet (`tonghui flight list {channel}`); if no sink is slow or stopped, their \
         queue was deleted: `tonghui flight republish {channel}` brings back what was in it"
    )
}
