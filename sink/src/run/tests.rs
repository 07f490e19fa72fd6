use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use contract::{Intake, Publisher};
use tokio::time::Instant;

use super::*;
use crate::{
    SinkState,
    bus::{MemoryBroker, in_process},
    store::{
        Memory, RetryingStore,
        suite::sample::{id, intake, read, record},
    },
};

/// A store that fails this many times before it keeps.
struct Failing {
    left: AtomicU32,
    store: Memory,
}

impl Store for Failing {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return self.store.store(intake).await;
        }
        self.left.store(left - 1, Ordering::Relaxed);
        Err(Fault::transient("it fails"))
    }
}

#[tokio::test]
async fn what_is_published_is_kept_and_acked_until_stop_is_asked() {
    let (publisher, mut consumer) = in_process(1 << 20);
    let (store, stop) = (Memory::new(), CancellationToken::new());
    let ingest = async {
        for read_no in 1..=3 {
            let some = read(read_no, [record(&format!("k{read_no}"), "text")]);
            publisher.publish(some.messages()).await.unwrap();
            assert!(store.demand(&id(&format!("k{read_no}"))).is_some(), "confirmed is kept");
        }
        stop.cancel();
    };
    let mut acked = 0;
    let sink = run(&mut consumer, &store, &stop, 16, &mut acked);
    let (ended, ()) = tokio::join!(sink, ingest);
    ended.unwrap();
    assert_eq!(acked, 3);
}

// Time is paused while any task can run: so a loop that does not end is detected at once.
#[tokio::test(start_paused = true)]
async fn a_failed_loop_leaves_its_messages_to_the_next_one() {
    let broker = MemoryBroker::new(1 << 20);
    broker.publisher().publish(read(1, [record("a", "text")]).messages()).await.unwrap();
    let store = Failing { left: AtomicU32::new(1), store: Memory::new() };
    let stop = CancellationToken::new();
    let (mut failing, mut acked) = (broker.consumer(), 0);
    let ended = run(&mut failing, &store, &stop, 16, &mut acked);
    tokio::time::timeout(Duration::from_secs(1), ended).await.unwrap().unwrap_err();
    drop(failing);
    assert_eq!((broker.in_flight(), acked), (1, 0));
    let mut consumer = broker.consumer();
    let next = run(&mut consumer, &store, &stop, 16, &mut acked);
    let emptied = async {
        while broker.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(next, emptied);
    ended.unwrap();
    assert!(store.store.demand(&id("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_retried_in_place() {
    let (stop, state) = (CancellationToken::new(), SinkState::default());
    let store = Failing { left: AtomicU32::new(2), store: Memory::new() };
    let retrying = RetryingStore::new(store, stop.clone(), state.clone());
    let whole = intake([&read(1, [record("a", "text")])]);
    let mut changes = state.subscribe();
    let noticed = async {
        changes.changed().await.unwrap();
        changes.borrow_and_update().clone().unwrap().fault
    };
    let (kept, fault) = tokio::join!(retrying.store(&whole), noticed);
    assert_eq!((kept.unwrap().stored, fault.as_str()), (1, "it fails"));
    assert_eq!(state.trouble(), None, "it is over");
}

/// A store in which the account has no right until somebody grants it.
struct Forbidden {
    is_granted: Arc<AtomicBool>,
    store: Memory,
}

impl Store for Forbidden {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        match self.is_granted.load(Ordering::Relaxed) {
            true => self.store.store(intake).await,
            false => Err(Fault::stopped("permission denied")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_without_rights_keeps_what_it_took_and_stores_it_as_soon_as_it_is_woken() {
    let broker = MemoryBroker::new(1 << 20);
    broker.publisher().publish(read(1, [record("a", "text")]).messages()).await.unwrap();
    let (stop, state) = (CancellationToken::new(), SinkState::default());
    let is_granted = Arc::new(AtomicBool::new(false));
    let forbidden = Forbidden { is_granted: Arc::clone(&is_granted), store: Memory::new() };
    let store = RetryingStore::new(forbidden, stop.clone(), state.clone());
    let (mut consumer, mut acked) = (broker.consumer(), 0);
    let sink = run(&mut consumer, &store, &stop, 16, &mut acked);
    let mending = async {
        let mut changes = state.subscribe();
        changes.wait_for(Option::is_some).await.unwrap();
        is_granted.store(true, Ordering::Relaxed);
        let began = Instant::now();
        assert!(state.wake());
        changes.wait_for(Option::is_none).await.unwrap();
        stop.cancel();
        began.elapsed()
    };
    let (ended, took) = tokio::join!(sink, mending);
    ended.unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((acked, broker.in_flight()), (1, 0));
}

#[tokio::test]
async fn retries_end_when_stop_is_asked() {
    let stop = CancellationToken::new();
    stop.cancel();
    let store = Failing { left: AtomicU32::new(u32::MAX), store: Memory::new() };
    let whole = intake([&read(1, [record("a", "text")])]);
    let retrying = RetryingStore::new(store, stop, SinkState::default());
    assert!(retrying.store(&whole).await.unwrap_err().is_transient());
}
