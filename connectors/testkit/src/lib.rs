//! Tests that every kind of source must pass.
//!
//! Each case is a function named after the promise that it checks, and [`suite!`] makes a test of each.
//! The author of a connector implements [`Source`] for a small real source that tests can write to.
//! Other traits ([`Deletes`], [`Refuses`] …) describe what else that source can do, each with its own
//! promises. The cases themselves are tested too: for each promise there is a connector that breaks
//! only this one (`tests/broken`).
//!
//! ```text
//! connector_testkit::suite!(MySource::new().await);
//! connector_testkit::suite!(Deletes: MySource::new().await);
//! ```

mod cases;
mod drive;
pub mod read_only;
mod source;

pub use cases::*;
pub use drive::{KeyCounts, peak_memory, read, run, settle};
pub use source::{
    Broken, DatesAhead, Deletes, Forbidden, HasSecret, HasTimeout, Paged, Partitioned, Readable,
    Refuses, Shift, ShiftsClock, Silent, Source, Throttled, Unauthorized, WrongFormat, WrongPage,
};

/// Makes a test of every promise. The argument is an expression for a new, empty source, which may
/// `await`. The name of a trait before it selects the promises of that trait.
#[macro_export]
macro_rules! suite {
    (Deletes: $source:expr) => {
        $crate::suite!($source;
            a_page_shift_after_a_delete_loses_nothing,
            the_row_at_the_cursor_may_be_deleted,
        );
    };
    (DatesAhead: $source:expr) => {
        $crate::suite!($source; a_row_dated_in_the_future_hides_nothing);
    };
    (ShiftsClock: $source:expr) => {
        $crate::suite!($source;
            a_vendor_clock_set_back_an_hour_loses_nothing,
            a_clock_change_loses_nothing,
            a_zone_change_loses_nothing,
        );
    };
    (Paged: $source:expr) => {
        $crate::suite!($source;
            a_short_page_that_is_not_the_last_loses_nothing,
            a_repeated_page_loses_nothing,
        );
    };
    (Unauthorized: $source:expr) => {
        $crate::suite!($source; wrong_credentials_stop_the_channel);
    };
    (Forbidden: $source:expr) => {
        $crate::suite!($source; a_forbidden_account_stops_the_channel);
    };
    (Throttled: $source:expr) => {
        $crate::suite!($source; a_throttled_read_waits_as_requested);
    };
    (Broken: $source:expr) => {
        $crate::suite!($source;
            a_broken_source_is_retried,
            a_fault_loses_nothing,
        );
    };
    (HasTimeout: $source:expr) => {
        $crate::suite!($source; a_silent_source_times_out);
    };
    (WrongFormat: $source:expr) => {
        $crate::suite!($source; garbage_is_not_read_as_an_empty_answer);
    };
    (HasSecret: $source:expr) => {
        $crate::suite!($source; a_fault_contains_no_secret);
    };
    (Partitioned: $source:expr) => {
        $crate::suite!($source;
            a_cursor_of_200_partitions_stays_within_64_kib,
            a_failing_partition_stops_no_other,
        );
    };
    ($source:expr) => {
        $crate::suite!($source;
            builds_without_network,
            starts_from_none,
            a_repeated_read_returns_the_same_keys,
            resumes_after_any_cursor,
            a_cursor_survives_json,
            a_cursor_stays_within_64_kib,
            a_read_can_be_dropped_at_every_await,
            what_is_not_settled_is_returned_again,
            respects_max,
            no_key_comes_twice_in_a_batch,
            an_empty_source_is_caught_up_soon,
            caught_up_means_caught_up,
            a_source_at_rest_moves_no_cursor,
            settled_twice_is_harmless,
            a_change_is_seen_again,
            a_row_updated_while_being_read_is_read_again,
            a_flood_of_one_moment_loses_nothing,
            ten_thousand_rows_of_one_moment_lose_nothing,
            late_commits_lose_nothing,
            a_commit_visible_a_minute_late_is_found,
            a_second_that_was_read_may_get_more_rows,
            rows_that_arrive_during_a_walk_are_found,
        );
    };
    ($source:expr; $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::$promise($source).await;
            }
        )+
    };
}
