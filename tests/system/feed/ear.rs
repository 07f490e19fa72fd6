//! A system that follows the change feed.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
};

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::FieldTable,
};
use serde_json::Value;
use system_tests::world::World;

/// A queue that takes all events of one feed.
pub(super) struct Ear {
    _connection: Connection,
    lapin: Channel,
    /// The exchange of the feed. The queue has the same name.
    pub(super) exchange: String,
}

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) data: Value,
    /// The whole event.
    pub(super) text: String,
}

impl Ear {
    /// Listens at the broker with this URL, and makes the gateway of `world` tell there.
    pub(super) async fn open(world: &World, url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let (connection, lapin) = connect(url).await;
        let exchange = format!("t{}.{n}.feed", std::process::id());
        let name = || exchange.as_str().into();
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let none = FieldTable::default;
        lapin.exchange_declare(name(), ExchangeKind::Topic, options, none()).await.unwrap();
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        lapin.queue_declare(name(), options, none()).await.unwrap();
        let options = QueueBindOptions::default();
        lapin.queue_bind(name(), name(), "#".into(), options, none()).await.unwrap();
        let ear = Self { _connection: connection, lapin, exchange };
        ear.open_the_feed(world);
        ear
    }

    /// The same ear, after its broker was started again.
    pub(super) async fn again(self, url: &str) -> Self {
        let (connection, lapin) = connect(url).await;
        Self { _connection: connection, lapin, exchange: self.exchange }
    }

    fn settings(&self) -> String {
        format!("\n[feed]\nexchange = \"{}\"\n", self.exchange)
    }

    pub(super) fn open_the_feed(&self, world: &World) {
        let file = world.config().join("gateway.toml");
        let text = fs::read_to_string(&file).unwrap() + &self.settings();
        fs::write(file, text).unwrap();
    }

    pub(super) fn close_the_feed(&self, world: &World) {
        let file = world.config().join("gateway.toml");
        let text = fs::read_to_string(&file).unwrap().replace(&self.settings(), "");
        fs::write(file, text).unwrap();
    }

    /// Everything that has come; the queue is gone after that.
    pub(super) async fn heard(&self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let queue = || self.exchange.as_str().into();
        let options = BasicGetOptions { no_ack: true };
        while let Some(got) = self.lapin.basic_get(queue(), options).await.unwrap() {
            let delivery = &got.delivery;
            let text = String::from_utf8(delivery.data.to_vec()).unwrap();
            let mut event: Value = serde_json::from_str(&text).unwrap();
            let id = delivery.properties.message_id().as_ref().unwrap().as_str().to_owned();
            assert_eq!((&event["specversion"], &event["id"]), (&"1.0".into(), &id[..].into()));
            assert_eq!(event["subject"], event["data"]["id"], "{text}");
            let key = delivery.routing_key.as_str().to_owned();
            heard.push(Heard { id, key, data: event["data"].take(), text });
        }
        self.lapin.queue_delete(queue(), QueueDeleteOptions::default()).await.unwrap();
        heard
    }
}

async fn connect(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let lapin = connection.create_channel().await.unwrap();
    (connection, lapin)
}
