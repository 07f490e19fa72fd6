//! Reads that are repeated, interrupted or continued: they lose nothing, and change nothing.

use std::{future::Future, pin::pin, task::Poll};

use contract::Connector;

use super::{HOUR, NOW, add_row, add_rows};
use crate::{
    KeyCounts, Source,
    drive::{add_keys, assert_found, run_checked},
    read, read_only, run, settle,
};

/// Building a connector needs neither a network nor a runtime.
pub async fn builds_without_network<S: Source>(source: S) {
    read_only::builds_without_network(&source).await;
}

/// A channel that was never read is read from its first record, however old that is.
pub async fn starts_from_none<S: Source>(mut source: S) {
    let oldest = source.max_age();
    add_row(&mut source, "oldest", oldest).await;
    let mut keys = add_rows(&mut source, "r", 7).await;
    keys.insert("oldest".to_owned());
    let (seen, _) = run(&mut source.connector(), None, 3).await;
    assert_found(&seen, &keys);
}

/// A read from the same cursor returns the same records.
pub async fn a_repeated_read_returns_the_same_keys<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 9).await;
    let (mut connector, mut cursor) = (source.connector(), None);
    for _ in 0..8 {
        let upto = read_only::assert_reads_the_same(&source, &mut connector, cursor.as_ref()).await;
        settle(&mut connector, &upto).await;
        cursor = Some(upto);
    }
}

/// If a run stops at any cursor and continues in another process, it finds the same keys.
pub async fn resumes_after_any_cursor<S: Source>(mut source: S) {
    for n_reads in 0..12 {
        // New records each time: some sources do not return acknowledged records again.
        let expected = add_rows(&mut source, &format!("c{n_reads}-"), 5).await;
        let (mut seen, mut cursor) = (KeyCounts::new(), None);
        let mut connector = source.connector();
        for _ in 0..n_reads {
            let (keys, upto, _) = read(&mut connector, cursor.as_ref(), 2).await;
            add_keys(&mut seen, keys);
            settle(&mut connector, &upto).await;
            cursor = Some(upto);
        }
        let (rest, _) = run(&mut source.connector(), cursor, 2).await;
        seen.extend(rest);
        assert_found(&seen, &expected);
    }
}

/// A cursor that was stored and read back is the same position.
pub async fn a_cursor_survives_json<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 5).await;
    let (_, upto, _) = read(&mut source.connector(), None, 3).await;
    read_only::assert_survives_json::<S>(&upto);
}

/// A read that is dropped at any await changes nothing.
pub async fn a_read_can_be_dropped_at_every_await<S: Source>(mut source: S) {
    let keys = add_rows(&mut source, "r", 6).await;
    let mut connector = source.connector();
    for n_polls in 0..40 {
        let mut reading = pin!(connector.read(None, 3));
        for _ in 0..n_polls {
            let mut is_first_poll = true;
            // Polls once, then lets other tasks and threads run, such as a timer or a database.
            let is_done = std::future::poll_fn(|context| match reading.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending if is_first_poll => {
                    is_first_poll = false;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Ready(false),
            });
            if is_done.await {
                break;
            }
        }
    }
    let (seen, _) = run(&mut connector, None, 3).await;
    assert_found(&seen, &keys);
}

/// The records of a batch that was lost before it was settled are returned again: reading the next
/// batch does not acknowledge them.
pub async fn what_is_not_settled_is_returned_again<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 5).await;
    let mut lost = source.connector();
    let (first, upto, _) = read(&mut lost, None, 2).await;
    let _ = read(&mut lost, Some(&upto), 2).await;
    let (again, ..) = read(&mut source.connector(), None, 2).await;
    assert!(!first.is_empty(), "nothing was read");
    assert_eq!(first, again);
}

/// A batch is never larger than requested.
pub async fn respects_max<S: Source>(mut source: S) {
    let keys = add_rows(&mut source, "r", 7).await;
    for max in [1, 3, 7, 500] {
        let (mut connector, mut cursor, mut seen) = (source.connector(), None, KeyCounts::new());
        loop {
            let (found, upto, caught_up) = read(&mut connector, cursor.as_ref(), max).await;
            assert!(found.len() <= max, "{} entries, {max} were requested", found.len());
            add_keys(&mut seen, found);
            cursor = Some(upto);
            if caught_up {
                break;
            }
        }
        assert_found(&seen, &keys);
    }
}

/// A batch contains a record at most once.
pub async fn no_key_comes_twice_in_a_batch<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 5).await;
    source.change("r1").await;
    read_only::no_key_comes_twice_in_a_batch(&source).await;
}

/// When a source is caught up, everything was read, and later records are found.
pub async fn caught_up_means_caught_up<S: Source>(mut source: S) {
    let (nothing, cursor) = run(&mut source.connector(), None, 4).await;
    assert!(nothing.is_empty(), "an empty source returned records");
    let keys = add_rows(&mut source, "r", 9).await;
    let (seen, cursor) = run(&mut source.connector(), Some(cursor), 4).await;
    assert_found(&seen, &keys);
    add_row(&mut source, "later", NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 4).await;
    assert_found(&seen, &super::set(&["later"]));
}

/// An empty source is caught up after a few reads: otherwise the loop would read without a pause.
pub async fn an_empty_source_is_caught_up_soon<S: Source>(source: S) {
    let (mut connector, mut cursor) = (source.connector(), None);
    for _ in 0..8 {
        let (keys, upto, caught_up) = read(&mut connector, cursor.as_ref(), 4).await;
        assert!(keys.is_empty(), "an empty source returned records");
        if caught_up {
            return;
        }
        cursor = Some(upto);
    }
    panic!("an empty source was read eight times and is not caught up");
}

/// While a source does not change, the cursor does not move.
pub async fn a_source_at_rest_moves_no_cursor<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 4).await;
    let (_, cursor) = run(&mut source.connector(), None, 6).await;
    let (_, cursor) = run(&mut source.connector(), Some(cursor), 6).await;
    let (_, last) = run(&mut source.connector(), Some(cursor.clone()), 6).await;
    assert_eq!(cursor.as_str(), last.as_str(), "a source at rest moves its cursor");
}

/// A cursor is stored with every batch: it is a position, not a list of records.
pub async fn a_cursor_stays_within_64_kib<S: Source>(mut source: S) {
    let keys: Vec<String> = (0..10_000).map(|n| format!("a rather long key {n}")).collect();
    source.add(&keys, HOUR).await;
    run_checked(&mut source.connector(), None, 900, read_only::assert_within_64_kib).await;
}

/// Settling a batch again, as after a restart, acknowledges no later change.
pub async fn settled_twice_is_harmless<S: Source>(mut source: S) {
    let keys = add_rows(&mut source, "r", 5).await;
    let mut connector = source.connector();
    let (_, upto, _) = read(&mut connector, None, 5).await;
    settle(&mut connector, &upto).await;
    source.change("r2").await;
    settle(&mut connector, &upto).await;
    settle(&mut source.connector(), &upto).await;
    let (seen, _) = run(&mut connector, Some(upto), 5).await;
    assert!(seen.contains_key("r2"), "settling an older state acknowledged a change");
    let (seen, _) = run(&mut connector, None, 5).await;
    assert!(seen.keys().all(|key| keys.contains(key)));
}
