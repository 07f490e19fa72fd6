//! A row changes five times, twice within one second. The real connector and mapping read it, and its states
//! are delivered in many orders.

use std::{collections::BTreeSet, time::Duration};

use chrono::NaiveDate;
use contract::{
    Channel, Cursor, Demand, Event, Intake, MappingNo, Message, Position, ReadNo, Store, Timestamp,
    pack,
};
use gateway::{assemble, channel::LiveChannel};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use sandbox::{Clock, Gbk};
use sink::store::{Access, Database, Memory, Sqlite};
use system_tests::world::World;

/// The number of interleavings of changes and reads. Each is delivered in [`ORDERS`] orders.
const INTERLEAVINGS: u64 = 20;
const ORDERS: u64 = 50;
/// One of this many orders also goes to a real file.
const EVERY_FILE: u64 = 25;

/// What the reads of one row gave: the messages, and the state in each read, in order.
struct Story {
    messages: Vec<Message>,
    demands: Vec<Demand>,
}

#[tokio::test]
async fn any_order_of_delivery_ends_in_the_last_state() {
    let mut states_seen = BTreeSet::new();
    for seed in 0..INTERLEAVINGS {
        let story = tell(seed).await;
        let distinct: BTreeSet<_> = story.demands.iter().map(|demand| demand.digest.0).collect();
        states_seen.insert(distinct.len());
        for order in 0..ORDERS {
            let mut dice = ChaCha8Rng::seed_from_u64(seed * ORDERS + order);
            let deliveries = shuffle(&story.messages, &mut dice);
            let store = Memory::new();
            deliver(&store, &deliveries, &mut dice.clone()).await;
            let last = story.demands.last().unwrap();
            let current = store.demand(&last.id).unwrap().demand;
            let history = store.history(&last.id);
            let digests: BTreeSet<_> = history.iter().map(|row| row.digest.0).collect();
            assert_eq!(current.body, last.body, "interleaving {seed}, order {order}");
            assert_eq!(digests, distinct, "interleaving {seed}, order {order}");
            if order % EVERY_FILE == 0 {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("demands.db");
                let file = Database::Sqlite(Sqlite::open(path, Access::ReadWrite).await.unwrap());
                deliver(&file, &deliveries, &mut dice).await;
                let current = file.demand(&last.id).await.unwrap().unwrap().demand;
                assert_eq!(current.body, last.body, "interleaving {seed}, order {order}, file");
                assert_eq!(file.history(&last.id).await.unwrap(), history);
            }
        }
    }
    // Some interleavings read every state; some missed one that lasted for less than a second.
    assert!(states_seen.contains(&6) && states_seen.len() > 1, "{states_seen:?}");
}

/// Changes the row five times, with a random number of reads after each change.
async fn tell(seed: u64) -> Story {
    let start = NaiveDate::from_ymd_opt(2026, 10, 9).unwrap().and_hms_opt(10, 0, 0).unwrap();
    let clock = Clock::starting(start);
    let settings = sandbox::Settings::new(seed, clock.clone());
    let world = World::open(settings).await.unwrap();
    let key = world.hotline.file(1).await.unwrap().remove(0);
    let settings = world.settings().unwrap();
    let keys = normalizer::Keys::from_json(KEYS).unwrap();
    let channel = assemble::channels(&settings, &keys).unwrap().remove(0);
    let mut reader = Reader::new(&channel);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);

    reader.read_all().await;
    for (change, status) in ["35", "40", "50", "60", "80"].into_iter().enumerate() {
        // The second and the third change fall into one second: the time column does not move.
        clock.advance(if change == 2 { Duration::ZERO } else { Duration::from_secs(70) });
        let edit = |row: &mut sandbox::Row| {
            row.cstatus = Gbk::new(status);
            row.rqsttitle = Gbk::new(&format!("第 {change} 次变更"));
        };
        world.hotline.change(&key, edit).await.unwrap();
        for _ in 0..dice.random_range(0..=2) {
            reader.read_all().await;
        }
        if dice.random_bool(0.2) {
            reader.forget();
        }
    }
    reader.read_all().await;
    reader.story
}

/// Fixed keys, for reproducible tests.
const KEYS: &str = include_str!("keys.json");

struct Reader<'a> {
    channel: &'a LiveChannel,
    connector: Box<dyn gateway::registry::AnyConnector>,
    cursor: Option<Cursor>,
    reads: u64,
    story: Story,
}

impl<'a> Reader<'a> {
    fn new(channel: &'a LiveChannel) -> Self {
        let connector = channel.connector(channel.context()).unwrap();
        let story = Story { messages: Vec::new(), demands: Vec::new() };
        Self { channel, connector, cursor: None, reads: 0, story }
    }

    /// Reads until caught up, and packs what was read, as the ingest loop does.
    async fn read_all(&mut self) {
        let channel = Channel {
            id: self.channel.id().clone(),
            mapping: MappingNo(1),
            normalizer: self.channel.normalizer.clone(),
        };
        loop {
            let batch = self.connector.read(self.cursor.as_ref(), 100).await.unwrap();
            let (upto, caught_up) = (batch.upto.clone(), batch.end.is_some());
            self.reads += 1;
            let read_no = ReadNo(self.reads);
            let outbox = pack(&channel, Position::default(), read_no, batch, Timestamp::UNIX_EPOCH);
            self.story.messages.extend_from_slice(outbox.messages());
            self.story.demands.extend(demands(outbox.messages()));
            self.connector.settled(&upto).await.unwrap();
            self.cursor = Some(upto);
            if caught_up {
                return;
            }
        }
    }

    /// Makes the next read start from the beginning.
    fn forget(&mut self) {
        self.cursor = None;
    }
}

fn demands(messages: &[Message]) -> Vec<Demand> {
    let intake = Intake::new(messages.iter().map(|message| (0, message.clone())));
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    events
        .map(|event| match event {
            Event::Demand(demand) => (**demand).clone(),
            other => panic!("not a demand: {other:?}"),
        })
        .collect()
}

/// The messages in a random order; some occur several times.
fn shuffle(messages: &[Message], dice: &mut ChaCha8Rng) -> Vec<Message> {
    let mut deliveries = messages.to_vec();
    for message in messages {
        if dice.random_bool(0.4) {
            deliveries.push(message.clone());
        }
    }
    deliveries.shuffle(dice);
    deliveries
}

async fn deliver(store: &impl Store, deliveries: &[Message], dice: &mut ChaCha8Rng) {
    let mut waiting = deliveries;
    while !waiting.is_empty() {
        let (taken, later) = waiting.split_at(dice.random_range(1..=waiting.len().min(4)));
        let intake = Intake::new(taken.iter().map(|message| (0, message.clone())));
        store.store(&intake).await.unwrap();
        waiting = later;
    }
}
