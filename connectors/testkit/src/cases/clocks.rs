//! Sources whose clocks are corrected, changed twice a year, or wrong.

use super::{HOUR, NOW, add_row, add_rows, set};
use crate::{DatesAhead, Shift, ShiftsClock, drive::assert_found, run};

/// A record with a time in the future must not hide earlier records.
pub async fn a_row_dated_in_the_future_hides_nothing<S: DatesAhead>(mut source: S) {
    add_rows(&mut source, "r", 3).await;
    source.add_ahead(&["future".to_owned()], HOUR * 24 * 365).await;
    let (seen, cursor) = run(&mut source.connector(), None, 10).await;
    assert_found(&seen, &set(&["future"]));
    add_row(&mut source, "today", NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 10).await;
    assert_found(&seen, &set(&["today"]));
}

/// The vendor corrects its clock: an hour comes twice.
pub async fn a_vendor_clock_set_back_an_hour_loses_nothing<S: ShiftsClock>(source: S) {
    read_after_clock_changes(source, &[], Shift::Back(HOUR)).await;
}

/// Summer time begins and ends: the clock goes forward an hour, and later back.
pub async fn a_clock_change_loses_nothing<S: ShiftsClock>(source: S) {
    read_after_clock_changes(source, &[Shift::Forward(HOUR)], Shift::Back(HOUR)).await;
}

/// A server that wrote Beijing time writes UTC from now on.
pub async fn a_zone_change_loses_nothing<S: ShiftsClock>(source: S) {
    read_after_clock_changes(source, &[], Shift::Back(HOUR * 8)).await;
}

async fn read_after_clock_changes<S: ShiftsClock>(mut source: S, earlier: &[Shift], last: Shift) {
    add_row(&mut source, "before", NOW).await;
    let (_, mut cursor) = run(&mut source.connector(), None, 10).await;
    for shift in earlier {
        source.shift_clock(*shift).await;
        add_row(&mut source, "between", NOW).await;
        let (seen, upto) = run(&mut source.connector(), Some(cursor), 10).await;
        assert_found(&seen, &set(&["between"]));
        cursor = upto;
    }
    source.shift_clock(last).await;
    add_row(&mut source, "after", NOW).await;
    let (seen, _) = run(&mut source.connector(), Some(cursor), 10).await;
    assert_found(&seen, &set(&["after"]));
}
