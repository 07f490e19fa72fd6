//! The change feed on a real broker.

use contract::FeedEvent;
use lapin::{
    Channel, ExchangeKind,
    options::{
        BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
        QueueDeclareOptions, QueuePurgeOptions,
    },
    types::{AMQPValue, FieldTable, LongString},
};

use super::{Amqp, AmqpSettings, by_hand, own};
use crate::bus::FeedPublisher;

fn event(id: &str, key: &str) -> FeedEvent {
    FeedEvent { id: id.to_owned(), routing_key: key.to_owned(), body: format!("{{{id}}}").into() }
}

/// A feed with an exchange of its own, and the name of that.
fn feed() -> (FeedPublisher, String) {
    let settings = own();
    let exchange = format!("{}.feed", settings.prefix);
    (Amqp::new(settings).feed(exchange.clone()), exchange)
}

/// A queue that takes the events with such keys. It ends with its connection.
async fn queue(lapin: &Channel, exchange: &str, pattern: &str, arguments: FieldTable) -> String {
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let declared = lapin.queue_declare("".into(), options, arguments).await.unwrap();
    let name = declared.name().as_str().to_owned();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    lapin
        .queue_bind(name.as_str().into(), exchange.into(), pattern.into(), options, none)
        .await
        .unwrap();
    name
}

/// The ids of all events in a queue.
async fn ids(lapin: &Channel, queue: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(got) = lapin.basic_get(queue.into(), options).await.unwrap() {
        let properties = &got.delivery.properties;
        assert_eq!(properties.delivery_mode(), &Some(2), "it survives a restart of the broker");
        let media = properties.content_type().as_ref().unwrap().as_str().to_owned();
        assert_eq!(media, "application/cloudevents+json");
        ids.push(properties.message_id().as_ref().unwrap().as_str().to_owned());
    }
    ids
}

#[tokio::test]
async fn an_event_comes_to_whoever_asked_for_such_and_nobody_has_to() {
    let (mut feed, exchange) = feed();
    feed.publish(&event("1", "hotline.370102.complaint.pending")).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let live = queue(&lapin, &exchange, "hotline.#", FieldTable::default()).await;
    let closed = queue(&lapin, &exchange, "*.*.*.resolved", FieldTable::default()).await;
    let all = queue(&lapin, &exchange, "#", FieldTable::default()).await;
    for (id, key) in [
        ("2", "hotline.370102.complaint.pending"),
        ("3", "backfill.hotline.370102.complaint.resolved"),
        ("4", "board.-.-.resolved"),
        ("5", "hotline.370102.complaint.resolved"),
    ] {
        feed.publish(&event(id, key)).await.unwrap();
    }
    assert_eq!(ids(&lapin, &live).await, ["2", "5"]);
    assert_eq!(ids(&lapin, &closed).await, ["4", "5"]);
    assert_eq!(ids(&lapin, &all).await, ["2", "3", "4", "5"]);
}

#[tokio::test]
async fn no_event_overtakes_one_that_a_full_queue_refused() {
    let (mut feed, exchange) = feed();
    feed.publish(&event("0", "a")).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    let overflow = AMQPValue::LongString(LongString::from("reject-publish"));
    arguments.insert("x-overflow".into(), overflow);
    let small = queue(&lapin, &exchange, "#", arguments).await;
    let mut accepted = 0;
    let fault = loop {
        match feed.publish(&event(&format!("{}", accepted + 1), "a")).await {
            Ok(()) => accepted += 1,
            Err(fault) => break fault,
        }
        assert!(accepted < 100, "the queue takes everything");
    };
    assert!(fault.is_transient(), "{fault}");
    assert!(fault.to_string().contains("unbind it"), "{fault}");
    let expected: Vec<_> = (1..=accepted).map(|n: u32| n.to_string()).collect();
    assert_eq!(ids(&lapin, &small).await, expected);
    feed.publish(&event(&format!("{}", accepted + 1), "a")).await.unwrap();
    assert_eq!(ids(&lapin, &small).await, [format!("{}", accepted + 1)]);
    lapin.queue_purge(small.as_str().into(), QueuePurgeOptions::default()).await.unwrap();
}

#[tokio::test]
async fn an_exchange_of_the_feed_that_is_deleted_is_made_again_and_one_of_an_administrator_missed()
{
    let (mut feed, exchange) = feed();
    feed.publish(&event("1", "a")).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let delete = async || {
        let options = ExchangeDeleteOptions::default();
        lapin.exchange_delete(exchange.as_str().into(), options).await.unwrap();
    };
    delete().await;
    let fault = feed.publish(&event("2", "a")).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    feed.publish(&event("2", "a")).await.unwrap();

    let looking = AmqpSettings { declare: false, ..own() };
    let mut looking = Amqp::new(looking).feed(exchange.clone());
    looking.publish(&event("3", "a")).await.unwrap();
    delete().await;
    looking.publish(&event("4", "a")).await.unwrap_err();
    let fault = looking.publish(&event("4", "a")).await.unwrap_err();
    assert!(fault.is_stopped() && fault.to_string().contains("declare it"), "{fault}");

    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let (kind, none) = (ExchangeKind::Fanout, FieldTable::default());
    lapin.exchange_declare(exchange.as_str().into(), kind, options, none).await.unwrap();
    let fault = Amqp::new(own()).feed(exchange).publish(&event("5", "a")).await.unwrap_err();
    assert!(fault.is_stopped() && fault.to_string().contains("other arguments"), "{fault}");
}
