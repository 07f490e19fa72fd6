//! Tests the promises: for each, there is a connector that breaks it and no other.
//!
//! A check that no connector fails proves nothing. If one defect fails several checks, they do not
//! show where to look.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod connector;
mod defect;
mod script;
mod world;

use std::{collections::BTreeSet, future::Future, panic::AssertUnwindSafe};

use connector_testkit as promises;

use defect::Defect;
use script::Script;

/// A promise, the defect that breaks it, and a check whether a connector with a given defect keeps it.
struct TableRow {
    promise: &'static str,
    defect: Defect,
    keeps: fn(Option<Defect>) -> bool,
}

macro_rules! table {
    ($($promise:ident: $defect:ident),+ $(,)?) => {
        vec![$(TableRow {
            promise: stringify!($promise),
            defect: Defect::$defect,
            keeps: |defect| keeps(promises::$promise(Script::new(defect))),
        }),+]
    };
}

fn table() -> Vec<TableRow> {
    table! {
        builds_without_network: NeedsARuntime,
        starts_from_none: ReadsOneYearOnly,
        a_repeated_read_returns_the_same_keys: ShortensARepeatedRead,
        resumes_after_any_cursor: LosesWhatItReadAhead,
        a_cursor_survives_json: CountsLoadsInItsCursor,
        a_cursor_stays_within_64_kib: KeepsKeysInItsCursor,
        a_read_can_be_dropped_at_every_await: BreaksWhenDropped,
        what_is_not_settled_is_returned_again: AcknowledgesByReading,
        respects_max: ReturnsOneTooMany,
        no_key_comes_twice_in_a_batch: ReturnsBothStates,
        an_empty_source_is_caught_up_soon: IsNeverCaughtUp,
        caught_up_means_caught_up: IsCaughtUpTooSoon,
        a_source_at_rest_moves_no_cursor: MovesCursorAtRest,
        settled_twice_is_harmless: SettlesChangesAtARestart,
        a_change_is_seen_again: IgnoresChanges,
        a_row_updated_while_being_read_is_read_again: SettlesANewerState,
        a_flood_of_one_moment_loses_nothing: LosesAtPageBorders,
        ten_thousand_rows_of_one_moment_lose_nothing: StopsAtFiveThousand,
        late_commits_lose_nothing: HasTooLittleOverlap,
        a_commit_visible_a_minute_late_is_found: HasNoOverlap,
        a_second_that_was_read_may_get_more_rows: ReadsLaterTimesOnly,
        rows_that_arrive_during_a_walk_are_found: ReadsASnapshot,
        a_page_shift_after_a_delete_loses_nothing: CountsOffsets,
        the_row_at_the_cursor_may_be_deleted: NeedsTheRowItStandsOn,
        a_row_dated_in_the_future_hides_nothing: FollowsFutureTimes,
        a_vendor_clock_set_back_an_hour_loses_nothing: LosesTheRepeatedHour,
        a_clock_change_loses_nothing: LosesTheHourOfWinterTime,
        a_zone_change_loses_nothing: LosesRowsAfterAZoneChange,
        a_short_page_that_is_not_the_last_loses_nothing: TakesAShortPageForTheLast,
        a_repeated_page_loses_nothing: TakesARepeatedPageForTheLast,
        wrong_credentials_stop_the_channel: RetriesWrongPassword,
        a_forbidden_account_stops_the_channel: RetriesWhenForbidden,
        a_throttled_read_waits_as_requested: IgnoresRetryAfter,
        a_broken_source_is_retried: StopsAtServerError,
        a_silent_source_times_out: HasNoTimeout,
        garbage_is_not_read_as_an_empty_answer: TakesGarbageForEmpty,
        a_fault_loses_nothing: SkipsAfterAFault,
        a_fault_contains_no_secret: LeaksItsSecret,
        a_cursor_of_200_partitions_stays_within_64_kib: WritesMuchPerPartition,
        a_failing_partition_stops_no_other: FailsWithOnePartition,
    }
}

#[test]
fn for_each_promise_there_is_a_connector_that_breaks_it_and_no_other() {
    // Broken promises panic, which is expected here, so panics are not printed.
    std::panic::set_hook(Box::new(|_| {}));
    let lines = table();
    let defects = || std::iter::once(None).chain(lines.iter().map(|line| Some(line.defect)));
    let mut wrong = Vec::new();
    for line in &lines {
        for defect in defects() {
            let should_keep = defect != Some(line.defect);
            if (line.keeps)(defect) != should_keep {
                let verb = if should_keep { "breaks" } else { "keeps" };
                wrong.push(format!("a connector with {defect:?} {verb} {}", line.promise));
            }
        }
    }
    drop(std::panic::take_hook());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_every_promise_once() {
    let sources = [
        include_str!("../../src/cases/changing.rs"),
        include_str!("../../src/cases/clocks.rs"),
        include_str!("../../src/cases/faults.rs"),
        include_str!("../../src/cases/partitions.rs"),
        include_str!("../../src/cases/reading.rs"),
        include_str!("../../src/cases/timing.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    let promises: BTreeSet<&str> =
        lines.filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next()).collect();
    let table = table();
    let named: BTreeSet<&str> = table.iter().map(|line| line.promise).collect();
    let defects: BTreeSet<_> = table.iter().map(|line| format!("{:?}", line.defect)).collect();
    assert_eq!(promises, named);
    assert_eq!(defects.len(), table.len(), "one defect is used for two promises");
    assert!(table.len() >= 30, "{} promises", table.len());
}

/// Whether the check of a promise passes.
fn keeps(promise: impl Future<Output = ()>) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(promise))).is_ok()
}
