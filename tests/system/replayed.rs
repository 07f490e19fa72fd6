//! `tonghui replay` with RabbitMQ and PostgreSQL, beside a service of two processes that reads the source meanwhile.

use std::thread;

use sandbox::Clock;
use system_tests::gateway_process::{Gateway, server};

use crate::repair::{run, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_beside_a_service_repairs_what_a_wrong_mapping_stored_and_nothing_newer() {
    let world = world(Clock::machine(), &server("TONGHUI_TEST_AMQP").unwrap()).await;
    let (store, _) = world.store().await.unwrap();
    let [right, wrong] = ["RQSTTITLE", "SERIALNUM"].map(|column| format!("{{ at = \"$.{column}\""));
    world.edit_channel(&right, &wrong).unwrap();
    world.hotline.file(1_500).await.unwrap();
    let (code, report, said) = run(&world, &["sync", "hotline"]);
    assert_eq!(code, Some(0), "{report} {said}");
    assert!(world.differences().await.unwrap().len() > 1_000, "the titles are right");

    world.edit_channel(&wrong, &right).unwrap();
    let ingest = Gateway::start_as(&world, "ingest").unwrap();
    let sink = Gateway::start_as(&world, "sink").unwrap();
    let is_read = async || {
        let leases = store.leases().await.unwrap();
        leases.iter().any(|lease| lease.serves && lease.upstream == "hotline")
    };
    while !is_read().await {
        tokio::task::yield_now().await;
    }
    world.hotline.advance_random(200).await.unwrap();
    let (replayed, synced) = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let replay = scope.spawn(|| run(&world, &["replay", "hotline"]));
            let synced = run(&world, &["sync", "hotline"]);
            (replay.join().unwrap(), synced)
        })
    });
    for (code, report, said) in [&replayed, &synced] {
        assert_eq!(*code, Some(0), "{report} {said}");
    }
    let (_, report, _) = replayed;
    assert!(report["changed"].as_u64().unwrap() > 500, "{report}");
    let (code, report, said) = run(&world, &["replay", "hotline"]);
    assert_eq!((code, &report["mapped"]), (Some(0), &0.into()), "{said}");
    ingest.stop().unwrap();
    sink.stop().unwrap();
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    for book in store.books(None, None).await.unwrap() {
        assert_eq!((book.balanced, book.in_flight), (Some(true), 0), "{book:?}");
    }
}
