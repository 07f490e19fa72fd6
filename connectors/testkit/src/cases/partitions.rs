//! Channels with several partitions. One cursor contains the positions of all of them.

use std::collections::BTreeSet;

use contract::Cursor;

use super::HOUR;
use crate::{
    KeyCounts, Partitioned,
    drive::{add_keys, assert_found, key, ok, run_checked, try_read},
    read_only,
};

const N_PARTITIONS: usize = 200;

/// The positions of all partitions are in one cursor, which is stored with every batch.
pub async fn a_cursor_of_200_partitions_stays_within_64_kib<S: Partitioned>(mut source: S) {
    fill_partitions(&mut source).await;
    run_checked(&mut source.connector(), None, 50, read_only::assert_within_64_kib).await;
}

/// A partition that fails is reported with the batch, and all others are read.
pub async fn a_failing_partition_stops_no_other<S: Partitioned>(mut source: S) {
    let mut keys = fill_partitions(&mut source).await;
    source.fail(7).await;
    keys.remove("p7-0");
    let (mut connector, mut cursor, mut seen): (_, Option<Cursor>, _) =
        (source.connector(), None, KeyCounts::new());
    let mut is_reported = false;
    for _ in 0..3_000 {
        let batch = ok(try_read(&mut connector, cursor.as_ref(), 50).await);
        add_keys(&mut seen, batch.entries.iter().map(key).collect());
        is_reported |= !batch.trouble.is_empty();
        cursor = Some(ok(Cursor::encode(&batch.upto)));
        if seen.len() == keys.len() && is_reported {
            break;
        }
    }
    assert!(is_reported, "the partition that fails was not reported");
    assert_found(&seen, &keys);
}

/// Adds one record to each partition. Returns the keys.
async fn fill_partitions<S: Partitioned>(source: &mut S) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for partition in 0..N_PARTITIONS {
        let key = format!("p{partition}-0");
        source.add_to(partition, std::slice::from_ref(&key), HOUR).await;
        keys.insert(key);
    }
    keys
}
