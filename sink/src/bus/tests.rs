//! Runs the suite for both buses, and then the tests for only one of them.

pub(super) mod suite;

use std::{future::poll_fn, pin::pin, task::Poll};

use contract::{Consumer, Message, Publisher, keep};

use super::{BrokerConsumer, InProcessConsumer, InProcessPublisher, MemoryBroker, in_process};
use crate::store::{
    Memory,
    suite::sample::{read, record},
};

use suite::Bench;

struct Embedded(InProcessPublisher, Option<InProcessConsumer>);

impl Embedded {
    fn new(capacity: usize) -> Self {
        let (publisher, consumer) = in_process(capacity);
        Self(publisher, Some(consumer))
    }
}

impl Bench for Embedded {
    type Publisher = InProcessPublisher;
    type Consumer = InProcessConsumer;

    fn publisher(&self) -> InProcessPublisher {
        self.0.clone()
    }

    fn consumer(&mut self, former: Option<InProcessConsumer>) -> InProcessConsumer {
        former.or(self.1.take()).unwrap()
    }
}

impl Bench for MemoryBroker {
    type Publisher = MemoryBroker;
    type Consumer = BrokerConsumer;

    fn publisher(&self) -> MemoryBroker {
        MemoryBroker::publisher(self)
    }

    fn consumer(&mut self, former: Option<BrokerConsumer>) -> BrokerConsumer {
        drop(former);
        MemoryBroker::consumer(self)
    }
}

macro_rules! promises {
    ($($promise:ident($capacity:expr)),* $(,)?) => {
        mod embedded {
            use super::*;
            $(#[tokio::test] async fn $promise() { suite::$promise(Embedded::new($capacity)).await; })*
        }
        mod broker {
            use super::*;
            $(#[tokio::test] async fn $promise() {
                suite::$promise(MemoryBroker::new($capacity)).await;
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

fn messages(read_no: u64) -> Vec<Message> {
    read(read_no, (0..500).map(|n| record(&n.to_string(), "x"))).messages().to_vec()
}

#[tokio::test]
async fn an_embedded_publish_ends_when_everything_is_acked() {
    let (publisher, mut consumer) = in_process(1 << 24);
    let sent = messages(1);
    let mut publish = pin!(publisher.publish(&sent));
    let mut pending =
        async || poll_fn(|cx| Poll::Ready(publish.as_mut().poll(cx).is_pending())).await;
    for acked in 0..sent.len() {
        assert!(pending().await, "confirmed after {acked} of {}", sent.len());
        let intake = consumer.take(1).await.unwrap();
        assert!(pending().await, "confirmed with {acked} of {} acked, one taken", sent.len());
        consumer.ack(keep(&Memory::new(), intake).await.unwrap()).await.unwrap();
    }
    publish.await.unwrap();
}

#[tokio::test]
async fn a_message_larger_than_the_embedded_bus_passes_alone() {
    let (publisher, mut consumer) = in_process(10);
    let sent = messages(1);
    let sink = async {
        for _ in 0..sent.len() {
            let intake = consumer.take(100).await.unwrap();
            assert_eq!(intake.deliveries().len(), 1);
            consumer.ack(keep(&Memory::new(), intake).await.unwrap()).await.unwrap();
        }
    };
    let (published, ()) = tokio::join!(publisher.publish(&sent), sink);
    published.unwrap();
}

#[tokio::test]
async fn a_publisher_hears_that_the_sink_is_gone() {
    for capacity in [10, 1 << 24] {
        let (publisher, mut consumer) = in_process(capacity);
        let sink = async {
            drop(consumer.take(1).await.unwrap());
            drop(consumer);
        };
        let sent = messages(1);
        let (published, ()) = tokio::join!(publisher.publish(&sent), sink);
        assert!(published.unwrap_err().is_transient());
        assert!(publisher.publish(&sent).await.unwrap_err().is_transient());
    }
}

#[tokio::test]
async fn a_shuffled_broker_gives_everything_in_another_order_and_repeats_itself() {
    let mut orders = Vec::new();
    for seed in [1, 1, 2] {
        let broker = MemoryBroker::shuffled(1 << 24, seed);
        for read_no in 1..20 {
            broker.publisher().publish(&messages(read_no)).await.unwrap();
        }
        let intake = broker.consumer().take(1_000).await.unwrap();
        let order = intake.deliveries().iter().map(|delivery| delivery.message.id.clone());
        orders.push(order.collect::<Vec<_>>());
    }
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
    let sorted = |order: &Vec<_>| {
        let mut order = order.clone();
        order.sort();
        order
    };
    assert_eq!(sorted(&orders[0]), sorted(&orders[2]));
    assert_ne!(orders[0], sorted(&orders[0]));
}

#[tokio::test]
async fn consumers_of_a_broker_compete_and_each_message_goes_to_one() {
    let broker = MemoryBroker::new(1 << 24);
    let (mut one, mut two) = (broker.consumer(), broker.consumer());
    let sent = messages(1);
    broker.publisher().publish(&sent).await.unwrap();
    let first = one.take(1).await.unwrap();
    let second = two.take(100).await.unwrap();
    assert_eq!(first.deliveries().len() + second.deliveries().len(), sent.len());
    drop(one);
    assert_eq!(two.take(100).await.unwrap().deliveries().len(), 1, "what one held is free again");
    assert_eq!(broker.in_flight(), sent.len());
}
