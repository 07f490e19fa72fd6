//! Tests the channel of 领导留言板, the message board for leaders.

use std::time::Duration;

use contract::demand::QualityFlag;
use system_tests::compare::has_flag;

use super::*;

type Board = Scene<MessageBoard>;

#[tokio::test]
async fn t04_a_message_that_comes_during_the_walk_is_there_once_like_all_others() {
    let scene = Board::new("").await;
    let mut keys = scene.source.file(45);
    // Forty-five threads fill three pages; the new one comes before the first.
    let source = Arc::new(scene.source);
    let (late, walked) = (Arc::clone(&source), Arc::new(std::sync::Mutex::new(Vec::new())));
    let filed = Arc::clone(&walked);
    scene.pipeline.bus.run_in_next_batch(move || filed.lock().unwrap().extend(late.file(1)));
    scene.pipeline.pull().await.unwrap();
    scene.pipeline.pull().await.unwrap();
    keys.extend(walked.lock().unwrap().iter().cloned());
    assert_eq!(keys.len(), 46);
    assert_eq!(scene.pipeline.differences(&source.truth()), [""; 0]);
    assert_eq!(scene.pipeline.store.demands().len(), 46);
    for key in keys {
        assert_eq!(scene.pipeline.n_states(&key), 1, "{key}");
    }
}

#[tokio::test]
async fn t05_a_pause_that_the_board_asks_for_is_kept_and_others_go_on_meanwhile() {
    let scene = Board::hurried().await;
    scene.source.file(6);
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(wait_of(&fault), Duration::from_secs(30), "{fault}");

    let other = Scene::<Mobile>::new("").await;
    other.source.file(3);
    other.pull().await;

    let (waited, times) = {
        scene.clock.advance(Duration::from_secs(30));
        scene.pull_patiently().await
    };
    assert!(times > 0 && waited >= Duration::from_secs(30) * times, "{waited:?} in {times}");
    assert_eq!(scene.pipeline.differences(&scene.source.truth()), [""; 0]);
    let calls = scene.source.request_counts();
    assert_eq!(calls.early, 0, "{calls:?}");
    assert!(!calls.refused.contains_key("ban"), "{calls:?}");
}

#[tokio::test]
async fn t05_a_ban_lasts_ten_minutes_and_loses_nothing() {
    let mut scene = Board::hurried().await;
    scene.source.file(6);
    scene.pipeline.pull().await.unwrap_err();
    // Another client with the same address ignores the pause.
    let gate = std::mem::replace(&mut scene.pipeline.context.gate, Arc::new(contract::OpenGate));
    scene.pipeline.pull().await.unwrap_err();
    scene.pipeline.context.gate = gate;
    scene.clock.advance(Duration::from_secs(31));
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(wait_of(&fault), Duration::from_secs(600), "{fault}");
    scene.clock.advance(Duration::from_secs(600));
    scene.pull_patiently().await;
    assert_eq!(scene.pipeline.differences(&scene.source.truth()), [""; 0]);
    assert_eq!(scene.source.request_counts().early, 1, "only the other one");
}

#[tokio::test]
async fn a_text_that_the_list_cuts_is_kept_whole() {
    let (_, struck) = Board::struck("cut").await;
    let listed = struck.told.payload["content"].as_str().unwrap();
    assert!(listed.ends_with('…'));
    let content = struck.demand().body.content.clone().unwrap();
    assert!(content.chars().count() > 61 && !content.ends_with('…'), "{content}");
}

#[tokio::test]
async fn both_envelopes_are_read() {
    let (scene, keys) = Board::asked("other_envelope@1").await;
    assert!(keys.iter().all(|key| scene.pipeline.demand(key).is_some()));
}

#[tokio::test]
async fn a_code_may_be_a_number_or_a_text() {
    let (scene, keys) = Board::asked("code_text@1").await;
    assert!(keys.iter().all(|key| scene.pipeline.demand(key).is_some()));
}

#[tokio::test]
async fn a_page_that_asks_for_a_proof_is_asked_again() {
    let (scene, _) = Board::asked("challenge@2").await;
    assert!(scene.source.request_counts().refused["challenge"] > 0);
    assert_eq!(scene.pipeline.store.demands().len(), 3);
    assert!(scene.pipeline.bus.rejected().is_empty());
}

#[tokio::test]
async fn a_thread_has_its_time_under_either_name() {
    for (quirk, other) in [("one_dateline@2", "createDateline"), ("one_dateline@3", "dateline")] {
        let scene = Board::new(quirk).await;
        let keys = scene.source.file(3);
        scene.pull().await;
        let n = usize::from(quirk.ends_with('3'));
        let struck = scene.at(&keys[1 + n]);
        let has = |name: &str| struck.told.payload.get(name).is_some();
        assert!(has(other) && !(has("dateline") && has("createDateline")), "{quirk}");
        assert!(struck.demand().body.received_at.is_some(), "{quirk}");
    }
}

