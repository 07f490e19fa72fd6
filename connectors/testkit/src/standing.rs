//! Promises for a source that tests can only read, like the plugin of another team.

use std::{collections::BTreeSet, pin::Pin};

use contract::{Connector, Cursor, Entry};

use crate::{
    Asked,
    drive::{key, ok, read, settle, try_read},
};

/// Batches that are read: a source may have the records of years.
const MAX_BATCHES: usize = 12;
/// Records of a batch.
const BATCH_SIZE: usize = 4;
/// Bytes of a cursor: it is stored with every batch.
const MAX_CURSOR_BYTES: usize = 64 * 1024;

/// A promise that can be checked.
pub struct Promise<A> {
    /// Its name, a sentence.
    pub name: &'static str,
    /// Checks it; panics where it is broken, and the message says how.
    pub ask: for<'a> fn(&'a A) -> Asking<'a>,
}

/// A check that runs.
pub type Asking<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// All promises of this module that change nothing at the source.
pub fn promises<A: Asked>() -> Vec<Promise<A>> {
    macro_rules! promises {
        ($($name:ident),+ $(,)?) => {
            vec![$(Promise { name: stringify!($name), ask: |source| Box::pin($name(source)) }),+]
        };
    }
    promises![
        builds_without_network,
        the_same_question_gets_the_same_keys,
        resumes_after_any_cursor,
        a_cursor_survives_json_within_64_kib,
        a_read_can_be_dropped,
        respects_max,
        no_key_comes_twice_in_a_batch,
        every_record_can_be_read,
        a_source_at_rest_moves_no_cursor,
    ]
}

/// The promises that acknowledge records: only for a test system.
pub fn promises_that_settle<A: Asked>() -> Vec<Promise<A>> {
    vec![Promise {
        name: "settled_twice_is_harmless",
        ask: |source| Box::pin(settled_twice_is_harmless(source)),
    }]
}

/// Building needs neither a network nor a runtime.
pub async fn builds_without_network<A: Asked>(source: &A) {
    std::thread::scope(|scope| {
        // A new thread has no runtime.
        let built = scope.spawn(|| drop(source.ask()));
        assert!(built.join().is_ok(), "building needs a runtime");
    });
}

/// A read with the same cursor gives the same records, batch by batch.
pub async fn the_same_question_gets_the_same_keys<A: Asked>(source: &A) {
    let (mut connector, mut at) = (source.ask(), None);
    for _ in 0..MAX_BATCHES {
        at = Some(assert_reads_the_same(source, &mut connector, at.as_ref()).await);
    }
}

/// A run that ends at any cursor, and goes on in another process, finds the same keys.
pub async fn resumes_after_any_cursor<A: Asked>(source: &A) {
    let keys = |batches: &[(Vec<Entry>, Cursor)]| -> BTreeSet<String> {
        batches.iter().flat_map(|(entries, _)| entries).map(key).collect()
    };
    let whole = walk(source, usize::MAX, BATCH_SIZE).await;
    for restart_at in 0..whole.len() {
        let restarted = walk(source, restart_at, BATCH_SIZE).await;
        assert_eq!(keys(&restarted), keys(&whole), "after a restart at read {restart_at}");
    }
}

/// A cursor that is stored and read back is the same position, and has at most 64 KiB.
pub async fn a_cursor_survives_json_within_64_kib<A: Asked>(source: &A) {
    for (_, cursor) in walk(source, usize::MAX, BATCH_SIZE).await {
        assert_survives_json::<A>(&cursor);
        assert_within_64_kib(&cursor);
    }
}

