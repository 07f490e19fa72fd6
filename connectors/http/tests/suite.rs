//! The promises of every source, over HTTP with every kind of page.

mod city;

use serde_json::{Value, json};

fn since() -> Value {
    json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" })
}

fn size() -> Value {
    json!({ "param": "size", "value": 5 })
}

/// Makes a module with the whole suite for each kind of page.
macro_rules! kinds {
    ($($kind:ident: $settings:expr;)+) => {
        $(mod $kind {
            use super::*;

            connector_testkit::suite!(city::City::new($settings).await);
        })+
    };
}

kinds! {
    one_page: json!({ "page": { "kind": "none" }, "since": since() });
    number: json!({
        "since": since(),
        "page": { "kind": "number", "param": "page", "size": size(), "stop": "empty" },
    });
    number_with_total: json!({
        "since": since(),
        "page": { "kind": "number", "param": "page", "size": size(), "stop": { "total": "$.total" } },
    });
    offset: json!({
        "since": since(),
        "page": { "kind": "offset", "param": "offset", "size": { "param": "size", "value": 100 } },
    });
    token_in_the_body: json!({
        "since": since(),
        "page": { "kind": "token", "param": "token", "at": "$.token", "size": size() },
    });
    token_in_a_header: json!({
        "since": since(),
        "page": { "kind": "token", "param": "token", "header": "X-Next", "size": size() },
    });
    link: json!({ "since": since(), "page": { "kind": "link", "size": size() } });
    next_address: json!({
        "since": since(), "page": { "kind": "next", "at": "$.next", "size": size() },
    });
    everything_each_time: json!({
        "page": { "kind": "offset", "param": "offset", "size": size(), "stop": "short" },
    });
    window: json!({
        "since": {
            "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t", "start": "2026-10-09",
            "until": { "param": "to", "span": "1d" },
        },
        "page": { "kind": "number", "param": "page", "size": size(), "stop": "short" },
    });
    day: json!({
        "day": { "param": "day", "start": "2026-10-08" },
        "page": { "kind": "none" },
    });
}

/// A sequence that was read to its end waits for the others, so only the next round finds a change in it.
mod partitions {
    use super::*;

    connector_testkit::suite!(
        city::City::new(json!({
            "each": { "param": "fid", "values": [0, 1, 2] },
            "since": since(),
            "page": { "kind": "offset", "param": "offset", "size": size() },
        })).await;
        builds_without_network,
        starts_from_none,
        a_repeated_read_returns_the_same_keys,
        resumes_after_any_cursor,
        a_cursor_survives_json,
        a_read_can_be_dropped_at_every_await,
        what_is_not_settled_is_returned_again,
        respects_max,
        no_key_comes_twice_in_a_batch,
        caught_up_means_caught_up,
        a_change_is_seen_again,
        a_flood_of_one_moment_loses_nothing,
        late_commits_lose_nothing,
        rows_that_arrive_during_a_walk_are_found,
    );
}

/// A pass by keys does not go back to earlier keys, so only `reread` would find a change of such a record.
mod keyset {
    use super::*;

    connector_testkit::suite!(
        city::City::new(json!({
            "since": since(),
            "page": { "kind": "keyset", "param": "after", "at": "$.id", "first": "", "size": size() },
        })).await;
        builds_without_network,
        starts_from_none,
        a_repeated_read_returns_the_same_keys,
        resumes_after_any_cursor,
        a_cursor_survives_json,
        a_read_can_be_dropped_at_every_await,
        what_is_not_settled_is_returned_again,
        respects_max,
        no_key_comes_twice_in_a_batch,
        caught_up_means_caught_up,
        a_change_is_seen_again,
        a_flood_of_one_moment_loses_nothing,
        late_commits_lose_nothing,
        rows_that_arrive_during_a_walk_are_found,
    );
}

/// A pass from the newest record back finds no changes of older records, so changes are not promised.
mod newest {
    use super::*;

    connector_testkit::suite!(
        city::City::new(json!({
            "page": {
                "kind": "newest", "param": "last", "at": "$.n", "first": "0", "size": size(),
            },
        })).await;
        builds_without_network,
        starts_from_none,
        a_repeated_read_returns_the_same_keys,
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
