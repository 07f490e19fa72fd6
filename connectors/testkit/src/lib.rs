//! What every kind of source promises, as tests.
//!
//! A connector is believed because it passes these, not because it looks right: each case is a
//! function named after the promise it checks, and [`suite!`] makes a test of each. A kind of
//! source brings a [`Source`]: a real one, small, that can be written to.
//!
//! ```text
//! connector_testkit::suite!(MySource::new().await);
//! ```

mod cases;
mod drive;
mod source;

pub use cases::*;
pub use drive::{Seen, read, run, settle};
pub use source::Source;

/// Makes a test of every promise. The argument is an expression that gives a fresh, empty source;
/// it may await.
#[macro_export]
macro_rules! suite {
    ($source:expr) => {
        $crate::suite!($source;
            builds_without_network,
            starts_from_none,
            the_same_question_gets_the_same_keys,
            resumes_after_any_cursor,
            a_cursor_survives_json,
            a_read_can_be_dropped_at_every_await,
            what_is_not_settled_is_returned_again,
            respects_max,
            no_key_comes_twice_in_a_batch,
            caught_up_means_caught_up,
            settled_twice_is_harmless,
            a_change_is_seen_again,
            a_flood_of_one_moment_loses_nothing,
            late_commits_lose_nothing,
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
