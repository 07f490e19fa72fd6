//! Records that go.

use super::{HOUR, NOW, row, rows, set};
use crate::{
    Deletes, Seen,
    drive::{assert_found, note},
    read, run, settle,
};

/// A record that was read goes while the walk is under way, and all behind it move up by one.
pub async fn a_page_shift_after_a_delete_loses_nothing<S: Deletes>(mut source: S) {
    let keys = rows(&mut source, "r", 9).await;
    let (mut connector, mut seen) = (source.connector(), Seen::new());
    let (found, upto, _) = read(&mut connector, None, 3).await;
    let gone = found.first().cloned().unwrap_or_default();
    note(&mut seen, found);
    settle(&mut connector, &upto).await;
    source.delete(&gone).await;
    let (rest, _) = run(&mut connector, Some(upto), 3).await;
    seen.extend(rest);
    assert_found(&seen, &keys);
}

/// The very record that a cursor stands on goes.
pub async fn the_row_that_a_cursor_stands_on_may_go<S: Deletes>(mut source: S) {
    rows(&mut source, "r", 3).await;
    row(&mut source, "last", HOUR / 2).await;
    let (_, at) = run(&mut source.connector(), None, 10).await;
    source.delete("last").await;
    row(&mut source, "new", NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(at), 10).await;
    assert_found(&seen, &set(&["new"]));
}
