//! Runs the tests that every bus must pass (`bus/tests/suite.rs`) with a real broker, and tests what only a
//! network can cause.
//!
//! `cargo xtask test` starts RabbitMQ and sets its URL in `TONGHUI_TEST_AMQP`. Without it these tests fail.
//! Every test uses separate queues on the broker.

mod connections;
mod cuts;
mod faults;
mod feed;
mod trouble;

use std::{
    future::Future,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use contract::{Consumer, Fault, Intake, Kept, Message, Outcomes, keep};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

use super::{Amqp, AmqpConsumer, AmqpPublisher, AmqpSettings};
use crate::{
    bus::tests::suite::{self, Bench},
    store::{
        Memory,
        suite::sample::{hotline, read, record},
    },
};

static NEXT: AtomicU32 = AtomicU32::new(0);

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("this test needs a server, which {variable} names: run `cargo xtask with cargo test -p sink`")
    })
}

/// Settings for the broker at `url`, with a prefix that no other test has.
fn settings(url: String) -> AmqpSettings {
    let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let prefix = format!("t{process}.{n}");
    AmqpSettings { urls: vec![url], ca: None, prefix, queue_bytes: 1 << 30, declare: true }
}

fn own() -> AmqpSettings {
    settings(server("TONGHUI_TEST_AMQP"))
}

/// One channel on a broker.
struct Real(Amqp);

impl Real {
    fn new(queue_bytes: u64) -> Self {
        Self(Amqp::new(AmqpSettings { queue_bytes, ..own() }))
    }
}

impl Bench for Real {
    type Publisher = AmqpPublisher;
    type Consumer = AmqpConsumer;

    fn publisher(&self) -> AmqpPublisher {
        self.0.publisher()
    }

    fn consumer(&mut self, former: Option<AmqpConsumer>) -> AmqpConsumer {
        drop(former);
        self.0.consumer([hotline()])
    }

    /// On a network nothing is immediate: what has not arrived after this time will not arrive.
    async fn alone<T>(
        &self,
        future: impl Future<Output = Result<T, Fault>>,
    ) -> Option<Result<T, Fault>> {
        timeout(Duration::from_secs(3), future).await.ok()
    }

    /// The broker refuses messages from the next batch on.
    fn bound(&self) -> usize {
        2 * 64 * 1024
    }
}

macro_rules! promises {
    ($($promise:ident($capacity:expr)),* $(,)?) => {
        mod promises {
            use super::*;
            $(#[tokio::test] async fn $promise() {
                suite::$promise(Real::new($capacity)).await;
            })*
        }
    };
}

promises! {
    messages_arrive_whole_and_in_order(1 << 24),
    take_gives_at_most_what_is_asked(1 << 24),
    what_is_not_acked_comes_again(1 << 24),
    a_dropped_take_loses_nothing(1 << 24),
    a_full_bus_takes_no_more(64 << 10),
}

/// One small message of a read.
fn one(read_no: u64) -> Vec<Message> {
    read(read_no, [record(&format!("k{read_no}"), "text")]).messages().to_vec()
}

/// Takes, keeps and acks messages until there are `n`.
async fn drain(consumer: &mut AmqpConsumer, store: &Memory, n: usize) -> (Vec<Message>, Outcomes) {
    let (mut messages, mut outcomes) = (Vec::new(), Outcomes::default());
    while messages.len() < n {
        let intake = soon(consumer.take(32)).await.unwrap();
        messages.extend(intake.deliveries().iter().map(|delivery| delivery.message.clone()));
        let kept = kept(store, intake).await;
        outcomes += kept.outcomes();
        consumer.ack(kept).await.unwrap();
    }
    (messages, outcomes)
}

/// Waits with a time limit: a test that waits for ever does not show what it waits for.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("it does not come")
}

async fn kept(store: &Memory, intake: Intake) -> Kept {
    keep(store, intake).await.unwrap()
}

/// A connection without our code, to do what an administrator or another program may do on the broker.
async fn by_hand() -> (Connection, Channel) {
    let url = server("TONGHUI_TEST_AMQP");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let lapin = connection.create_channel().await.unwrap();
    (connection, lapin)
}
