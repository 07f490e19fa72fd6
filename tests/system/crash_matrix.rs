//! Interrupts the gateway at every verb, in every way, before and after the verb's effect, early and late, and
//! drops everything that is not durable. Then everything before the position must be in the store or on the
//! bus. After a restart, the store must equal the source, the position must be at the end, the source must be
//! settled, and the books must balance.

use std::sync::{Arc, Mutex};

use contract::{
    Channel, ChannelId, Checkpoints, Consumer, DemandId, MappingNo, Publisher, RecordKey,
};
use futures_util::future::Either;
use gateway::{
    brake::Brake,
    channel::ChannelHandle,
    clock,
    ingest::{Environment, Run, ingest},
    schedule::Pace,
    stop::Stop,
};
use sink::{bus::MemoryBroker, store::Memory as MemoryStore};

use crate::{
    twin::{Harm, Moment, Trap, Verb},
    twin::{Source, Span, Trapped, TwinConnector, TwinNormalizer, Verbs, is_a_case},
};

const ROWS: usize = 57;
const PACE: Pace = Pace { max_entries: 10, schedule: None };

/// What survives a crash.
struct Durable {
    source: Arc<Source>,
    store: Arc<MemoryStore>,
    broker: Option<MemoryBroker>,
}

/// Which bus carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bus {
    InProcess,
    Broker,
}

fn hotline() -> ChannelId {
    "hotline".parse().unwrap()
}

