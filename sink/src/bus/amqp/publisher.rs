//! Publishing: everything of a batch first, then every confirm of it.
//!
//! The batch is settled as a whole, because a returned message may sit on the confirm of another one
//! (lapin hands returns out in order of arrival, to confirms in no order). For the same reason a
//! lapin channel belongs to one batch at a time, and after anything but full success it is thrown
//! away: a late confirm must not be taken for one of the next batch.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{ChannelId, Fault, Message, Publisher};
use lapin::{
    Channel, Confirmation,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};

use super::{
    connect::{Link, Turn},
    fault::{Place, ask, at, fault},
    message,
    patience::patience,
    topology::{self, AmqpSettings},
};

/// The longest wait for the confirms of a batch, while the broker takes messages.
const CONFIRM_WITHIN: Duration = Duration::from_secs(60);
/// The longest wait for a blocked broker before that is a fault that people see.
const UNBLOCK_WITHIN: Duration = Duration::from_secs(240);

/// The ingest end. Clones share one connection.
#[derive(Debug, Clone)]
pub struct AmqpPublisher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Arc<AmqpSettings>,
    turn: Arc<Turn>,
    /// Locked while connecting, so that many loops open one connection.
    line: tokio::sync::Mutex<Option<Arc<Line>>>,
}

/// A connection with what has been made ready on it.
#[derive(Debug)]
struct Line {
    link: Link,
    /// Lapin channels in confirm mode that nothing is in flight on.
    idle: Mutex<Vec<Channel>>,
    /// Channels whose queue was there when last seen.
    ensured: Mutex<HashSet<ChannelId>>,
}

impl AmqpPublisher {
    pub(super) fn new(settings: Arc<AmqpSettings>, turn: Arc<Turn>) -> Self {
        let line = tokio::sync::Mutex::default();
        Self { shared: Arc::new(Shared { settings, turn, line }) }
    }
}

impl Publisher for AmqpPublisher {
    /// Dropped half-way is like a crash: messages that were sent may be on their queue.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let line = self.shared.line().await?;
        let channels: HashSet<ChannelId> =
            messages.iter().map(|message| message.id.channel.clone()).collect();
        // Frames wait in memory while the broker is blocked: then none is made in the first place.
        let sending = async {
            let mut blocked = line.link.blocked.clone();
            let _ = blocked.wait_for(|blocked| !blocked).await;
            self.shared.send(&line, &channels, messages).await
        };
        let place = at(&line.link.place);
        let late = patience(line.link.blocked.clone(), CONFIRM_WITHIN, UNBLOCK_WITHIN);
        let sent = tokio::select! {
            sent = Box::pin(sending) => sent,
            fault = late => Err(fault.at(place)),
        };
        if sent.is_err() {
            // The next attempt checks the queues again.
            lock(&line.ensured).retain(|channel| !channels.contains(channel));
        }
        sent
    }

    async fn ready(&self) -> Result<(), Fault> {
        let line = self.shared.line().await?;
        if *line.link.blocked.borrow() {
            let what = "the broker accepts no messages: its memory or disk is short";
            let fault = Fault::transient(what).at(at(&line.link.place));
            return Err(fault.remedy("free memory or disk space there; reading resumes by itself"));
        }
        Ok(())
    }
}

impl Shared {
    /// The connection, a new one where the former broke.
    async fn line(&self) -> Result<Arc<Line>, Fault> {
        let mut line = self.line.lock().await;
        if let Some(line) = &*line
            && line.link.is_alive()
        {
            return Ok(Arc::clone(line));
        }
        *line = None;
        let link = self.turn.connect(&self.settings, "publishes").await?;
        let fresh = Arc::new(Line { link, idle: Mutex::default(), ensured: Mutex::default() });
        Ok(Arc::clone(line.insert(fresh)))
    }