#[tokio::test]
async fn a_leading_blank_is_no_part_of_a_place() {
    let (_, struck) = Board::struck("leading_blank").await;
    assert_eq!(struck.told.payload["from"], " 安徽省 芜湖市");
    // `struck` has compared the address with `from` without the blank.
    assert!(struck.demand().body.address.is_some());
}

#[tokio::test]
async fn every_word_for_a_state_means_it() {
    let scene = Board::new("synonym@1").await;
    let keys = scene.source.file(12);
    for key in &keys[..8] {
        scene.source.advance(key);
    }
    for key in &keys[..4] {
        scene.source.advance(key);
    }
    scene.pull().await;
    let labels: std::collections::BTreeSet<_> =
        scene.pipeline.store.demands().into_iter().filter_map(|d| d.body.status_raw).collect();
    assert!(labels.len() >= 4, "{labels:?}");
}

#[tokio::test]
async fn tags_and_entities_become_text() {
    let (_, struck) = Board::struck("entities").await;
    let content = struck.demand().body.content.clone().unwrap();
    let marks = ["<p", "<br", "&nbsp;", "&lt;"];
    assert!(marks.iter().all(|mark| !content.contains(mark)), "{content}");
}

#[tokio::test]
async fn a_thread_that_is_removed_after_it_was_listed_is_kept_as_it_was_listed() {
    let (scene, struck) = Board::struck("removed").await;
    assert!(scene.source.truth().record(&struck.key).unwrap().deleted_at.is_some());
    let kept = struck.demand();
    assert_eq!(kept.body.title.as_deref(), struck.told.payload["subject"].as_str());
    assert_eq!(scene.pipeline.store.demands().len(), 3);
}

#[tokio::test]
async fn numbers_that_were_never_given_are_no_end() {
    let scene = Board::new("gap@2").await;
    scene.source.file(90);
    scene.pull().await;
    assert_eq!(scene.pipeline.store.demands().len(), 45);
}

#[tokio::test]
async fn a_thread_pinned_out_of_order_hides_nothing_and_is_there_once() {
    // The pinned thread 30 comes before nineteen newer ones on the first page. A reader that continued after
    // the smallest number of that page would miss ten threads.
    let scene = Board::new("pinned@30").await;
    let keys = scene.source.file(59);
    scene.pull().await;
    scene.source.file(1);
    scene.pull().await;
    assert_eq!(scene.pipeline.store.demands().len(), 60);
    assert!(keys.iter().all(|key| scene.pipeline.n_states(key) == 1));
}

#[tokio::test]
async fn an_answer_of_a_thread_that_still_says_it_has_none_is_kept_with_both() {
    let scene = Board::new("answered_unmarked@2").await;
    let key = scene.source.file(3).remove(1);
    scene.source.advance(&key);
    scene.source.advance(&key);
    scene.pull().await;
    let body = scene.at(&key).demand().body.clone();
    assert_eq!(body.status_raw.as_deref(), Some("待回复"));
    assert!(body.reply.is_some() && body.responded_at.is_some());
}

#[tokio::test]
async fn an_answer_that_comes_weeks_later_is_seen_although_the_thread_has_no_new_number() {
    let scene = Board::new("").await;
    // Far after the first page, which every read covers again.
    let key = scene.source.file(45).remove(1);
    scene.pull().await;
    scene.clock.advance(Duration::from_secs(20 * 86_400));
    scene.source.advance(&key);
    scene.source.advance(&key);
    scene.pull().await;
    assert!(scene.at(&key).demand().body.reply.is_some());
}

#[tokio::test]
async fn a_wrong_code_of_the_client_stops_and_says_where_to_look() {
    let mut scene = Board::new("").await;
    scene.source.file(1);
    std::fs::write(scene.pipeline.context.folder.join("../../code"), "another").unwrap();
    scene.pipeline.edit("{ env = \"MESSAGE_BOARD_APP_CODE\" }", "{ file = \"code\" }").unwrap();
    let fault = scene.pipeline.pull().await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("$.code"), "{fault}");
    assert!(scene.source.request_counts().by_kind["list"] <= 3);
}

#[tokio::test]
async fn a_masked_name_is_kept_masked_and_flagged() {
    let scene = Board::new("").await;
    let key = scene.source.file(1).remove(0);
    scene.pull().await;
    assert!(has_flag(scene.at(&key).demand(), "people", QualityFlag::MaskedValue));
}
