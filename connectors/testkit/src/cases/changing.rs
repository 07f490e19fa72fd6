//! Records and pages that change after or while they are read.

use super::{HOUR, NOW, add_row, add_rows, set};
use crate::{
    Deletes, KeyCounts, Paged, Source, WrongPage,
    drive::{add_keys, assert_found},
    read, run, settle,
};

/// A record that changes after it was read is read again.
pub async fn a_change_is_seen_again<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 6).await;
    let mut connector = source.connector();
    let (_, cursor) = run(&mut connector, None, 4).await;
    source.change("r3").await;
    let (seen, _) = run(&mut connector, Some(cursor), 4).await;
    assert!(seen.contains_key("r3"), "the change was not seen");
}

/// A record that changes after it was read and before it is settled is read again: only the older state
/// was acknowledged.
pub async fn a_row_updated_while_being_read_is_read_again<S: Source>(mut source: S) {
    add_rows(&mut source, "r", 6).await;
    let (mut connector, mut cursor, mut later) = (source.connector(), None, KeyCounts::new());
    let mut changed: Option<String> = None;
    for _ in 0..40 {
        let (keys, upto, caught_up) = read(&mut connector, cursor.as_ref(), 3).await;
        if let (None, Some(key)) = (&changed, keys.first()) {
            source.change(key).await;
            changed = Some(key.clone());
        } else {
            add_keys(&mut later, keys);
        }
        settle(&mut connector, &upto).await;
        cursor = Some(upto);
        if caught_up && changed.as_ref().is_some_and(|key| later.contains_key(key)) {
            return;
        }
    }
    panic!("the newer state was not read");
}

/// A record that was read is deleted between pages, so all records after it move up by one.
pub async fn a_page_shift_after_a_delete_loses_nothing<S: Deletes>(mut source: S) {
    let keys = add_rows(&mut source, "r", 9).await;
    let (mut connector, mut seen) = (source.connector(), KeyCounts::new());
    let (found, upto, _) = read(&mut connector, None, 3).await;
    let deleted = found.first().cloned().unwrap_or_default();
    add_keys(&mut seen, found);
    settle(&mut connector, &upto).await;
    source.delete(&deleted).await;
    let (rest, _) = run(&mut connector, Some(upto), 3).await;
    seen.extend(rest);
    assert_found(&seen, &keys);
}

/// The last record that was read, at which the cursor stands, is deleted.
pub async fn the_row_at_the_cursor_may_be_deleted<S: Deletes>(mut source: S) {
    add_rows(&mut source, "r", 3).await;
    add_row(&mut source, "last", HOUR / 2).await;
    let (_, cursor) = run(&mut source.connector(), None, 10).await;
    source.delete("last").await;
    add_row(&mut source, "new", NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 10).await;
    assert_found(&seen, &set(&["new"]));
}

/// A page with fewer records than requested may not be the last.
pub async fn a_short_page_that_is_not_the_last_loses_nothing<S: Paged>(source: S) {
    read_wrong_page(source, WrongPage::Short).await;
}

/// A page that is returned twice is not the end, and causes no endless loop.
pub async fn a_repeated_page_loses_nothing<S: Paged>(source: S) {
    read_wrong_page(source, WrongPage::Repeated).await;
}

async fn read_wrong_page<S: Paged>(mut source: S, mistake: WrongPage) {
    let keys = add_rows(&mut source, "r", 12).await;
    source.spoil_page(mistake).await;
    let (seen, _) = run(&mut source.connector(), None, 4).await;
    assert_found(&seen, &keys);
}
