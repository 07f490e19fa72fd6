//! 为企服务 (the service platform for firms): the real connector and mapping read what the simulated one drops.

use contract::{Intake, Store as _, demand::QualityFlag};
use sandbox::{Behaviour, Clock, DROP_INTERVAL, Enterprise, QuirkRates};
use sink::store::Memory;
use system_tests::{compare::has_flag, pipeline::Pipeline};

/// The platform, its folder, and the channel that reads it.
struct Drop {
    platform: Enterprise,
    clock: Clock,
    pipeline: Pipeline,
    _folder: tempfile::TempDir,
}

impl Drop {
    /// Starts the platform in the morning, with these quirks.
    fn new(quirks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = chrono::NaiveDate::from_ymd_opt(2026, 10, 9).unwrap();
        let clock = Clock::starting(start.and_hms_opt(10, 0, 0).unwrap());
        let mut settings = Behaviour::new(7, clock.clone());
        settings.quirks = QuirkRates::parse(quirks).unwrap();
        let platform = Enterprise::create(&folder.path().join("wqfw"), settings).unwrap();
        let place = platform.folder().display().to_string();
        let pipeline = Pipeline::new("enterprise", vec![("ENTERPRISE_DROP_URL", place)]).unwrap();
        Self { platform, clock, pipeline, _folder: folder }
    }

    /// Advances the clock by half an hour. The platform drops a file, and the gateway reads it.
    async fn half_an_hour(&mut self) -> Option<String> {
        self.clock.advance(DROP_INTERVAL);
        let name = self.platform.drop_file().unwrap();
        self.pipeline.pull().await.unwrap();
        name
    }

    fn differences(&self) -> Vec<String> {
        self.pipeline.differences(&self.platform.truth())
    }
}

#[tokio::test(start_paused = true)]
async fn t10_overlapping_files_give_every_row_once_and_the_newest_state_wins() {
    let mut drop = Drop::new("");
    drop.platform.submit(20);
    for n in 0..5 {
        drop.half_an_hour().await;
        drop.platform.advance_random(6);
        drop.platform.submit(n);
    }
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0]);
    assert_eq!(drop.pipeline.store.demands().len(), 20 + 10);
    let counters = drop.platform.counters().unwrap();
    assert_eq!((counters.waiting, counters.refused), (0, 0));

    // The messages arrive late, several times and in another order.
    let (messages, again) = (drop.pipeline.bus.messages(), Memory::new());
    for message in messages.iter().rev().chain(&messages) {
        again.store(&Intake::new([(0, message.clone())])).await.unwrap();
    }
    for demand in drop.pipeline.store.demands() {
        let other = again.current(&demand.channel, &demand.source_key).unwrap();
        assert_eq!(other.body.status, demand.body.status);
    }
}

