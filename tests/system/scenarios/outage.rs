//! Tests outages of the broker, of the gateway's process, and of a source.

use std::time::Duration;

use super::{hotline::Desk, *};
use crate::{
    twin::{Harm, Moment, Trap, Verb},
    twin::{Trapped, Verbs},
};

#[tokio::test]
async fn t02_while_the_broker_is_away_nothing_is_acknowledged_and_nothing_is_lost() {
    let desk = Desk::new("").await;
    let keys = desk.hotline.file(30).await.unwrap();
    desk.pipeline.bus.set_unavailable(true);
    // One minute each.
    for _ in 0..10 {
        let fault = desk.pipeline.pull().await.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        desk.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(desk.hotline.counters().await.unwrap().acknowledged, 0);
    desk.pipeline.bus.set_unavailable(false);
    desk.pull().await;
    assert_eq!(desk.hotline.counters().await.unwrap().acknowledged, 30);
    assert!(keys.iter().all(|key| desk.pipeline.n_states(key) == 1));
}

#[tokio::test]
async fn t03_what_was_confirmed_and_not_yet_flagged_comes_again_and_is_known() {
    for moment in [Moment::Before, Moment::After] {
        let desk = Desk::new("").await;
        let keys = desk.hotline.file(30).await.unwrap();
        let trapped = Trapped {
            inner: Arc::clone(&desk.pipeline.store),
            trap: Arc::new(Trap::new(Verb::Advance, Harm::Error, moment, 1)),
            verbs: Verbs::default(),
        };
        desk.pipeline.pull_with(&trapped, 100).await.unwrap_err();
        assert_eq!(desk.hotline.counters().await.unwrap().acknowledged, 0, "{moment:?}");
        assert_eq!(desk.pipeline.store.demands().len(), 30, "{moment:?}");
        desk.pull().await;
        assert_eq!(desk.hotline.counters().await.unwrap().acknowledged, 30, "{moment:?}");
        assert!(keys.iter().all(|key| desk.pipeline.n_states(key) == 1), "{moment:?}");
    }
}

#[tokio::test]
async fn t20_a_source_away_for_a_day_is_caught_up_in_bounded_batches_and_stops_nobody() {
    const MOST: usize = 40;
    let mut scene = Scene::<Mobile>::new("").await;
    scene.source.file(5);
    scene.pull().await;
    let address = scene.source.url().to_owned();
    scene.pipeline.edit(&address, "http://127.0.0.1:1").unwrap();
    let other = Desk::new("").await;
    for _ in 0..24 {
        scene.clock.advance(Duration::from_secs(3_600));
        scene.source.file(20);
        let fault = scene.pipeline.pull().await.unwrap_err();
        assert!(fault.is_transient(), "{fault}");
        other.hotline.file(1).await.unwrap();
    }
    other.pull().await;
    assert_eq!(other.pipeline.store.demands().len(), 24);

    scene.pipeline.edit("http://127.0.0.1:1", &address).unwrap();
    let before = scene.pipeline.store.books()[0].read;
    scene.pipeline.pull_with(&*scene.pipeline.store, MOST).await.unwrap();
    assert_eq!(scene.pipeline.differences(&scene.source.truth()), [""; 0]);
    assert_eq!(scene.pipeline.store.demands().len(), 5 + 480);
    assert!(
        scene.pipeline.bus.max_batch_events() <= MOST,
        "{}",
        scene.pipeline.bus.max_batch_events()
    );
    assert!(scene.pipeline.store.books()[0].read - before >= 480);
}
