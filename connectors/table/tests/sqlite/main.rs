//! The promises of every source, for tables in SQLite with all kinds of settings.

#[path = "../city/mod.rs"]
mod city;
mod faulty;

mod changes_and_flag {
    use super::city::{City, FindBy, Flagged};

    connector_testkit::suite!(City::sqlite(FindBy::ChangesAndFlag).await);
    connector_testkit::suite!(Deletes: City::sqlite(FindBy::ChangesAndFlag).await);
    connector_testkit::suite!(DatesAhead: City::sqlite(FindBy::ChangesAndFlag).await);
    connector_testkit::suite!(ShiftsClock: Flagged::new(City::sqlite(FindBy::ChangesAndFlag).await));
}

mod changes_only {
    use super::city::{City, FindBy};

    connector_testkit::suite!(City::sqlite(FindBy::ChangesOnly).await);
    connector_testkit::suite!(Deletes: City::sqlite(FindBy::ChangesOnly).await);
    connector_testkit::suite!(DatesAhead: City::sqlite(FindBy::ChangesOnly).await);
}

mod refusals {
    use super::faulty::FaultyDatabase;

    connector_testkit::suite!(Broken: FaultyDatabase::new().await);
    connector_testkit::suite!(HasTimeout: FaultyDatabase::new().await);
    connector_testkit::suite!(WrongFormat: FaultyDatabase::new().await);
}

/// A flag alone finds no later changes, so the promises about changes are left out.
mod flag_only {
    use super::city::{City, FindBy};

    connector_testkit::suite!(Deletes: City::sqlite(FindBy::FlagOnly).await);
    connector_testkit::suite!(DatesAhead: City::sqlite(FindBy::FlagOnly).await);

    connector_testkit::suite!(City::sqlite(FindBy::FlagOnly).await;
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
        a_source_at_rest_moves_no_cursor,
        caught_up_means_caught_up,
        a_flood_of_one_moment_loses_nothing,
        ten_thousand_rows_of_one_moment_lose_nothing,
        late_commits_lose_nothing,
        a_commit_visible_a_minute_late_is_found,
        a_second_that_was_read_may_get_more_rows,
        rows_that_arrive_during_a_walk_are_found,
    );
}
