//! Drives a connector as the gateway would: read, keep the cursor as JSON, settle.

use std::collections::BTreeMap;

use contract::{Batch, Connector, Cursor, Entry};

/// How often each key was read.
pub type Seen = BTreeMap<String, usize>;

/// So many reads without catching up are a connector that goes in circles.
const TOO_MANY: usize = 2_000;

/// Reads after a stored cursor, and gives the keys, the next stored cursor and `caught_up`.
///
/// # Panics
/// The connector fails.
pub async fn read<C: Connector>(
    connector: &mut C,
    after: Option<&Cursor>,
    max: usize,
) -> (Vec<String>, Cursor, bool) {
    let after: Option<C::Cursor> = after.map(|after| ok(after.decode()));
    let batch: Batch<C::Cursor> = ok(connector.read(after.as_ref(), max).await);
    (batch.entries.iter().map(key).collect(), ok(Cursor::encode(&batch.upto)), batch.caught_up)
}

/// Settles a stored cursor.
///
/// # Panics
/// The connector fails.
pub async fn settle<C: Connector>(connector: &mut C, upto: &Cursor) {
    ok(connector.settled(&ok(upto.decode())).await);
}

/// Reads and settles until caught up. Gives what was seen and the last cursor.
///
/// # Panics
/// The connector fails, or never catches up.
pub async fn run<C: Connector>(
    connector: &mut C,
    mut at: Option<Cursor>,
    max: usize,
) -> (Seen, Cursor) {
    let mut seen = Seen::new();
    for _ in 0..TOO_MANY {
        let (keys, upto, caught_up) = read(connector, at.as_ref(), max).await;
        for key in keys {
            *seen.entry(key).or_default() += 1;
        }
        settle(connector, &upto).await;
        if caught_up {
            return (seen, upto);
        }
        at = Some(upto);
    }
    panic!("not caught up after {TOO_MANY} reads");
}

/// The key of an entry, whether it was readable or not.
fn key(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { place, .. } => {
            place.key.as_ref().map_or_else(|| place.at.clone(), ToString::to_string)
        }
    }
}

/// A fault fails the test with the text that a person would see.
fn ok<T>(result: Result<T, contract::Fault>) -> T {
    result.unwrap_or_else(|fault| panic!("{fault}"))
}