#[tokio::test(start_paused = true)]
async fn t11_a_file_without_manifest_is_left_alone() {
    let mut drop = Drop::new("no_manifest@1");
    drop.platform.submit(3);
    drop.half_an_hour().await;
    assert!(drop.pipeline.store.demands().is_empty() && drop.pipeline.bus.rejected().is_empty());
    assert_eq!(drop.platform.counters().unwrap().waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn t11_a_file_that_is_not_what_was_announced_goes_to_error_with_an_alarm() {
    for (quirk, reason) in [("wrong_rows", "manifest_rows"), ("wrong_md5", "manifest_md5")] {
        // Only the second file is bad. The third contains its rows too.
        let mut drop = Drop::new(&format!("{quirk}@2"));
        let numbers = drop.platform.submit(4);
        drop.half_an_hour().await;
        drop.platform.advance_random(2);
        let name = drop.half_an_hour().await.unwrap();
        let kept = drop
            .pipeline
            .store
            .quarantined_at(&name)
            .unwrap_or_else(|| panic!("{quirk} is not told"));
        assert_eq!((kept.reason.as_str(), kept.place.as_str()), (reason, name.as_str()));
        assert_eq!(drop.platform.counters().unwrap().refused, 1, "{quirk}");
        drop.platform.advance_random(1);
        drop.half_an_hour().await;
        assert_eq!(drop.differences(), [""; 0], "{quirk}");
        assert!(numbers.iter().all(|number| drop.pipeline.demand(number).is_some()), "{quirk}");
    }
}

#[tokio::test(start_paused = true)]
async fn t11_a_file_without_rows_is_read_like_any_other() {
    for quirk in ["no_rows@2", "empty_file@2"] {
        let mut drop = Drop::new(quirk);
        drop.platform.submit(4);
        for _ in 0..3 {
            drop.half_an_hour().await;
            drop.platform.advance_random(2);
        }
        drop.half_an_hour().await;
        assert_eq!(drop.differences(), [""; 0], "{quirk}");
        assert!(drop.pipeline.bus.rejected().is_empty(), "{quirk}");
        let counters = drop.platform.counters().unwrap();
        assert_eq!((counters.archived, counters.refused, counters.waiting), (4, 0, 0), "{quirk}");
    }
}

#[tokio::test(start_paused = true)]
async fn t12_a_header_that_is_not_recognised_goes_to_error_and_is_never_passed_over() {
    let mut drop = Drop::new("unknown_header@1");
    drop.platform.submit(3);
    let name = drop.half_an_hour().await.unwrap();
    let kept = drop.pipeline.store.quarantined_at(&name).unwrap();
    assert_eq!(kept.reason, "unknown_header");
    assert!(kept.detail.contains("诉求编号"), "{}", kept.detail);
    assert_eq!(drop.platform.counters().unwrap().refused, 1);
    assert!(drop.pipeline.store.demands().is_empty());
    assert_eq!(drop.differences(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn t12_other_names_another_order_and_a_lost_column_are_read_as_before() {
    for quirk in ["drift@1", "lost_column@1", "drift@2,lost_column@3"] {
        let drop = two_files(quirk).await;
        assert!(drop.pipeline.bus.rejected().is_empty(), "{quirk}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_charset_and_form_gives_the_same_demands() {
    for quirk in ["utf8@1", "utf16@1", "workbook@1", "trailing@1", "utf16@2,workbook@1"] {
        let drop = two_files(quirk).await;
        assert!(drop.pipeline.bus.rejected().is_empty(), "{quirk}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_arrives_after_its_manifest_is_waited_for() {
    let drop = Drop::new("early_manifest@1");
    let number = drop.platform.submit(1).remove(0);
    drop.clock.advance(DROP_INTERVAL);
    let name = drop.platform.drop_file().unwrap().unwrap();
    let batch = drop.pipeline.connector().unwrap().read(None, 100).await.unwrap();
    assert!(batch.entries.is_empty() && !batch.caught_up());
    drop.platform.finish(&name).unwrap();
    drop.pipeline.pull().await.unwrap();
    assert_eq!(drop.differences(), [""; 0]);
    assert!(drop.pipeline.demand(&number).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_replaced_file_is_read_again() {
    let drop = two_files("replaced@1").await;
    assert_eq!(drop.platform.counters().unwrap().archived, 3);
    // Three files of nine rows: two, of which the first came twice.
    assert_eq!(drop.pipeline.store.books()[0].read, 3 * 9);
}

/// Drops and reads two files with this quirk.
async fn two_files(quirks: &str) -> Drop {
    let mut drop = Drop::new(quirks);
    drop.platform.submit(9);
    drop.half_an_hour().await;
    drop.platform.advance_random(4);
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0], "{quirks}");
    assert_eq!(drop.pipeline.store.demands().len(), 9, "{quirks}");
    drop
}

/// Reads six appeals, with the quirk in every second one. Returns the number of the first one that has it.
async fn spoilt(quirk: &str) -> (Drop, String) {
    let mut drop = Drop::new(&format!("{quirk}@2"));
    let numbers = drop.platform.submit(6);
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0], "{quirk}");
    for neighbour in [&numbers[0], &numbers[2], &numbers[4]] {
        assert!(drop.pipeline.demand(neighbour).is_some(), "{quirk}");
    }
    assert_eq!(drop.platform.counters().unwrap().archived, 1, "a bad row is no bad file");
    let number = numbers[1].clone();
    (drop, number)
}

#[tokio::test(start_paused = true)]
async fn a_nul_is_taken_out_and_flagged() {
    let (drop, number) = spoilt("nul").await;
    let demand = drop.pipeline.demand(&number).unwrap();
    assert!(has_flag(&demand, "content", QualityFlag::ControlCharacters));
    assert!(!demand.body.content.unwrap().contains('\0'));
}

#[tokio::test(start_paused = true)]
async fn a_row_longer_than_64_kib_is_whole() {
    let (drop, number) = spoilt("long_row").await;
    let content = drop.pipeline.demand(&number).unwrap().body.content.unwrap();
    assert!(content.len() > 64 * 1024, "{} bytes", content.len());
}

#[tokio::test(start_paused = true)]
async fn a_malformed_row_is_kept_with_its_bytes_and_counted_once_a_file() {
    let (mut drop, number) = spoilt("poison").await;
    let kept = drop.pipeline.quarantined(&number).unwrap();
    assert_eq!(kept.reason, "malformed_bytes");
    assert!(kept.place.contains(", line 3"), "{}", kept.place);
    assert!(drop.pipeline.demand(&number).is_none());
    drop.half_an_hour().await;
    assert_eq!(drop.pipeline.bus.rejected().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn half_a_row_is_no_record_and_what_stands_in_its_place_is_no_key() {
    let (drop, number) = spoilt("broken_row").await;
    assert!(
        drop.pipeline.demand(&number).is_none() && drop.pipeline.quarantined(&number).is_none()
    );
    let halves = drop.pipeline.bus.rejected();
    assert_eq!(halves.len(), 6);
    assert!(halves.iter().all(|(key, reason)| key.is_none() && reason == "row_shape"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_twelve_hours_is_read_and_flagged() {
    let (drop, number) = spoilt("twelve_hour").await;
    let demand = drop.pipeline.demand(&number).unwrap();
    assert!(has_flag(&demand, "received_at", QualityFlag::AmbiguousTime));
    assert!(demand.body.received_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_day_number_of_a_spreadsheet_is_a_day() {
    let (drop, number) = spoilt("serial_wish").await;
    assert!(drop.pipeline.demand(&number).unwrap().body.wish_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_credit_code_is_the_same_however_it_is_typed() {
    for quirk in ["wide_code", "lower_code"] {
        let (drop, number) = spoilt(quirk).await;
        let demand = drop.pipeline.demand(&number).unwrap();
        let code = demand.body.enterprise.clone().unwrap().uscc.unwrap();
        assert!(code.starts_with("91") && code.len() == 18, "{quirk}: {code}");
        assert!(!has_flag(&demand, "enterprise.uscc", QualityFlag::BadChecksum), "{quirk}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_registration_number_is_kept_and_flagged() {
    let (drop, number) = spoilt("old_code").await;
    let demand = drop.pipeline.demand(&number).unwrap();
    assert!(has_flag(&demand, "enterprise.uscc", QualityFlag::BadChecksum));
    assert_eq!(demand.body.enterprise.unwrap().uscc.unwrap().len(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_firm_under_two_codes_is_two_demands_of_one_name() {
    let (drop, number) = spoilt("twin_firm").await;
    let mine = drop.pipeline.demand(&number).unwrap().body.enterprise.unwrap();
    let twins = drop.pipeline.store.demands().into_iter().filter(|demand| {
        let firm = demand.body.enterprise.as_ref();
        firm.is_some_and(|firm| firm.name == mine.name && firm.uscc != mine.uscc)
    });
    assert_eq!(twins.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_no_table_has_is_kept_raw_and_flagged() {
    let (drop, number) = spoilt("unknown_type").await;
    let demand = drop.pipeline.demand(&number).unwrap();
    assert!(has_flag(&demand, "kind", QualityFlag::UnknownCode));
    assert_eq!((demand.body.kind, demand.body.kind_raw.as_deref()), (None, Some("闲聊")));
}

#[tokio::test(start_paused = true)]
async fn everything_at_once_loses_nothing() {
    let mut drop = Drop::new("all");
    for _ in 0..60 {
        drop.platform.submit(10);
        drop.platform.advance_random(8);
        drop.half_an_hour().await;
    }
    // The next good files contain the rows of the last bad one too.
    for _ in 0..3 {
        drop.platform.advance_random(1);
        drop.half_an_hour().await;
    }
    assert_eq!(drop.differences(), [""; 0]);
    // Of 63 files: the headers of 23 and 46, the rows of 37, the MD5 of 41.
    assert_eq!(drop.platform.counters().unwrap().refused, 4);
}
