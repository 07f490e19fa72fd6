//! Channels with several independent sequences.

use std::collections::BTreeSet;

use contract::Cursor;

use super::HOUR;
use crate::{
    Partitioned, Seen,
    drive::{assert_found, key, note, ok, try_read},
    read, settle, standing,
};

const PARTITIONS: usize = 200;

/// One cursor per partition, in one state that is stored with every batch.
pub async fn a_cursor_of_200_partitions_stays_within_64_kib<S: Partitioned>(mut source: S) {
    filled(&mut source).await;
    let (mut connector, mut at): (_, Option<Cursor>) = (source.connector(), None);
    for _ in 0..3_000 {
        let (_, upto, caught_up) = read(&mut connector, at.as_ref(), 50).await;
        standing::within_64_kib(&upto);
        settle(&mut connector, &upto).await;
        at = Some(upto);
        if caught_up {
            return;
        }
    }
    panic!("not caught up");
}

/// A partition that fails is reported with the batch, and all others are read.
pub async fn a_failing_partition_stops_no_other<S: Partitioned>(mut source: S) {
    let mut keys = filled(&mut source).await;
    source.fail(7).await;
    keys.remove("p7-0");
    let (mut connector, mut at, mut seen): (_, Option<Cursor>, _) =
        (source.connector(), None, Seen::new());
    let mut is_reported = false;
    for _ in 0..3_000 {
        let batch = ok(try_read(&mut connector, at.as_ref(), 50).await);
        note(&mut seen, batch.entries.iter().map(key).collect());
        is_reported |= !batch.trouble.is_empty();
        at = Some(ok(Cursor::encode(&batch.upto)));
        if seen.len() == keys.len() && is_reported {
            break;
        }
    }
    assert!(is_reported, "the partition that fails was not reported");
    assert_found(&seen, &keys);
}

async fn filled<S: Partitioned>(source: &mut S) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for partition in 0..PARTITIONS {
        let key = format!("p{partition}-0");
        source.add_to(partition, std::slice::from_ref(&key), HOUR).await;
        keys.insert(key);
    }
    keys
}