/// A read that is dropped has changed nothing.
pub async fn a_read_can_be_dropped<A: Asked>(source: &A) {
    let (expected, ..) = read(&mut source.ask(), None, BATCH_SIZE).await;
    let mut connector = source.ask();
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
pub async fn respects_max<A: Asked>(source: &A) {
    let (mut connector, mut at) = (source.ask(), None);
    for max in [1, 2, 3, 50, 1] {
        let (keys, upto, _) = read(&mut connector, at.as_ref(), max).await;
        assert!(keys.len() <= max, "{} records, {max} were requested", keys.len());
        at = Some(upto);
    }
}

/// One batch contains one state of a record.
pub async fn no_key_comes_twice_in_a_batch<A: Asked>(source: &A) {
    for (entries, _) in walk(source, usize::MAX, 100).await {
        let distinct: BTreeSet<String> = entries.iter().map(key).collect();
        assert_eq!(distinct.len(), entries.len(), "a key came twice");
    }
}

/// Every record has a key, a revision and a body.
pub async fn every_record_can_be_read<A: Asked>(source: &A) {
    for (entries, _) in walk(source, usize::MAX, 100).await {
        for entry in entries {
            if let Entry::Unreadable { place, reason, .. } = entry {
                panic!("{}: {} ({})", place.at, reason.detail, reason.code);
            }
        }
    }
}

/// A source at rest has nothing new and does not move its cursor.
pub async fn a_source_at_rest_moves_no_cursor<A: Asked>(source: &A) {
    let (mut connector, mut at, mut last_caught_up) = (source.ask(), None, None);
    for _ in 0..10_000 {
        let (_, upto, caught_up) = read(&mut connector, at.as_ref(), 500).await;
        if caught_up && last_caught_up.as_ref() == Some(&upto) {
            return;
        }
        last_caught_up = caught_up.then(|| upto.clone());
        at = Some(upto);
    }
    panic!("it is not caught up, or moves its cursor each time");
}

/// A restart settles a batch a second time.
pub async fn settled_twice_is_harmless<A: Asked>(source: &A) {
    let mut connector = source.ask();
    let (_, upto, _) = read(&mut connector, None, BATCH_SIZE).await;
    let (before, ..) = read(&mut connector, Some(&upto), BATCH_SIZE).await;
    for _ in 0..2 {
        settle(&mut connector, &upto).await;
    }
    settle(&mut source.ask(), &upto).await;
    let (after, ..) = read(&mut connector, Some(&upto), BATCH_SIZE).await;
    assert_eq!(before, after, "settling changed what comes next");
}

/// Reads twice with one connector and once with another one; returns the cursor after that.
pub(crate) async fn assert_reads_the_same<A: Asked>(
    source: &A,
    connector: &mut A::Connector,
    at: Option<&Cursor>,
) -> Cursor {
    let (first, upto, _) = read(connector, at, BATCH_SIZE).await;
    let (again, ..) = read(connector, at, BATCH_SIZE).await;
    let (elsewhere, ..) = read(&mut source.ask(), at, BATCH_SIZE).await;
    assert_eq!(first, again, "the same connector, read again");
    assert_eq!(first, elsewhere, "another connector");
    upto
}

pub(crate) fn assert_survives_json<A: Asked>(cursor: &Cursor) {
    let decoded: <A::Connector as Connector>::Cursor = ok(cursor.decode());
    let again = ok(Cursor::encode(&decoded));
    assert_eq!(cursor.as_str(), again.as_str(), "a decoded cursor is encoded differently");
}

pub(crate) fn assert_within_64_kib(cursor: &Cursor) {
    let size = cursor.as_str().len();
    assert!(size <= MAX_CURSOR_BYTES, "a cursor of {size} bytes");
}

/// Reads the first batches, with another connector from read `restart_at` on.
async fn walk<A: Asked>(source: &A, restart_at: usize, max: usize) -> Vec<(Vec<Entry>, Cursor)> {
    let mut batches: Vec<(Vec<Entry>, Cursor)> = Vec::new();
    let mut connector = source.ask();
    for n_reads in 0..MAX_BATCHES {
        if n_reads == restart_at {
            connector = source.ask();
        }
        let after = batches.last().map(|(_, upto)| upto);
        let batch = ok(try_read(&mut connector, after, max).await);
        batches.push((batch.entries, ok(Cursor::encode(&batch.upto))));
        if batch.caught_up {
            break;
        }
    }
    batches
}
