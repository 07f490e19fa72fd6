use super::*;
use crate::Gbk;
use crate::tests::fixture;

#[tokio::test]
async fn the_truth_has_the_states_of_every_case() {
    let fixture = fixture("poison@2,slash_time@3,old_area@4").await;
    let keys = fixture.hotline.file(4).await.unwrap();
    fixture.hotline.change(&keys[0], |row| row.cstatus = Gbk::new("80")).await.unwrap();
    fixture.hotline.delete(&keys[2]).await.unwrap();
    let truth = fixture.hotline.truth().await.unwrap();
    assert_eq!(truth.channel, "hotline");
    let states = &truth.record(&keys[0]).unwrap().states;
    assert_eq!(states.len(), 2);
    assert_eq!(states[1].expected_fields().unwrap()["status"], "resolved");
    assert_eq!(states[1].payload["CSTATUS"], "80");
    assert_eq!(
        truth.record(&keys[1]).unwrap().last().outcome,
        Outcome::Reject(RejectReason::MalformedBytes)
    );
    let slashed = truth.record(&keys[2]).unwrap();
    assert!(
        slashed.deleted_at.is_some()
            && slashed.last().expected_fields().unwrap().contains_key("received_at")
    );
    let old = truth.record(&keys[3]).unwrap().last();
    assert_eq!(old.quirks, ["poison", "old_area"].into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn additions_belong_to_the_last_state() {
    let fixture = fixture("").await;
    let key = fixture.hotline.file(1).await.unwrap().remove(0);
    fixture.hotline.add_pressings(3).await.unwrap();
    fixture.hotline.change(&key, |row| row.cstatus = Gbk::new("40")).await.unwrap();
    let truth = fixture.hotline.truth().await.unwrap();
    let states = &truth.record(&key).unwrap().states;
    let trail = |n: usize| states[n].expected_fields().unwrap()["trail"].as_array().unwrap().len();
    assert!(!states[0].parts.contains_key("pressing"));
    assert_eq!(states[1].parts["pressing"].as_array().unwrap().len(), 3);
    assert_eq!(trail(1), trail(0) + 3);
}

#[tokio::test]
async fn with_only_the_newest_state_kept_a_city_does_not_grow() {
    let settings = crate::Settings {
        retention: crate::Retention::Newest,
        ..crate::Settings::new(7, crate::Clock::starting(crate::tests::morning()))
    };
    let fixture = crate::tests::fixture_with(settings).await;
    fixture.hotline.file(3).await.unwrap();
    fixture.hotline.advance_random(50).await.unwrap();
    fixture.hotline.add_pressings(50).await.unwrap();
    let truth = fixture.hotline.truth().await.unwrap();
    assert!(truth.records().iter().all(|record| record.states.len() == 1));
}
