//! Promises for a source that tests can only read, such as the plugin of another team.

use std::{collections::BTreeSet, pin::Pin};

use contract::{Connector, Cursor, Entry};

use crate::{
    Readable,
    drive::{key, ok, read, settle, try_read},
};

/// Maximum number of batches to read: a source may have the records of many years.
const MAX_BATCHES: usize = 12;
/// Maximum number of records in a batch.
const BATCH_SIZE: usize = 4;
/// Maximum size of a cursor, in bytes: it is stored with every batch.
const MAX_CURSOR_BYTES: usize = 64 * 1024;

/// A promise that can be checked.
pub struct Promise<A> {
    /// Its name: a sentence with underscores.
    pub name: &'static str,
    /// Checks the promise. Panics, with a message that says why, if the connector breaks it.
    pub check: for<'a> fn(&'a A) -> Check<'a>,
}

/// A running check.
pub type Check<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The promises whose checks change nothing at the source.
pub fn promises<A: Readable>() -> Vec<Promise<A>> {
    macro_rules! promises {
        ($($name:ident),+ $(,)?) => {
            vec![$(Promise { name: stringify!($name), check: |source| Box::pin($name(source)) }),+]
        };
    }
    promises![
        builds_without_network,
        a_repeated_read_returns_the_same_keys,
        resumes_after_any_cursor,
        a_cursor_survives_json_within_64_kib,
        a_read_can_be_dropped,
        respects_max,
        no_key_comes_twice_in_a_batch,
        every_record_can_be_read,
        a_source_at_rest_moves_no_cursor,
    ]
}

/// The promises whose checks acknowledge records: only for a test system.
pub fn promises_that_settle<A: Readable>() -> Vec<Promise<A>> {
    vec![Promise {
        name: "settled_twice_is_harmless",
        check: |source| Box::pin(settled_twice_is_harmless(source)),
    }]
}

/// Building a connector needs neither a network nor a runtime.
pub async fn builds_without_network<A: Readable>(source: &A) {
    std::thread::scope(|scope| {
        // A new thread has no runtime.
        let built = scope.spawn(|| drop(source.new_connector()));
        assert!(built.join().is_ok(), "building needs a runtime");
    });
}

/// A read from the same cursor returns the same records, batch by batch.
pub async fn a_repeated_read_returns_the_same_keys<A: Readable>(source: &A) {
    let (mut connector, mut cursor) = (source.new_connector(), None);
    for _ in 0..MAX_BATCHES {
        cursor = Some(assert_reads_the_same(source, &mut connector, cursor.as_ref()).await);
    }
}

/// If a run stops at any cursor and continues in another process, it finds the same keys.
pub async fn resumes_after_any_cursor<A: Readable>(source: &A) {
    let keys = |batches: &[(Vec<Entry>, Cursor)]| -> BTreeSet<String> {
        batches.iter().flat_map(|(entries, _)| entries).map(key).collect()
    };
    let whole = walk(source, usize::MAX, false).await;
    for restart_at in 0..whole.len() {
        let restarted = walk(source, restart_at, false).await;
        assert_eq!(keys(&restarted), keys(&whole), "after a restart at read {restart_at}");
    }
}

/// A cursor that was stored and read back is the same position, and has at most 64 KiB.
pub async fn a_cursor_survives_json_within_64_kib<A: Readable>(source: &A) {
    for (_, cursor) in walk(source, usize::MAX, false).await {
        assert_survives_json::<A>(&cursor);
        assert_within_64_kib(&cursor);
    }
}

