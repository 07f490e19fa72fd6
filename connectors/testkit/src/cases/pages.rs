//! Pages that are not what was asked for.

use super::rows;
use crate::{Paged, Slip, drive::assert_found, run};

/// A page that holds less than was asked for need not be the last.
pub async fn a_short_page_that_is_not_the_last_loses_nothing<S: Paged>(source: S) {
    slipped(source, Slip::Short).await;
}

/// A page that comes twice is no end, and no circle.
pub async fn a_repeated_page_loses_nothing<S: Paged>(source: S) {
    slipped(source, Slip::Repeated).await;
}

async fn slipped<S: Paged>(mut source: S, slip: Slip) {
    let keys = rows(&mut source, "r", 12).await;
    source.slip(slip).await;
    let (seen, _) = run(&mut source.connector(), None, 4).await;
    assert_found(&seen, &keys);
}
