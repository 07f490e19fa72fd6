//! Tests rows of 互联网+督查, the inspection platform, that are late, repeated, wrapped, masked or encrypted.

use contract::demand::QualityFlag;
use system_tests::compare::has_flag;

use super::*;

#[tokio::test]
async fn yesterday_grows_until_noon_and_what_it_gains_is_read() {
    let scene = Platform::new("late_row@2").await;
    scene.source.file(1);
    scene.pull().await;
    scene.clock.advance(Duration::from_secs(3_600));
    let late = scene.source.file(1).remove(0);
    scene.pull().await;
    let struck = scene.at(&late);
    let received = struck.told.expected_fields().unwrap()["received_at"].as_str().unwrap();
    assert!(("2026-10-07T16:00:00Z".."2026-10-08T16:00:00Z").contains(&received), "{received}");
    assert!(struck.demand.is_some());
}

#[tokio::test]
async fn a_row_that_is_issued_again_on_one_page_is_read_as_it_was_issued_last() {
    let scene = Platform::new("reissued@1").await;
    let key = scene.source.file(1).remove(0);
    scene.clock.advance(Duration::from_secs(60));
    scene.source.advance(&key);
    scene.pull().await;
    assert_eq!(scene.at(&key).demand().body.status.unwrap().code(), "in_progress");
    assert_eq!(scene.pipeline.n_states(&key), 1);
}

#[tokio::test]
async fn an_array_within_a_text_or_behind_a_byte_order_mark_is_an_array() {
    for quirk in ["wrapped@1", "bom@1"] {
        let (scene, _) = Platform::asked(quirk).await;
        assert_eq!(scene.pipeline.store.demands().len(), 3, "{quirk}");
    }
}

#[tokio::test]
async fn masked_names_and_numbers_are_kept_and_compared_with_nobodys() {
    let (_, struck) = Platform::struck("masked").await;
    let demand = struck.demand();
    assert!(has_flag(demand, "people", QualityFlag::MaskedValue));
    let person = &demand.body.people[0];
    let token = |it: &Option<contract::Sealed>| it.as_ref().and_then(|it| it.token.clone());
    assert_eq!((token(&person.phone), token(&person.name)), (None, None));
}

#[tokio::test]
async fn three_ways_of_writing_a_date_in_one_record_are_read() {
    let scene = Platform::new("").await;
    let key = scene.source.file(1).remove(0);
    scene.pull().await;
    let body = scene.at(&key).demand().body.clone();
    assert!(body.received_at.is_some() && body.dispatched_at.is_some() && body.due_at.is_some());
}

#[tokio::test]
async fn sealed_rows_are_opened_with_the_key_of_the_channel() {
    let mut scene = Platform::new("sealed@1").await;
    let opened = "{ at = \"$..encdata\", layers = [{ sm4 = { key = { env = \"INSPECTION_ROW_KEY\" } } }], as = \"json\" }";
    let inner = "inner   = [{ at = \"$.data\", as = \"json\" }]";
    let both = format!("inner   = [{{ at = \"$.data\", as = \"json\" }}, {opened}]");
    scene.pipeline.edit(inner, &both).unwrap();
    scene.source.file(3);
    scene.pipeline.pull().await.unwrap();
    assert_eq!(scene.pipeline.store.demands().len(), 3);
}
