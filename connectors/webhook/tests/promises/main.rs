//! The promises of every source, and those of an inbox.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use bytes::Bytes;
use connector_testkit::Source;
use connector_webhook::Webhook;
use contract::{
    Batch, Connector, ConnectorContext, Cursor, Entry, Fault, Inbox, PassEnd, Revision,
};
use serde_json::{Value, json};

/// The senders of a channel, with its inbox.
struct Senders {
    inbox: Inbox,
    version: u32,
}

impl Senders {
    fn new() -> Self {
        Self { inbox: Inbox::new("this run", 64 << 20), version: 0 }
    }

    fn send(&self, record: &str) {
        let records = vec![Bytes::copy_from_slice(record.as_bytes())];
        drop(self.inbox.put(records, [0; 32], Vec::new()).unwrap());
    }

    fn webhook(&self, settings: Value) -> Result<Webhook, Fault> {
        let mut context =
            ConnectorContext::new("mobile".parse().unwrap(), chrono_tz::Asia::Shanghai);
        context.inbox = Some(self.inbox.clone());
        Webhook::build(serde_json::from_value(settings).unwrap(), context)
    }
}

/// The connector, without its wait of five seconds for an empty inbox.
struct NoWait(Webhook);

impl Connector for NoWait {
    const KIND: &'static str = Webhook::KIND;
    type Config = <Webhook as Connector>::Config;
    type Cursor = <Webhook as Connector>::Cursor;

    fn build(config: Self::Config, context: ConnectorContext) -> Result<Self, Fault> {
        Webhook::build(config, context).map(Self)
    }

    async fn read(
        &mut self,
        after: Option<&Self::Cursor>,
        max: usize,
    ) -> Result<Batch<Self::Cursor>, Fault> {
        let patience = Duration::from_millis(20);
        if let Ok(read) = tokio::time::timeout(patience, self.0.read(after, max)).await {
            return read;
        }
        let beginning = || Cursor::from_text(r#"{"epoch":"this run","number":0}"#).decode();
        let upto = after.cloned().map_or_else(beginning, Ok)?;
        Ok(Batch { entries: Vec::new(), upto, end: Some(PassEnd::default()), trouble: Vec::new() })
    }

    async fn settled(&mut self, upto: &Self::Cursor) -> Result<(), Fault> {
        self.0.settled(upto).await
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.0.sample(name, page)
    }
}

impl Source for Senders {
    type Connector = NoWait;

    const MAX_DELAY: Duration = Duration::from_secs(300);

    fn connector(&self) -> NoWait {
        let settings = json!({ "auth": "none", "key": "$.id", "revision": "$.version" });
        NoWait(self.webhook(settings).unwrap())
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        for key in keys {
            self.version += 1;
            self.send(
                &json!({ "id": key, "version": self.version, "age": age.as_secs() }).to_string(),
            );
        }
    }

    async fn change(&mut self, key: &str) {
        self.version += 1;
        self.send(&json!({ "id": key, "version": self.version, "changed": true }).to_string());
    }
}

connector_testkit::suite!(Senders::new());

#[tokio::test]
async fn an_unreadable_record_is_kept_and_the_others_are_read() {
    let senders = Senders::new();
    for record in [
        r#"{"id":"a","version":"昨天"}"#,
        r#"{"version":1}"#,
        "3",
        r#"{"id":7,"version":"2026-10-09 10:30:00","fee":12.50}"#,
    ] {
        senders.send(record);
    }
    let batch = senders.connector().read(None, 10).await.unwrap();
    let codes: Vec<&str> = batch
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Record(_) => "taken",
            Entry::Unreadable { reason, .. } => &*reason.code,
        })
        .collect();
    assert_eq!(codes, ["no_revision", "missing_key", "no_object", "taken"]);
    let Entry::Record(record) = &batch.entries[3] else { panic!() };
    assert_eq!(record.key.as_str(), "7");
    assert_eq!(record.revision, "2026-10-09T02:30:00Z".parse().map(Revision::time).unwrap());
    assert_eq!(record.body.tree()["fee"], "12.50", "money is text");
}

#[tokio::test]
async fn a_cursor_of_an_earlier_process_loses_nothing() {
    let earlier = Senders::new();
    for _ in 0..3 {
        earlier.send(r#"{"id":"a","version":1}"#);
    }
    let old = earlier.connector().read(None, 1).await.unwrap().upto;
    let later = Senders { inbox: Inbox::new("the next run", 1 << 20), version: 0 };
    later.send(r#"{"id":"b","version":1}"#);
    let mut connector = later.connector();
    connector.settled(&old).await.unwrap();
    assert_eq!(connector.read(Some(&old), 10).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn another_key_or_revision_than_that_of_the_position_stops_the_channel() {
    let senders = Senders::new();
    let webhook = |mut settings: Value| {
        settings["auth"] = "none".into();
        NoWait(senders.webhook(settings).unwrap())
    };
    let known = json!({ "key": "$.id", "revision": "$.version" });
    senders.send(r#"{"id":"a","no":"b","version":1,"updated":2}"#);
    // A process to which nothing is sent stores the same position as the others.
    let idle = webhook(known.clone()).read(None, 0).await.unwrap().upto;
    let busy = webhook(known.clone()).read(None, 10).await.unwrap().upto;
    for position in [idle, busy] {
        let position = Cursor::encode(&position).unwrap().decode().unwrap();
        for (settings, stops) in [
            (known.clone(), None),
            (json!({ "key": "$.no", "revision": "$.version" }), Some("`key` has changed")),
            (
                json!({ "key": ["$.id", "$.no"], "revision": "$.version" }),
                Some("`key` has changed"),
            ),
            (json!({ "key": "$.id", "revision": "$.updated" }), Some("`revision` has changed")),
            (json!({ "key": "$.id" }), Some("`revision` has changed")),
        ] {
            let read = webhook(settings).read(Some(&position), 10).await;
            let fault = read.err().map(|fault| fault.to_string());
            assert_eq!(fault.is_some(), stops.is_some(), "{fault:?}");
            assert!(fault.is_none_or(|fault| stops.is_some_and(|it| fault.contains(it))));
        }
    }
    // After a reset of the position, the new settings hold.
    assert!(webhook(json!({ "key": "$.no" })).read(None, 10).await.is_ok());
}

#[tokio::test]
async fn a_lost_cursor_goes_on_after_the_settled_records() {
    let senders = Senders::new();
    senders.send(r#"{"id":"a","version":1}"#);
    let mut connector = senders.connector();
    let batch = connector.read(None, 10).await.unwrap();
    connector.settled(&batch.upto).await.unwrap();
    let again = connector.read(None, 10).await.unwrap();
    assert!(again.entries.is_empty() && again.caught_up());
}

#[test]
fn a_key_that_is_not_a_path_is_refused() {
    let settings = json!({ "auth": "none", "key": "id" });
    let error = serde_json::from_value::<connector_webhook::Config>(settings).unwrap_err();
    assert!(error.to_string().contains("`id` is not a JSONPath"), "{error}");
}

#[test]
fn a_fixture_is_the_body_of_a_request() {
    let webhook = Senders::new().connector();
    assert_eq!(webhook.sample("page", br#"{"id":"a","version":1}"#).unwrap().len(), 1);
    assert_eq!(webhook.sample("page", br#"[{"id":"a","version":1},{}]"#).unwrap().len(), 2);
    assert!(webhook.sample("page", b"id=1").is_err());
}
