//! Calls a connector as the gateway does: read, store the cursor as JSON, settle.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Batch, Connector, Cursor, Entry, Fault};

/// How often each key was read.
pub type KeyCounts = BTreeMap<String, usize>;

/// Maximum number of reads after which a connector must be caught up.
const MAX_READS: usize = 3_000;

/// Reads after a stored cursor. Returns the keys, the next stored cursor and `caught_up`.
///
/// # Panics
/// The connector fails.
pub async fn read<C: Connector>(
    connector: &mut C,
    after: Option<&Cursor>,
    max: usize,
) -> (Vec<String>, Cursor, bool) {
    let batch = ok(try_read(connector, after, max).await);
    (batch.entries.iter().map(key).collect(), ok(Cursor::encode(&batch.upto)), batch.end.is_some())
}

/// Like [`read`], but returns the fault.
pub(crate) async fn try_read<C: Connector>(
    connector: &mut C,
    after: Option<&Cursor>,
    max: usize,
) -> Result<Batch<C::Cursor>, Fault> {
    let after: Option<C::Cursor> = after.map(|after| ok(after.decode()));
    connector.read(after.as_ref(), max).await
}

/// Settles a stored cursor.
///
/// # Panics
/// The connector fails.
pub async fn settle<C: Connector>(connector: &mut C, upto: &Cursor) {
    ok(connector.settled(&ok(upto.decode())).await);
}

/// Reads and settles until the connector is caught up. Returns the keys and the last cursor.
///
/// # Panics
/// The connector fails, or never catches up.
pub async fn run<C: Connector>(
    connector: &mut C,
    after: Option<Cursor>,
    max: usize,
) -> (KeyCounts, Cursor) {
    run_checked(connector, after, max, |_| {}).await
}

/// Like [`run`], but calls `check` for each cursor.
pub(crate) async fn run_checked<C: Connector>(
    connector: &mut C,
    mut after: Option<Cursor>,
    max: usize,
    check: impl Fn(&Cursor),
) -> (KeyCounts, Cursor) {
    let mut seen = KeyCounts::new();
    for _ in 0..MAX_READS {
        let (keys, upto, caught_up) = read(connector, after.as_ref(), max).await;
        add_keys(&mut seen, keys);
        check(&upto);
        settle(connector, &upto).await;
        if caught_up {
            return (seen, upto);
        }
        after = Some(upto);
    }
    panic!("not caught up after {MAX_READS} reads");
}

/// Counts the keys of a batch.
pub(crate) fn add_keys(seen: &mut KeyCounts, keys: Vec<String>) {
    for key in keys {
        *seen.entry(key).or_default() += 1;
    }
}

/// Fails if one of the keys was not seen.
pub(crate) fn assert_found(seen: &KeyCounts, keys: &BTreeSet<String>) {
    let missing: Vec<&String> = keys.iter().filter(|key| !seen.contains_key(*key)).collect();
    let first = &missing[..missing.len().min(5)];
    assert!(missing.is_empty(), "{} lost, among them {first:?}", missing.len());
}

/// The key of an entry, or its place if the key could not be read.
pub(crate) fn key(entry: &Entry) -> String {
    match (entry.key(), entry) {
        (None, Entry::Unreadable { place, .. }) => place.at.clone(),
        (key, _) => key.map(ToString::to_string).unwrap_or_default(),
    }
}

/// Returns the value; a fault fails the test, with its text.
pub(crate) fn ok<T>(result: Result<T, Fault>) -> T {
    result.unwrap_or_else(|fault| panic!("{fault}"))
}

/// The peak memory of this process, in bytes (`VmHWM` in proc(5)). A test that calls this runs in a
/// process of its own. `u64::MAX` if the system does not report it.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib * 1024)
}
