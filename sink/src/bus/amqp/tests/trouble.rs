//! Messages and queues with problems, and their effect on other messages.

use contract::{
    Checkpoints, Consumer, Delivery, DemandId, Event, Message, Outcomes, Publisher, RecordKey,
    deliver,
};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};

use super::{Amqp, AmqpSettings, Memory, by_hand, drain, hotline, kept, one, own, soon};
use crate::{
    bus::amqp::{BusKey, message},
    store::suite::{
        sample::{self, read, record},
        stored,
    },
};

#[tokio::test]
async fn a_poisonous_event_costs_its_199_neighbours_nothing() {
    let real = Amqp::new(own());
    let keys: Vec<String> = (0..200).map(|n| format!("k{n:03}")).collect();
    let records = keys.iter().map(|key| match key.as_str() {
        "k117" => record(key, "be\0fore"),
        key => record(key, "text"),
    });
    let sent = read(1, records);
    assert_eq!(sent.messages().len(), 1);
    real.publisher().publish(sent.messages()).await.unwrap();
    let (store, mut consumer) = (Memory::new(), real.consumer([hotline()]));
    let (_, outcomes) = drain(&mut consumer, &store, 1).await;
    assert_eq!((outcomes.stored, outcomes.quarantined), (199, 1));
    let id = |key: &str| DemandId::of(&hotline(), &RecordKey::new(key));
    assert!(store.quarantined(&id("k117")).is_some() && store.demand(&id("k117")).is_none());
    assert!(store.demand(&id("k118")).is_some());
}

#[tokio::test]
async fn a_queue_deleted_by_hand_is_noticed_and_made_again() {
    let settings = own();
    let real = Amqp::new(settings.clone());
    let publisher = real.publisher();
    publisher.publish(&one(1)).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let delete = async || {
        let (queue, options) = (settings.queue(&hotline()), QueueDeleteOptions::default());
        lapin.queue_delete(queue.into(), options).await.unwrap();
    };
    delete().await;
    let fault = publisher.publish(&one(2)).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert!(fault.to_string().contains("hotline/2/0"), "{fault}");
    publisher.publish(&one(2)).await.unwrap();

    // A sink notices too: it must not continue with the other queues only.
    let (mut consumer, store) = (real.consumer([hotline()]), Memory::new());
    drain(&mut consumer, &store, 1).await;
    delete().await;
    let fault = soon(consumer.take(1)).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    let (published, (received, _)) =
        tokio::join!(publish_until_taken(&publisher), drain(&mut consumer, &store, 1));
    assert_eq!(received, one(published));

    let looking = Amqp::new(AmqpSettings { declare: false, ..settings.clone() });
    let publisher = looking.publisher();
    publisher.publish(&one(8)).await.unwrap();
    delete().await;
    let fault = publisher.publish(&one(9)).await.unwrap_err();
    assert!(!fault.is_transient(), "{fault}");
    assert!(fault.to_string().contains("declare the durable quorum queue"), "{fault}");
}

async fn publish_until_taken(publisher: &impl Publisher) -> u64 {
    let mut attempts = 0;
    while let Err(fault) = publisher.publish(&one(5)).await {
        attempts += 1;
        assert!(fault.is_transient() && attempts < 5, "{fault}");
    }
    5
}

#[tokio::test]
async fn an_exchange_deleted_by_hand_is_made_again() {
    let settings = own();
    let publisher = Amqp::new(settings.clone()).publisher();
    publisher.publish(&one(1)).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let options = lapin::options::ExchangeDeleteOptions::default();
    lapin.exchange_delete(settings.exchange().into(), options).await.unwrap();
    let fault = publisher.publish(&one(2)).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    publisher.publish(&one(2)).await.unwrap();
}

#[tokio::test]
async fn a_foreign_message_is_kept_aside_and_does_not_come_again() {
    let settings = own();
    let real = Amqp::new(settings.clone());
    let (publisher, mut consumer, store) =
        (real.publisher(), real.consumer([hotline()]), Memory::new());
    publisher.publish(&one(1)).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let foreign = async |body: &[u8], properties: BasicProperties| {
        let (exchange, key) = (settings.exchange().into(), hotline().as_str().into());
        let options = BasicPublishOptions::default();
        lapin.basic_publish(exchange, key, options, body, properties).await.unwrap();
    };
    foreign(b"13800000000", BasicProperties::default()).await;
    let mine = message::properties(&one(7)[0], None);
    foreign(b"[]", mine.clone().with_message_id("no id".into())).await;
    foreign(b"{}", mine.clone().with_content_type("text/plain".into())).await;
    foreign(b"x", mine.clone().with_headers(FieldTable::default())).await;
    // One of our messages, but of another channel: somebody moved it by hand.
    foreign(b"y", mine.with_message_id("petition/7/0".into())).await;

    let (received, outcomes) = drain(&mut consumer, &store, 6).await;
    assert_eq!((outcomes.stored, outcomes.quarantined), (1, 5));
    let phone = received.iter().find(|message| &message.body[..] == b"13800000000").unwrap();
    assert_eq!((phone.id.channel.as_str(), phone.id.read_no.0, phone.events), ("hotline", 0, 1));
    let row = store.quarantined(&DemandId::of_bytes(&hotline(), b"13800000000")).unwrap();
    assert!(row.detail.contains("not published by this program"), "{}", row.detail);
    assert!(row.event.is_none() && !row.detail.contains("138"), "{}", row.detail);

    let mut next = real.consumer([hotline()]);
    drop(consumer);
    publisher.publish(&one(2)).await.unwrap();
    assert_eq!(drain(&mut next, &store, 1).await.0, one(2), "the others are gone");
}

