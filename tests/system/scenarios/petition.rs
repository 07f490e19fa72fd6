//! Tests the channel of 信访, the petition bureau.

use std::{collections::BTreeSet, time::Duration};

use contract::{Event, Intake, demand::QualityFlag};
use normalizer::{Place, open_sealed};
use system_tests::compare::has_flag;

use super::*;

type Bureau = Scene<Petitions>;

#[tokio::test]
async fn t06_a_name_that_gb2312_does_not_have_is_read_in_full() {
    let scene = Bureau::new("rare_name@1").await;
    let keys = scene.source.file(12);
    scene.pull().await;
    let mut seen = String::new();
    for key in &keys {
        let demand = scene.pipeline.demand(key).unwrap();
        let people = &demand.body.people;
        let main = people.iter().position(|person| person.name.is_some()).unwrap();
        let name = people[main].name.clone().unwrap();
        let field = format!("people.{main}.name");
        seen += &open_sealed(&scene.pipeline.sealer, Place::from(&demand), &field, &name).unwrap();
    }
    assert!(['喆', '䶮', '㛃'].iter().any(|rare| seen.contains(*rare)), "{seen}");
    assert!(!seen.contains('\u{fffd}'));
}

#[tokio::test]
async fn t07_what_the_bureau_could_not_acknowledge_comes_again_and_nothing_else() {
    let scene = Bureau::new("half_ack@1").await;
    let keys = scene.source.file(10);
    scene.pull().await;
    let before = scene.pipeline.bus.messages().len();
    // Far enough that the window of the next walk begins after all of them.
    scene.clock.advance(Duration::from_secs(30 * 86_400));
    scene.pull().await;
    let again = scene.pipeline.bus.messages().split_off(before);
    let intake = Intake::new(again.into_iter().map(|message| (0, message)));
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    let again: BTreeSet<_> = events
        .map(|event| match event {
            Event::Demand(demand) => demand.source_key.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let failed: BTreeSet<_> = keys.iter().skip(1).step_by(2).cloned().collect();
    // The newest is within the overlap of the window, acknowledged or not.
    let newest = BTreeSet::from([keys[9].clone()]);
    assert_eq!(&again - &newest, &failed - &newest);
    assert!(keys.iter().all(|key| scene.pipeline.n_states(key) == 1));
}

#[tokio::test]
async fn declarations_that_contradict_each_other_spoil_no_text() {
    for quirk in ["outer_utf8@1", "inner_utf8@1"] {
        let (scene, _) = Bureau::asked(&format!("{quirk},rare_name@1")).await;
        assert_eq!(scene.pipeline.store.demands().len(), 3, "{quirk}");
    }
}

#[tokio::test]
async fn a_text_with_the_end_of_a_cdata_section_in_it_is_whole() {
    let (_, struck) = Bureau::struck("cdata_end").await;
    assert!(struck.demand().body.content.as_ref().unwrap().contains("]]>"));
}

#[tokio::test]
async fn references_that_no_xml_may_have_are_taken_out_and_flagged() {
    let (_, struck) = Bureau::struck("illegal_reference").await;
    let demand = struck.demand();
    assert!(has_flag(demand, "content", QualityFlag::ControlCharacters));
    assert!(!demand.body.content.as_ref().unwrap().contains(['\0', '\u{b}']));
}

#[tokio::test]
async fn a_text_cut_within_a_character_is_quarantined_and_its_neighbours_pass() {
    let (scene, struck) = Bureau::struck("half_character").await;
    assert!(struck.demand.is_none());
    let row = scene.pipeline.quarantined(&struck.key).unwrap();
    assert_eq!(row.reason, "malformed_bytes");
    assert!(row.detail.contains("tsnr"), "{}", row.detail);
    assert_eq!(scene.pipeline.store.demands().len(), 2);
    // A quarantined record is in custody too: the bureau is told of it like of the others.
    let expected = (Some(struck.key.to_string()), "malformed_bytes".to_owned());
    assert_eq!(scene.pipeline.bus.rejected(), [expected]);
}

#[tokio::test]
async fn a_soap_fault_passes_by_itself() {
    let scene = Bureau::new("soap_fault@1").await;
    scene.source.file(2);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert!(scene.pipeline.store.demands().is_empty());
}

#[tokio::test]
async fn an_empty_list_is_no_rows_only_where_its_message_says_so() {
    let scene = Bureau::new("").await;
    scene.pull().await;
    assert!(scene.pipeline.bus.messages().is_empty());

    let scene = Bureau::new("empty_error@1").await;
    scene.source.file(2);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");

    // Once only: it is asked again at once.
    let scene = Bureau::new("empty_error@2").await;
    scene.source.file(2);
    scene.pull().await;
    assert_eq!(scene.pipeline.store.demands().len(), 2);
}

#[tokio::test]
async fn one_nobody_or_three_may_be_the_main_person() {
    for (quirk, mains) in [("bad_checksum", 1), ("no_main", 0), ("three_mains", 3)] {
        let (_, struck) = Bureau::struck(quirk).await;
        let people = &struck.demand().body.people;
        let role =
            |person: &&contract::demand::Person| person.role == Some(contract::demand::Role::Main);
        assert_eq!(people.iter().filter(role).count(), mains, "{quirk}");
        let told = struck.told.expected_fields().unwrap()["people"].as_array().unwrap().len();
        assert_eq!(people.len(), told, "{quirk}");
    }
}

#[tokio::test]
async fn codes_of_two_lists_are_known_and_an_unknown_one_is_nothing_else() {
    let (_, struck) = Bureau::struck("four_digits").await;
    assert_eq!(struck.demand().body.kind_raw.as_ref().unwrap().len(), 4);
    assert!(struck.demand().body.kind.is_some());
    let (_, struck) = Bureau::struck("unknown_code").await;
    let body = &struck.demand().body;
    assert_eq!((body.kind, body.kind_raw.as_deref()), (None, Some("77")));
    assert!(has_flag(struck.demand(), "kind", QualityFlag::UnknownCode));
}

#[tokio::test]
async fn a_case_closed_without_a_time_is_closed_and_has_none() {
    let scene = Bureau::new("closed_without_time@2").await;
    let keys = scene.source.file(3);
    for key in &keys {
        while scene.source.advance(key) {}
    }
    scene.pull().await;
    for (key, has_time) in keys.iter().zip([true, false, true]) {
        let body = scene.at(key).demand().body.clone();
        assert_eq!(body.status.unwrap().code(), "resolved");
        assert_eq!(body.resolved_at.is_some(), has_time, "{key}");
    }
}

#[tokio::test]
async fn a_repeated_case_names_the_first_and_a_mark_with_two_meanings_is_not_read() {
    let (_, struck) = Bureau::struck("repeated").await;
    let repeat = struck.demand().body.repeat.clone().unwrap();
    assert_eq!(repeat.of.as_deref(), struck.told.payload["lhxfjid"][0]["$text"].as_str());
    // 初/重 means the opposite in one source: what counts is 重复信访标志.
    let (_, inverted) = Bureau::struck("initial_inverted").await;
    let (_, plain) = Bureau::struck("cdata_end").await;
    let flag = |struck: &Struck| struck.demand().body.repeat.clone().unwrap().flag;
    assert_eq!(flag(&inverted), flag(&plain));
}

#[tokio::test]
async fn a_wrong_check_digit_is_flagged_and_the_person_kept() {
    let (_, struck) = Bureau::struck("bad_checksum").await;
    assert!(has_flag(struck.demand(), "people", QualityFlag::BadChecksum));
    assert!(struck.demand().body.people[0].id_no.is_some());
}

#[tokio::test]
async fn a_busy_bureau_is_asked_again_and_the_nightly_page_is_a_pause() {
    let scene = Bureau::new("busy@1").await;
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    let scene = Bureau::new("maintenance@1").await;
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(wait_of(&fault), Duration::from_secs(1_800), "{fault}");
}

#[tokio::test]
async fn a_bureau_that_is_asked_too_often_is_left_alone_as_long_as_it_says() {
    let scene = Bureau::hurried().await;
    scene.source.file(250);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(wait_of(&fault), Duration::from_secs(3), "{fault}");
    assert_eq!(scene.pipeline.store.demands().len(), 100, "what it gave before is kept");
}

#[tokio::test]
async fn a_total_that_differs_from_page_to_page_ends_nothing_early() {
    let scene = Bureau::new("total_drifts@1").await;
    scene.source.file(250);
    scene.pull().await;
    assert_eq!(scene.pipeline.store.demands().len(), 250);
}

#[tokio::test]
async fn a_picture_within_the_record_becomes_name_and_size() {
    for (quirk, least) in [("attachment", 20_000), ("huge_attachment", 5 << 20)] {
        let (_, struck) = Bureau::struck(quirk).await;
        let demand = struck.demand();
        assert_eq!(demand.body.attachments.len(), 1, "{quirk}");
        let file = &demand.body.attachments[0];
        assert_eq!(file.name.as_deref(), Some("现场照片.jpg"), "{quirk}");
        assert!(file.bytes >= Some(least), "{quirk}: {:?}", file.bytes);
        assert!(demand.raw.0.len() < 10_000, "{quirk}: the picture itself is not kept");
    }
}
