//! The queues and exchanges, and what the broker must promise for them.
//!
//! One quorum queue per channel, so that a first load of one never queues in front of another, bound
//! to one exchange by the name of the channel. A full queue refuses (`reject-publish`); it never
//! drops. A message that was given out too often moves to the dead queue, at least once: it leaves its
//! own queue when the dead queue has it. The dead queue refuses too when it is full, and then the dead
//! wait where they are.

use contract::{ChannelId, Fault};
use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, LongString},
};

use super::{
    connect::Link,
    fault::{Place, ask},
    settings::AmqpSettings,
};

/// So often a message is given out before it counts as one that kills sinks. Every lost connection
/// counts for all that was given out on it, so a healthy message needs plenty.
const DELIVERY_LIMIT: i32 = 1_000;

/// Makes sure that the messages of these channels find their way, by making what is missing or by
/// looking for it, as set.
///
/// # Errors
/// Something is missing, other than it must be, or may not be made.
pub(super) async fn ensure(
    link: &Link,
    settings: &AmqpSettings,
    channels: &[ChannelId],
) -> Result<(), Fault> {
    // A refusal ends a lapin channel, so this one does nothing else.
    let broker = Broker { place: &link.place, lapin: link.channel().await?, settings };
    let (dead_exchange, dead_queue) = (settings.dead_exchange(), settings.dead_queue());
    broker.exchange(&dead_exchange, ExchangeKind::Fanout).await?;
    broker.queue(&dead_queue, arguments(settings, &[])).await?;
    broker.bind(&dead_queue, &dead_exchange, "").await?;
    broker.exchange(&settings.exchange(), ExchangeKind::Direct).await?;
    for channel in channels {
        let queue = settings.queue(channel);
        let further = [
            ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
            ("x-dead-letter-exchange", text(&dead_exchange)),
            ("x-dead-letter-strategy", text("at-least-once")),
        ];
        broker.queue(&queue, arguments(settings, &further)).await?;
        broker.bind(&queue, &settings.exchange(), channel.as_str()).await?;
    }
    Ok(())
}

/// Removes them, with all that is in them. What is not there is removed already.
///
/// # Errors
/// They may not be deleted.
pub(super) async fn delete(
    link: &Link,
    settings: &AmqpSettings,
    channels: impl IntoIterator<Item = ChannelId>,
) -> Result<(), Fault> {
    let lapin = link.channel().await?;
    let queues = channels.into_iter().map(|channel| settings.queue(&channel));
    for queue in queues.chain([settings.dead_queue()]) {
        let asked = lapin.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
        ask(&link.place, &format!("queue {queue} was not deleted"), asked).await?;
    }
    for exchange in [settings.exchange(), settings.dead_exchange()] {
        let options = ExchangeDeleteOptions::default();
        let asked = lapin.exchange_delete(exchange.as_str().into(), options);
        ask(&link.place, &format!("exchange {exchange} was not deleted"), asked).await?;
    }
    Ok(())
}

/// What a person must declare where we do not, after `what` was missed.
pub(super) fn by_hand(settings: &AmqpSettings, channel: &ChannelId) -> String {
    let (queue, exchange) = (settings.queue(channel), settings.exchange());
    format!(
        "set declare, or declare the durable quorum queue {queue} with x-overflow = reject-publish \
         and bind it to the direct exchange {exchange} with the key {channel}"
    )
}

struct Broker<'a> {
    place: &'a Place,
    lapin: Channel,
    settings: &'a AmqpSettings,
}

impl Broker<'_> {
    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), Fault> {
        let passive = !self.settings.declare;
        let options =
            ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let asked = self.lapin.exchange_declare(name.into(), kind, options, FieldTable::default());
        ask(self.place, &self.failed("exchange", name), asked).await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), Fault> {
        let passive = !self.settings.declare;
        let options =
            QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let asked = self.lapin.queue_declare(name.into(), options, arguments);
        ask(self.place, &self.failed("queue", name), asked).await.map(drop)
    }

    /// A binding cannot be looked for; a message that finds none comes back.
    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), Fault> {
        if !self.settings.declare {
            return Ok(());
        }
        let options = QueueBindOptions::default();
        let (queue_name, arguments) = (queue.into(), FieldTable::default());
        let asked =
            self.lapin.queue_bind(queue_name, exchange.into(), key.into(), options, arguments);
        ask(self.place, &format!("queue {queue} was not bound to {exchange}"), asked).await
    }

    fn failed(&self, what: &str, name: &str) -> String {
        let not = if self.settings.declare { "was not made" } else { "is not there as it must be" };
        format!("{what} {name} {not}")
    }
}

/// The arguments of a queue: every one is bounded and replicated, and refuses when it is full.
fn arguments(settings: &AmqpSettings, further: &[(&str, AMQPValue)]) -> FieldTable {
    let bytes = i64::try_from(settings.queue_bytes).unwrap_or(i64::MAX);
    let all = [
        ("x-queue-type", text("quorum")),
        ("x-max-length-bytes", AMQPValue::LongLongInt(bytes)),
        ("x-overflow", text("reject-publish")),
    ];
    let mut table = FieldTable::default();
    for (name, value) in all.iter().chain(further) {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