#[tokio::test]
async fn what_does_not_prove_its_sender_changes_no_demand_and_is_extra_in_the_books() {
    let settings = own();
    let key = || Some(BusKey::new([7; 32]));
    let real = Amqp::with_key(settings.clone(), key());
    let (store, mut consumer) = (Memory::new(), real.consumer([hotline()]));
    real.publisher().publish(&one(1)).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let (exchange, dead) = (settings.exchange(), settings.dead_exchange());
    let forge = async |exchange: &str, message: &Message, by: Option<&BusKey>, body: &[u8]| {
        let properties = message::properties(message, by);
        let (exchange, key) = (exchange.into(), hotline().as_str().into());
        let options = BasicPublishOptions::default();
        lapin.basic_publish(exchange, key, options, body, properties).await.unwrap();
    };
    // A newer state of the same record, as whoever may write to the broker would make it.
    let newer = read(9, [record("k1", "forged 13800000000")]).messages()[0].clone();
    let (ours, other) = (key(), BusKey::new([8; 32]));
    forge(&exchange, &newer, None, &newer.body).await;
    forge(&exchange, &newer, Some(&other), &newer.body).await;
    // The proof of a message with another body, or with another id.
    let sent = one(1)[0].clone();
    forge(&exchange, &sent, ours.as_ref(), &newer.body).await;
    forge(&dead, &newer, None, b"[]").await;

    let (received, outcomes) = drain(&mut consumer, &store, 5).await;
    // Three of them have the same body, so they are one foreign message.
    assert_eq!((outcomes.stored, outcomes.quarantined, outcomes.redelivered), (1, 2, 2));
    assert_eq!(received.iter().filter(|message| message.is_foreign()).count(), 4);
    let current = store.demand(&sample::id("k1")).unwrap().demand;
    assert_eq!((current.version.read_no.0, current.body.content.as_deref()), (1, Some("text")));
    let row = store.quarantined(&DemandId::of_bytes(&hotline(), &newer.body)).unwrap();
    assert_eq!((row.reason.as_str(), row.event), ("foreign", None));
    let books = store.books().remove(0);
    assert_eq!((books.extra, books.balanced), (2, Some(false)));

    // What has the id of a message to come does not take its place.
    real.publisher().publish(&one(9)).await.unwrap();
    assert_eq!(drain(&mut consumer, &store, 1).await.1, stored(1));
}

#[tokio::test]
async fn a_message_given_out_too_often_ends_in_quarantine_and_the_books_balance() {
    let settings = own();
    declare_with(&settings, "x-delivery-limit", 1).await;
    let real = Amqp::new(AmqpSettings { declare: false, ..settings });
    let store = Memory::new();
    let sent = read(1, (0..3).map(|n| record(&n.to_string(), "text")));
    let body = sent.messages()[0].body.clone();
    let confirmed = deliver(&real.publisher(), sent).await.unwrap();
    store.advance(&confirmed).await.unwrap();
    let dead = loop {
        // A sink that fails with it again and again.
        let mut consumer = real.consumer([hotline()]);
        let intake = soon(consumer.take(1)).await.unwrap();
        if matches!(only(intake.deliveries()).events[..], [Event::Unreadable { .. }]) {
            let kept = kept(&store, intake).await;
            let outcomes = kept.outcomes();
            consumer.ack(kept).await.unwrap();
            break outcomes;
        }
    };
    assert_eq!(dead, Outcomes { quarantined: 3, ..Outcomes::default() });
    let row = store.quarantined(&DemandId::of_bytes(&hotline(), &body)).unwrap();
    assert!(row.detail.contains("dead-lettered (delivery_limit)"), "{}", row.detail);
    assert_eq!(row.event.map(String::into_bytes).as_deref(), Some(&body[..]));
    let books = store.books();
    assert_eq!((books[0].quarantined, books[0].balanced), (3, Some(true)));
}

#[tokio::test]
async fn a_message_that_a_policy_let_expire_is_stored_like_any_other() {
    let settings = own();
    declare_with(&settings, "x-message-ttl", 1).await;
    let real = Amqp::new(AmqpSettings { declare: false, ..settings });
    let sent = read(1, (0..3).map(|n| record(&n.to_string(), "text")));
    real.publisher().publish(sent.messages()).await.unwrap();
    let (store, mut consumer) = (Memory::new(), real.consumer([hotline()]));
    let (received, outcomes) = drain(&mut consumer, &store, 1).await;
    assert_eq!(
        (received, outcomes),
        (sent.messages().to_vec(), Outcomes { stored: 3, ..Outcomes::default() })
    );
}

fn only(deliveries: &[Delivery]) -> &Delivery {
    assert_eq!(deliveries.len(), 1);
    &deliveries[0]
}

/// Declares the queue of the channel with this argument.
async fn declare_with(settings: &AmqpSettings, name: &str, value: i32) {
    let other = read(1, [record("a", "text")]).messages()[0].clone();
    let id = contract::MessageId { channel: "other".parse().unwrap(), ..other.id };
    let other = Message { id, ..other };
    Amqp::new(settings.clone()).publisher().publish(&[other]).await.unwrap();
    let (_connection, lapin) = by_hand().await;
    let mut arguments = FieldTable::default();
    for (name, value) in [
        ("x-queue-type", "quorum"),
        ("x-overflow", "reject-publish"),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-dead-letter-exchange", &settings.dead_exchange()),
    ] {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    arguments.insert(name.into(), AMQPValue::LongInt(value));
    let (queue, exchange) = (settings.queue(&hotline()), settings.exchange());
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    lapin.queue_declare(queue.as_str().into(), options, arguments).await.unwrap();
    let options = QueueBindOptions::default();
    let key = hotline().as_str().into();
    lapin
        .queue_bind(queue.into(), exchange.into(), key, options, FieldTable::default())
        .await
        .unwrap();
}
