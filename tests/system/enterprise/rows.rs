//! Quirks of rows: what becomes of the row, and that its neighbours pass.

use super::*;

/// Six appeals of which every second one is spoilt, and the number of the first of those.
async fn spoilt(fault: &str) -> (Drop, String) {
    let mut drop = Drop::new(&format!("{fault}@2"));
    let numbers = drop.platform.file(6);
    drop.half_an_hour().await;
    assert_eq!(drop.differences(), [""; 0], "{fault}");
    for neighbour in [&numbers[0], &numbers[2], &numbers[4]] {
        assert!(drop.line.demand(neighbour).is_some(), "{fault}");
    }
    assert_eq!(drop.platform.counters().unwrap().archived, 1, "a bad row is no bad file");
    let number = numbers[1].clone();
    (drop, number)
}

#[tokio::test(start_paused = true)]
async fn a_nul_is_taken_out_and_flagged() {
    let (drop, number) = spoilt("nul").await;
    let demand = drop.line.demand(&number).unwrap();
    assert!(has_doubt(&demand, "content", QualityFlag::ControlCharacters));
    assert!(!demand.body.content.unwrap().contains('\0'));
}

#[tokio::test(start_paused = true)]
async fn a_row_longer_than_64_kib_is_whole() {
    let (drop, number) = spoilt("long_row").await;
    let content = drop.line.demand(&number).unwrap().body.content.unwrap();
    assert!(content.len() > 64 * 1024, "{} bytes", content.len());
}

#[tokio::test(start_paused = true)]
async fn a_malformed_row_is_kept_with_its_bytes_and_counted_once_a_file() {
    let (mut drop, number) = spoilt("poison").await;
    let kept = drop.line.quarantined(&number).unwrap();
    assert_eq!(kept.reason, "malformed_bytes");
    assert!(kept.place.contains(", line 3"), "{}", kept.place);
    assert!(drop.line.demand(&number).is_none());
    drop.half_an_hour().await;
    assert_eq!(drop.line.bus.rejected().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn half_a_row_is_no_record_and_what_stands_in_its_place_is_no_key() {
    let (drop, number) = spoilt("broken_row").await;
    assert!(drop.line.demand(&number).is_none() && drop.line.quarantined(&number).is_none());
    let halves = drop.line.bus.rejected();
    assert_eq!(halves.len(), 6);
    assert!(halves.iter().all(|(key, reason)| key.is_none() && reason == "row_shape"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_twelve_hours_is_read_and_flagged() {
    let (drop, number) = spoilt("twelve_hour").await;
    let demand = drop.line.demand(&number).unwrap();
    assert!(has_doubt(&demand, "received_at", QualityFlag::AmbiguousTime));
    assert!(demand.body.received_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_day_number_of_a_spreadsheet_is_a_day() {
    let (drop, number) = spoilt("serial_wish").await;
    assert!(drop.line.demand(&number).unwrap().body.wish_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_credit_code_is_the_same_however_it_is_typed() {
    for fault in ["wide_code", "lower_code"] {
        let (drop, number) = spoilt(fault).await;
        let demand = drop.line.demand(&number).unwrap();
        let code = demand.body.enterprise.clone().unwrap().uscc.unwrap();
        assert!(code.starts_with("91") && code.len() == 18, "{fault}: {code}");
        assert!(!has_doubt(&demand, "enterprise.uscc", QualityFlag::BadChecksum), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_registration_number_is_kept_and_flagged() {
    let (drop, number) = spoilt("old_code").await;
    let demand = drop.line.demand(&number).unwrap();
    assert!(has_doubt(&demand, "enterprise.uscc", QualityFlag::BadChecksum));
    assert_eq!(demand.body.enterprise.unwrap().uscc.unwrap().len(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_firm_under_two_codes_is_two_demands_of_one_name() {
    let (drop, number) = spoilt("twin_firm").await;
    let mine = drop.line.demand(&number).unwrap().body.enterprise.unwrap();
    let twins = drop.line.store.demands().into_iter().filter(|demand| {
        let firm = demand.body.enterprise.as_ref();
        firm.is_some_and(|firm| firm.name == mine.name && firm.uscc != mine.uscc)
    });
    assert_eq!(twins.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_no_table_has_is_kept_raw_and_flagged() {
    let (drop, number) = spoilt("unknown_type").await;
    let demand = drop.line.demand(&number).unwrap();
    assert!(has_doubt(&demand, "kind", QualityFlag::UnknownCode));
    assert_eq!((demand.body.kind, demand.body.kind_raw.as_deref()), (None, Some("闲聊")));
}

#[tokio::test(start_paused = true)]
async fn everything_at_once_loses_nothing() {
    let mut drop = Drop::new("all");
    for _ in 0..60 {
        drop.platform.file(10);
        drop.platform.touch(8);
        drop.half_an_hour().await;
    }
    // What was in the last bad file comes with the next good one.
    for _ in 0..3 {
        drop.platform.touch(1);
        drop.half_an_hour().await;
    }
    assert_eq!(drop.differences(), [""; 0]);
    assert!(drop.platform.counters().unwrap().refused >= 5);
}