    async fn send(
        &self,
        line: &Line,
        channels: &HashSet<ChannelId>,
        messages: &[Message],
    ) -> Result<(), Fault> {
        self.ensure(line, channels).await?;
        let place = &line.link.place;
        let lapin = line.confirming().await?;
        let failed = |error| fault(place, "cannot publish", error);
        let mut confirms = Vec::with_capacity(messages.len());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        for message in messages {
            let exchange = self.settings.exchange().into();
            let key = message.id.channel.as_str().into();
            let properties = message::properties(message);
            let written = lapin.basic_publish(exchange, key, options, &message.body, properties);
            confirms.push(written.await.map_err(failed)?);
        }
        let mut settled = Settled::default();
        for confirm in confirms {
            settled.add(confirm.await.map_err(failed)?);
        }
        self.judge(place, messages, settled)?;
        lock(&line.idle).push(lapin);
        Ok(())
    }

    /// Declares or checks the queues that this connection has not seen.
    async fn ensure(&self, line: &Line, channels: &HashSet<ChannelId>) -> Result<(), Fault> {
        let missing: Vec<ChannelId> = {
            let ensured = lock(&line.ensured);
            channels.difference(&ensured).cloned().collect()
        };
        if !missing.is_empty() {
            topology::ensure(&line.link, &self.settings, &missing).await?;
            lock(&line.ensured).extend(missing);
        }
        Ok(())
    }

    fn judge(&self, place: &Place, messages: &[Message], settled: Settled) -> Result<(), Fault> {
        if let Some(returned) = settled.returned.first() {
            let culprit = messages.iter().find(|message| message.id.to_string() == *returned);
            let channel = culprit.map(|message| &message.id.channel);
            let n = settled.returned.len();
            let what = format!("no queue takes message {returned} ({n} of its batch came back)");
            return Err(match channel {
                Some(channel) if !self.settings.declare => {
                    Fault::stopped(what).remedy(topology::by_hand(&self.settings, channel))
                }
                _ => Fault::transient(what),
            }
            .at(at(place)));
        }
        if settled.refused > 0 {
            let channel = messages.first().map(|message| &message.id.channel);
            let queue = channel.map(|channel| self.settings.queue(channel)).unwrap_or_default();
            let queue = format!("queue {queue}");
            let (n, of) = (settled.refused, messages.len());
            let what = format!("the queue is full: it refused {n} of {of} messages");
            return Err(Fault::transient(what)
                .at(queue)
                .at(at(place))
                .remedy("start a sink, or find out with `tonghui status` why it keeps nothing"));
        }
        Ok(())
    }
}

impl Line {
    /// A lapin channel in confirm mode that nobody else uses.
    async fn confirming(&self) -> Result<Channel, Fault> {
        let idle = lock(&self.idle).pop();
        if let Some(lapin) = idle.filter(|lapin| lapin.status().connected()) {
            return Ok(lapin);
        }
        let lapin = self.link.channel().await?;
        let asked = lapin.confirm_select(ConfirmSelectOptions::default());
        ask(&self.link.place, "the channel does not confirm", asked).await?;
        Ok(lapin)
    }
}

/// The outcome of a batch.
#[derive(Default)]
struct Settled {
    /// Messages that a full queue or a failing broker did not take, or that it never confirms.
    refused: usize,
    /// Ids of those that found no queue.
    returned: Vec<String>,
}

impl Settled {
    fn add(&mut self, confirmation: Confirmation) {
        let returned = match confirmation {
            Confirmation::Ack(returned) => returned,
            Confirmation::Nack(returned) => {
                self.refused += 1;
                returned
            }
            // Not in confirm mode: nothing is proven.
            Confirmation::NotRequested => {
                self.refused += 1;
                None
            }
        };
        self.returned.extend(returned.map(|message| id_of(&message)));
    }
}

/// From the message itself, never from the confirm it came with.
fn id_of(returned: &BasicReturnMessage) -> String {
    let id = returned.delivery.properties.message_id().as_ref();
    id.map_or("without id", ShortString::as_str).to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
