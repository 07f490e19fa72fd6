//! Quirks of files: which are taken, which are put aside, and that nothing is lost by either.

use super::*;

#[tokio::test(start_paused = true)]
async fn t10_overlapping_files_give_every_row_once_and_the_newest_state_wins() {
    let mut drop = Drop::new("");
    drop.platform.file(20);
    for n in 0..5 {
        drop.half_an_hour().await;
        drop.platform.touch(6);
        drop.platform.file(n);
    }
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0]);
    assert_eq!(drop.line.store.demands().len(), 20 + 10);
    let counters = drop.platform.counters().unwrap();
    assert_eq!((counters.waiting, counters.refused), (0, 0));

    // However late, often and in whatever order the messages arrive.
    let (messages, again) = (drop.line.bus.messages(), Memory::new());
    for message in messages.iter().rev().chain(&messages) {
        again.store(&Intake::new([(0, message.clone())])).await.unwrap();
    }
    for demand in drop.line.store.demands() {
        let other = again.current(&demand.channel, &demand.source_key).unwrap();
        assert_eq!(other.body.status, demand.body.status);
    }
}

#[tokio::test(start_paused = true)]
async fn t11_a_file_without_manifest_is_left_alone() {
    let mut drop = Drop::new("no_manifest@1");
    drop.platform.file(3);
    drop.half_an_hour().await;
    assert!(drop.line.store.demands().is_empty() && drop.line.bus.rejected().is_empty());
    assert_eq!(drop.platform.counters().unwrap().waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn t11_a_file_that_is_not_what_was_announced_goes_to_error_with_an_alarm() {
    for (fault, reason) in [
        ("wrong_rows", "manifest_rows"),
        ("wrong_md5", "manifest_md5"),
        ("empty_file", "empty_file"),
        ("no_rows", "no_records"),
    ] {
        // Only the second file is bad: the third covers what it held.
        let mut drop = Drop::new(&format!("{fault}@2"));
        let numbers = drop.platform.file(4);
        drop.half_an_hour().await;
        drop.platform.touch(2);
        let name = drop.half_an_hour().await.unwrap();
        let kept = drop.line.quarantined(&name).unwrap_or_else(|| panic!("{fault} is not told"));
        assert_eq!((kept.reason.as_str(), kept.place.as_str()), (reason, name.as_str()));
        assert_eq!(drop.platform.counters().unwrap().refused, 1, "{fault}");
        drop.platform.touch(1);
        drop.half_an_hour().await;
        assert_eq!(drop.differences(), [""; 0], "{fault}");
        assert!(numbers.iter().all(|number| drop.line.demand(number).is_some()), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn t12_a_header_that_is_not_recognised_goes_to_error_and_is_never_passed_over() {
    let mut drop = Drop::new("unknown_header@1");
    drop.platform.file(3);
    let name = drop.half_an_hour().await.unwrap();
    let kept = drop.line.quarantined(&name).unwrap();
    assert_eq!(kept.reason, "unknown_header");
    assert!(kept.detail.contains("诉求编号"), "{}", kept.detail);
    assert_eq!(drop.platform.counters().unwrap().refused, 1);
    assert!(drop.line.store.demands().is_empty());
    assert_eq!(drop.differences(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn t12_other_names_another_order_and_a_lost_column_are_read_as_before() {
    for fault in ["drift@1", "lost_column@1", "drift@2,lost_column@3"] {
        let drop = two_files(fault).await;
        assert!(drop.line.bus.rejected().is_empty(), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_charset_and_form_gives_the_same_demands() {
    for fault in ["utf8@1", "utf16@1", "workbook@1", "trailing@1", "utf16@2,workbook@1"] {
        let drop = two_files(fault).await;
        assert!(drop.line.bus.rejected().is_empty(), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_arrives_after_its_manifest_is_waited_for() {
    let drop = Drop::new("early_manifest@1");
    let number = drop.platform.file(1).remove(0);
    drop.clock.advance(EVERY);
    let name = drop.platform.drop_file().unwrap().unwrap();
    let batch = drop.line.connector().unwrap().read(None, 100).await.unwrap();
    assert!(batch.entries.is_empty() && !batch.caught_up);
    drop.platform.finish(&name).unwrap();
    drop.line.pull().await.unwrap();
    assert_eq!(drop.differences(), [""; 0]);
    assert!(drop.line.demand(&number).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_replaced_file_is_read_again() {
    let drop = two_files("replaced@1").await;
    assert_eq!(drop.platform.counters().unwrap().archived, 3);
    // The nine rows of each, and of the one that came twice under its name.
    assert_eq!(drop.line.store.books(None, None)[0].read, 3 * 9);
}

/// Two files in which this goes wrong, read as they fall.
async fn two_files(faults: &str) -> Drop {
    let mut drop = Drop::new(faults);
    drop.platform.file(9);
    drop.half_an_hour().await;
    drop.platform.touch(4);
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0], "{faults}");
    assert_eq!(drop.line.store.demands().len(), 9, "{faults}");
    drop
}
