//! Two services on one upstream: one reads, the other steps back and takes over.

use sandbox::Clock;
use system_tests::{
    gateway_process::{Gateway, event},
    world::World,
};

/// Reads its lines until one says so.
fn until(gateway: &mut Gateway, says: impl Fn(&str) -> bool) -> String {
    while let Some(line) = gateway.line().unwrap() {
        if says(&line) {
            return line;
        }
    }
    panic!("the gateway ended before it said so");
}

fn reads(line: &str) -> bool {
    event(line) == Some("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reads_the_other_steps_back_and_takes_over_when_it_dies() {
    let world = World::open(sandbox::Settings::new(3, Clock::machine())).await.unwrap();
    world.edit_channel("every = \"15s\"", "every = \"50ms\"").unwrap();
    world.hotline.file(300).await.unwrap();
    tokio::task::block_in_place(|| {
        let mut first = Gateway::start(&world).unwrap();
        until(&mut first, reads);
        let mut second = Gateway::start(&world).unwrap();
        let line = until(&mut second, |line| line.contains("is read by") || reads(line));
        let name = format!("process {} on ", first.id());
        assert!(line.contains(&name), "it does not step back and name the other: {line}");

        drop(first); // its lease has seconds to go
        until(&mut second, reads);
        let mut third = Gateway::start(&world).unwrap();
        let line = until(&mut third, |line| line.contains("is read by") || reads(line));
        assert!(line.contains(&format!("process {} on ", second.id())), "{line}");

        second.stop().unwrap(); // gives the lease back
        until(&mut third, |line| reads(line) && line.contains("caught_up=true"));
        third.stop().unwrap();
    });
    assert_eq!(world.differences().await.unwrap(), Vec::<String>::new());
    let (store, _) = world.store().await.unwrap();
    let books = store.books(None, None).await.unwrap();
    assert_eq!((books[0].balanced, books[0].stored), (Some(true), 300), "{books:?}");
}
