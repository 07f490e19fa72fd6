//! Many records with one time, records that become visible late, and records that arrive between reads.

use std::{collections::BTreeSet, time::Duration};

use super::{HOUR, MINUTE, NOW, add_row, add_rows, set};
use crate::{
    KeyCounts, Source,
    drive::{add_keys, assert_found},
    read, run, settle,
};

/// More records have one time than fit into a page.
pub async fn a_flood_of_one_moment_loses_nothing<S: Source>(mut source: S) {
    let keys: Vec<String> = (0..57).map(|n| format!("flood{n}")).collect();
    source.add(&keys, HOUR).await;
    let (seen, cursor) = run(&mut source.connector(), None, 4).await;
    assert_found(&seen, &keys.iter().cloned().collect());
    let more: Vec<String> = (0..33).map(|n| format!("more{n}")).collect();
    source.add(&more, NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 4).await;
    assert_found(&seen, &more.into_iter().collect());
}

/// One statement fills a table, so ten thousand rows have one time.
pub async fn ten_thousand_rows_of_one_moment_lose_nothing<S: Source>(mut source: S) {
    let keys: Vec<String> = (0..10_000).map(|n| format!("row{n}")).collect();
    source.add(&keys, HOUR).await;
    let (seen, _) = run(&mut source.connector(), None, 700).await;
    assert_found(&seen, &keys.into_iter().collect());
}

/// A record with an old time becomes visible after newer ones were read.
pub async fn late_commits_lose_nothing<S: Source>(source: S) {
    read_late_record(source, S::MAX_DELAY.mul_f64(0.8)).await;
}

/// A transaction is committed a minute late.
pub async fn a_commit_visible_a_minute_late_is_found<S: Source>(source: S) {
    assert!(S::MAX_DELAY >= MINUTE, "a minute is too late for this source");
    read_late_record(source, MINUTE).await;
}

/// Times are whole seconds, and a new record has the same second as one that was already read.
pub async fn a_second_that_was_read_may_get_more_rows<S: Source>(mut source: S) {
    let second = Duration::from_secs(20);
    add_row(&mut source, "first", second).await;
    let (_, cursor) = run(&mut source.connector(), None, 10).await;
    add_row(&mut source, "second", second).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 10).await;
    assert_found(&seen, &set(&["second"]));
}

/// Records are added between the reads of a run.
pub async fn rows_that_arrive_during_a_walk_are_found<S: Source>(mut source: S) {
    let mut keys: BTreeSet<String> = add_rows(&mut source, "r", 8).await;
    let (mut connector, mut cursor, mut seen) = (source.connector(), None, KeyCounts::new());
    for n in 0..6 {
        let (found, upto, _) = read(&mut connector, cursor.as_ref(), 2).await;
        add_keys(&mut seen, found);
        settle(&mut connector, &upto).await;
        cursor = Some(upto);
        let key = format!("a{n}");
        add_row(&mut source, &key, NOW).await;
        keys.insert(key);
    }
    for _ in 0..2 {
        let (rest, upto) = run(&mut connector, cursor, 2).await;
        seen.extend(rest);
        cursor = Some(upto);
    }
    assert_found(&seen, &keys);
}

/// A record becomes visible `delay` after its own time, when newer ones were read.
async fn read_late_record<S: Source>(mut source: S, delay: Duration) {
    add_row(&mut source, "early", HOUR).await;
    add_row(&mut source, "newest", NOW).await;
    let (_, cursor) = run(&mut source.connector(), None, 10).await;
    add_row(&mut source, "late", delay).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 10).await;
    assert_found(&seen, &set(&["late"]));
}