#[tokio::test]
async fn nothing_is_lost_wherever_it_breaks() {
    let mut cases = 0;
    for bus in [Bus::InProcess, Bus::Broker] {
        for verb in Verb::ALL {
            for harm in [Harm::Crash, Harm::Error, Harm::Dropped] {
                for moment in [Moment::Before, Moment::After] {
                    for nth in [1, 2, 3] {
                        if is_a_case(verb, moment) {
                            check(bus, Trap::new(verb, harm, moment, nth)).await;
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 2 * 3 * 3 * (7 * 2 + 1));
}

async fn check(bus: Bus, trap: Trap) {
    let case = format!("{bus:?} {trap:?}");
    let trap = Arc::new(trap);
    let durable = Durable {
        source: Arc::new(Source::with_rows(ROWS)),
        store: Arc::new(MemoryStore::new()),
        broker: (bus == Bus::Broker).then(|| MemoryBroker::new(1 << 20)),
    };
    let mut starts = 0;
    while !run(&durable, &trap, &Verbs::default()).await {
        starts += 1;
        assert!(starts < 5, "{case}: does not come to an end");
        check_custody(&durable, &case).await;
    }
    assert!(trap.has_sprung(), "{case}: the trap was never reached");
    check_everything(&durable, &trap, &case).await;
}

/// Runs the process once: true if it ended normally, false if it crashed or a loop failed.
async fn run(durable: &Durable, trap: &Arc<Trap>, verbs: &Verbs) -> bool {
    match &durable.broker {
        Some(broker) => {
            let is_drained = || broker.in_flight() == 0;
            run_on(durable, trap, verbs, broker.publisher(), broker.consumer(), is_drained).await
        }
        None => {
            let (publisher, consumer) = sink::bus::in_process(1 << 20);
            run_on(durable, trap, verbs, publisher, consumer, || true).await
        }
    }
}

async fn run_on(
    durable: &Durable,
    trap: &Arc<Trap>,
    verbs: &Verbs,
    publisher: impl Publisher,
    consumer: impl Consumer,
    is_drained: impl Fn() -> bool,
) -> bool {
    let trapped = Parts { trap: Arc::clone(trap), verbs: Arc::clone(verbs) };
    let bus = trapped.around(publisher);
    let store = trapped.around(Arc::clone(&durable.store));
    let mut consumer = trapped.around(consumer);
    let sink_stop = tokio_util::sync::CancellationToken::new();

    let ingest = Box::pin(ingest_once(durable, trap, verbs, &bus));
    let mut acked = 0;
    let sink = Box::pin(sink::run(&mut consumer, &store, &sink_stop, 2, &mut acked));
    let crash = async {
        trap.sprung.notified().await;
        // First, the other loop continues to its next await, where it may act on something not yet durable.
        tokio::task::yield_now().await;
    };
    tokio::select! { biased;
        ended = both(ingest, sink, trap, &sink_stop, is_drained) => ended,
        // A crash takes both loops; a dropped loop alone is noticed by the other one's end above.
        () = crash, if trap.harm == Harm::Crash => false,
    }
}

/// Runs both loops. If the trap drops one of them, the other one continues until it has nothing to do.
async fn both(
    ingest: impl Future<Output = bool> + Unpin,
    sink: impl Future<Output = Result<(), contract::Fault>> + Unpin,
    trap: &Trap,
    sink_stop: &tokio_util::sync::CancellationToken,
    is_drained: impl Fn() -> bool,
) -> bool {
    let dropped = async {
        match trap.harm {
            Harm::Dropped => trap.sprung.notified().await,
            Harm::Crash | Harm::Error => std::future::pending().await,
        }
    };
    tokio::pin!(dropped);
    let loops = futures_util::future::select(ingest, sink);
    match futures_util::future::select(Box::pin(loops), dropped).await {
        Either::Left((Either::Left((ended, sink)), dropped)) => {
            let ending = async {
                while !is_drained() {
                    tokio::task::yield_now().await;
                }
                sink_stop.cancel();
                std::future::pending::<()>().await
            };
            tokio::select! {
                kept = sink => kept.is_ok() && ended,
                () = dropped => false,
                () = ending => false,
            }
        }
        Either::Left((Either::Right(_), _)) => false,
        Either::Right(((), _)) => false,
    }
}

async fn ingest_once(
    durable: &Durable,
    trap: &Arc<Trap>,
    verbs: &Verbs,
    bus: &impl Publisher,
) -> bool {
    let trapped = Parts { trap: Arc::clone(trap), verbs: Arc::clone(verbs) };
    let checkpoints = trapped.around(Arc::clone(&durable.store));
    let channel = Channel {
        id: hotline(),
        mapping: MappingNo(1),
        normalizer: Arc::new(TwinNormalizer { trap: Arc::clone(trap) }),
    };
    let mut connector = TwinConnector {
        source: Arc::clone(&durable.source),
        answers: 0,
        trap: Arc::clone(trap),
        verbs: Arc::clone(verbs),
    };
    let run = Run {
        bus,
        checkpoints: &checkpoints,
        fence: 0,
        handle: &ChannelHandle::new(hotline()),
        brake: Brake::default(),
        cause: contract::demand::Cause::Live,
        environment: &Environment {
            memory: contract::Memory::new(4 << 20),
            mapping: Arc::default(),
            clock: clock::machine(),
            stop: Stop::default(),
        },
    };
    ingest(&channel, &mut connector, &PACE, &run).await.is_ok()
}

struct Parts {
    trap: Arc<Trap>,
    verbs: Verbs,
}

impl Parts {
    fn around<T>(&self, inner: T) -> Trapped<T> {
        Trapped { inner, trap: Arc::clone(&self.trap), verbs: Arc::clone(&self.verbs) }
    }
}

/// Checks the state right after the interruption: every row before the position was confirmed, and every
/// message that is no longer on the bus was committed.
async fn check_custody(durable: &Durable, case: &str) {
    let mut on_the_bus = String::new();
    if let Some(broker) = durable.broker.as_ref().filter(|broker| broker.in_flight() > 0) {
        let waiting = broker.consumer().take(ROWS).await.unwrap();
        for delivery in waiting.deliveries() {
            on_the_bus += &String::from_utf8_lossy(&delivery.message.body);
        }
    }
    let position = durable.store.load(&hotline(), 0).await.unwrap();
    let (_, passed): Span = position.cursor.map_or((0, 0), |cursor| cursor.decode().unwrap());
    for (key, _) in &durable.source.rows[..passed] {
        let key = RecordKey::new(key.as_str());
        let id = DemandId::of(&hotline(), &key);
        let is_stored = durable.store.current(&hotline(), &key).is_some()
            || durable.store.quarantined(&id).is_some();
        assert!(
            is_stored || on_the_bus.contains(&id.to_string()),
            "{case}: the position has passed {key}, which is neither on the bus nor in the store"
        );
    }
    let acknowledged = durable.source.acknowledged.lock().unwrap();
    assert!(acknowledged.iter().all(|row| *row < passed), "{case}: acknowledged too early");
}

async fn check_everything(durable: &Durable, trap: &Trap, case: &str) {
    let mut rejected_by_panic = 0;
    for (index, (key, text)) in durable.source.rows.iter().enumerate() {
        let key = RecordKey::new(key.as_str());
        let id = DemandId::of(&hotline(), &key);
        let demand = durable.store.current(&hotline(), &key);
        let quarantined = durable.store.quarantined(&id);
        match demand {
            Some(demand) => {
                assert_eq!(demand.body.content.as_ref(), Some(text), "{case}: {key} was altered");
                assert_eq!(demand.id, id, "{case}");
                assert!(!Source::is_unreadable(index), "{case}: {key} was invented");
            }
            None => {
                assert!(quarantined.is_some(), "{case}: {key} was lost");
                rejected_by_panic += usize::from(!Source::is_unreadable(index));
            }
        }
    }
    let panics = usize::from(trap.verb == Verb::Pack && trap.harm == Harm::Error);
    assert_eq!(rejected_by_panic, panics, "{case}");
    let unreadable = (0..ROWS).filter(|&index| Source::is_unreadable(index)).count();
    assert_eq!(durable.store.demands().len(), ROWS - unreadable - panics, "{case}");

    let position = durable.store.load(&hotline(), 0).await.unwrap();
    let (_, cursor): Span = position.cursor.unwrap().decode().unwrap();
    assert_eq!(cursor, ROWS, "{case}: the position is not the last");
    assert_eq!(durable.source.acknowledged.lock().unwrap().len(), ROWS, "{case}");

    let books = durable.store.books();
    let [book] = &books[..] else { panic!("{case}: {books:?}") };
    assert_eq!(book.balanced, Some(true), "{case}: {book:?}");
    assert_eq!((book.in_flight, book.read), (0, ROWS as u64), "{case}: {book:?}");
    assert_eq!(book.read, book.accepted + book.skipped + book.rejected, "{case}: {book:?}");
    let n_stored = book.stored + book.stored_by_orphans;
    assert_eq!(n_stored, durable.store.demands().len() as u64, "{case}: {book:?}");
}

/// The verbs of an uninterrupted run on the embedded bus, in order.
async fn undisturbed() -> Vec<Verb> {
    let durable = Durable {
        source: Arc::new(Source::with_rows(ROWS)),
        store: Arc::new(MemoryStore::new()),
        broker: None,
    };
    let trap = Arc::new(Trap::new(Verb::Read, Harm::Error, Moment::Before, usize::MAX));
    let verbs = Arc::new(Mutex::new(Vec::new()));
    assert!(run(&durable, &trap, &verbs).await);
    let verbs = verbs.lock().unwrap();
    verbs.clone()
}

#[tokio::test]
async fn one_batch_is_in_flight_per_channel() {
    let verbs = undisturbed().await;
    for (first, second) in
        [(Verb::Deliver, Verb::Advance), (Verb::Advance, Verb::Settle), (Verb::Read, Verb::Deliver)]
    {
        let (mut firsts, mut seconds) = (0, 0);
        for verb in &verbs {
            firsts += usize::from(*verb == first);
            seconds += usize::from(*verb == second);
            // One more read is allowed: the next batch is read while this one is delivered.
            let ahead = if first == Verb::Read { 2 } else { 1 };
            assert!(
                seconds <= firsts && firsts <= seconds + ahead,
                "{first:?} {second:?}: {verbs:?}"
            );
        }
        assert_eq!((firsts, seconds), (6, 6), "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn the_next_batch_is_read_while_one_is_delivered() {
    let verbs = undisturbed().await;
    let place = |verb: Verb, nth: usize| {
        let mut places = verbs.iter().enumerate().filter(|(_, at)| **at == verb);
        places.nth(nth).map(|(place, _)| place).unwrap()
    };
    for batch in 0..5 {
        assert!(place(Verb::Read, batch + 1) < place(Verb::Deliver, batch), "{verbs:?}");
    }
    assert!(
        place(Verb::Settle, 4) < place(Verb::Deliver, 5),
        "settled while the next is delivered"
    );
}

#[tokio::test]
async fn a_source_that_asks_for_a_pause_after_every_answer_is_read_to_its_end() {
    let durable = Durable {
        source: Arc::new(Source { max_answers: 1, ..Source::with_rows(ROWS) }),
        store: Arc::new(MemoryStore::new()),
        broker: None,
    };
    let trap = Arc::new(Trap::new(Verb::Read, Harm::Error, Moment::Before, usize::MAX));
    let mut starts = 1;
    while !run(&durable, &trap, &Verbs::default()).await {
        starts += 1;
        assert!(starts <= 6, "what was read before the pause was thrown away");
    }
    check_everything(&durable, &trap, "pauses").await;
}

#[tokio::test]
async fn the_position_never_moves_past_what_is_confirmed() {
    // The embedded bus confirms a message when it is acked, and the sink acks it after keeping it.
    let verbs = undisturbed().await;
    let mut acked = 0_usize;
    for verb in verbs {
        match verb {
            Verb::Ack => acked += 1,
            Verb::Advance => {
                assert!(acked > 0, "advanced before anything was acked");
                acked = 0;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_is_acked_is_committed() {
    let verbs = undisturbed().await;
    let sink: Vec<Verb> = verbs.into_iter().filter(|verb| verb.is_of_the_sink()).collect();
    for intake in sink.chunks(3) {
        assert_eq!(intake, [Verb::Take, Verb::Keep, Verb::Ack]);
    }
}

#[tokio::test]
async fn books_balance_after_every_crash() {
    for verb in Verb::ALL {
        let trap = Arc::new(Trap::new(verb, Harm::Crash, Moment::Before, 2));
        let durable = Durable {
            source: Arc::new(Source::with_rows(ROWS)),
            store: Arc::new(MemoryStore::new()),
            broker: Some(MemoryBroker::new(1 << 20)),
        };
        assert!(!run(&durable, &trap, &Verbs::default()).await, "{verb:?} did not crash");
        // After a crash, the books show no difference, only messages in flight.
        for book in durable.store.books() {
            assert_ne!(book.balanced, Some(false), "{verb:?}: {book:?}");
        }
        while !run(&durable, &trap, &Verbs::default()).await {}
        for book in durable.store.books() {
            assert_eq!(book.balanced, Some(true), "{verb:?}: {book:?}");
        }
    }
}
