//! Records that change, before and while they are read.

use super::rows;
use crate::{Seen, Source, drive::note, read, run, settle};

/// A record that changes after it was read is read again.
pub async fn a_change_is_seen_again<S: Source>(mut source: S) {
    rows(&mut source, "r", 6).await;
    let mut connector = source.connector();
    let (_, at) = run(&mut connector, None, 4).await;
    source.change("r3").await;
    let (seen, _) = run(&mut connector, Some(at), 4).await;
    assert!(seen.contains_key("r3"), "the change was not seen");
}

/// A record that changes between being read and being settled is read again: the older state alone
/// was acknowledged.
pub async fn a_row_updated_while_being_read_is_read_again<S: Source>(mut source: S) {
    rows(&mut source, "r", 6).await;
    let (mut connector, mut at, mut later) = (source.connector(), None, Seen::new());
    let mut changed: Option<String> = None;
    for _ in 0..40 {
        let (keys, upto, caught_up) = read(&mut connector, at.as_ref(), 3).await;
        if let (None, Some(key)) = (&changed, keys.first()) {
            source.change(key).await;
            changed = Some(key.clone());
        } else {
            note(&mut later, keys);
        }
        settle(&mut connector, &upto).await;
        at = Some(upto);
        if caught_up && changed.as_ref().is_some_and(|key| later.contains_key(key)) {
            return;
        }
    }
    panic!("the newer state was not read");
}