/// A read that is dropped changes nothing.
pub async fn a_read_can_be_dropped<A: Readable>(source: &A) {
    let (expected, ..) = read(&mut source.new_connector(), None, BATCH_SIZE).await;
    let mut connector = source.new_connector();
    for n_yields in [0, 1, 5, 50, 500] {
        let wait = async {
            for _ in 0..n_yields {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { biased;
            () = wait => {}
            _ = connector.read(None, BATCH_SIZE) => {}
        }
        let (found, ..) = read(&mut connector, None, BATCH_SIZE).await;
        assert_eq!(found, expected, "after a read that was dropped");
    }
}

/// A batch is never larger than requested.
pub async fn respects_max<A: Readable>(source: &A) {
    let (mut connector, mut cursor) = (source.new_connector(), None);
    for max in [1, 2, 3, 50, 1] {
        let (keys, upto, _) = read(&mut connector, cursor.as_ref(), max).await;
        assert!(keys.len() <= max, "{} records, {max} were requested", keys.len());
        cursor = Some(upto);
    }
}

/// A batch contains a record at most once.
pub async fn no_key_comes_twice_in_a_batch<A: Readable>(source: &A) {
    for (entries, _) in walk(source, usize::MAX, true).await {
        let distinct: BTreeSet<String> = entries.iter().map(key).collect();
        assert_eq!(distinct.len(), entries.len(), "a key came twice");
    }
}

/// Every record has a key, a revision and a body.
pub async fn every_record_can_be_read<A: Readable>(source: &A) {
    for (entries, _) in walk(source, usize::MAX, true).await {
        for entry in entries {
            if let Entry::Unreadable { place, reason, .. } = entry {
                panic!("{}: {} ({})", place.at, reason.detail, reason.code);
            }
        }
    }
}

/// While a source does not change, its cursor does not move.
pub async fn a_source_at_rest_moves_no_cursor<A: Readable>(source: &A) {
    let (mut connector, mut cursor, mut last_caught_up) = (source.new_connector(), None, None);
    for _ in 0..10_000 {
        let (_, upto, caught_up) = read(&mut connector, cursor.as_ref(), 500).await;
        if caught_up && last_caught_up.as_ref() == Some(&upto) {
            return;
        }
        last_caught_up = caught_up.then(|| upto.clone());
        cursor = Some(upto);
    }
    panic!("the source is never caught up, or moves its cursor with each read");
}

/// Settling a batch again, as after a restart, changes nothing.
pub async fn settled_twice_is_harmless<A: Readable>(source: &A) {
    let mut connector = source.new_connector();
    let (_, upto, _) = read(&mut connector, None, BATCH_SIZE).await;
    let (before, ..) = read(&mut connector, Some(&upto), BATCH_SIZE).await;
    for _ in 0..2 {
        settle(&mut connector, &upto).await;
    }
    settle(&mut source.new_connector(), &upto).await;
    let (after, ..) = read(&mut connector, Some(&upto), BATCH_SIZE).await;
    assert_eq!(before, after, "settling changed what comes next");
}

/// Reads twice with one connector and once with another. Returns the cursor after the batch.
pub(crate) async fn assert_reads_the_same<A: Readable>(
    source: &A,
    connector: &mut A::Connector,
    cursor: Option<&Cursor>,
) -> Cursor {
    let (first, upto, _) = read(connector, cursor, BATCH_SIZE).await;
    let (again, ..) = read(connector, cursor, BATCH_SIZE).await;
    let (elsewhere, ..) = read(&mut source.new_connector(), cursor, BATCH_SIZE).await;
    assert_eq!(first, again, "the same connector returned other records");
    assert_eq!(first, elsewhere, "another connector returned other records");
    upto
}

pub(crate) fn assert_survives_json<A: Readable>(cursor: &Cursor) {
    let decoded: <A::Connector as Connector>::Cursor = ok(cursor.decode());
    let again = ok(Cursor::encode(&decoded));
    assert_eq!(cursor.as_str(), again.as_str(), "a decoded cursor is encoded differently");
}

pub(crate) fn assert_within_64_kib(cursor: &Cursor) {
    let size = cursor.as_str().len();
    assert!(size <= MAX_CURSOR_BYTES, "a cursor of {size} bytes");
}

/// The entries of batches, with the cursor after each.
type Batches = Vec<(Vec<Entry>, Cursor)>;

/// Reads the first batches, with the cursor after each. Read `restart_at` and later ones use a new
/// connector. With `beyond_end`, the batches are larger, and reading goes on after the end.
async fn walk<A: Readable>(source: &A, restart_at: usize, beyond_end: bool) -> Batches {
    let max = if beyond_end { 100 } else { BATCH_SIZE };
    let mut batches = Batches::new();
    let mut connector = source.new_connector();
    for n_reads in 0..MAX_BATCHES {
        if n_reads == restart_at {
            connector = source.new_connector();
        }
        let after = batches.last().map(|(_, upto)| upto);
        let batch = ok(try_read(&mut connector, after, max).await);
        let caught_up = batch.caught_up();
        batches.push((batch.entries, ok(Cursor::encode(&batch.upto))));
        if caught_up && !beyond_end {
            break;
        }
    }
    batches
}
