//! The promises of every source, kept by tables in SQLite, in every shape a channel can give them.

mod city;

mod changes_and_flag {
    use super::city::{City, Shape};

    connector_testkit::suite!(City::sqlite(Shape::ChangesAndFlag).await);
}

mod changes_only {
    use super::city::{City, Shape};

    connector_testkit::suite!(City::sqlite(Shape::ChangesOnly).await);
}

/// A flag alone sees no later change: the two promises about changes are not made.
mod flag_only {
    use super::city::{City, Shape};

    connector_testkit::suite!(City::sqlite(Shape::FlagOnly).await;
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
        a_flood_of_one_moment_loses_nothing,
        late_commits_lose_nothing,
        rows_that_arrive_during_a_walk_are_found,
    );
}
