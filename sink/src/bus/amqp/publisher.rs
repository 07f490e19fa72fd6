//! Publishes messages: sends all messages of a batch, and then waits until the broker has confirmed each of
//! them. It returns a message that no queue takes.
//!
//! A batch succeeds or fails as a whole, because lapin may report a returned message together with the
//! confirm of another one. For the same reason a lapin channel is used by one batch at a time, and is dropped
//! after a failure: a late confirm must not count for the next batch.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::{ChannelId, Fault, Message, Publisher};
use lapin::{
    Channel, Confirmation, message::BasicReturnMessage, options::BasicPublishOptions,
    types::ShortString,
};

use super::{
    connect::{Cluster, Link},
    fault::{Node, fault_of},
    limit::send_in_time,
    message, topology,
};

/// The publisher for ingest. Clones share one connection.
#[derive(Debug, Clone)]
pub struct AmqpPublisher {
    cluster: Arc<Cluster>,
    /// Locked while connecting, so that the loops of all channels open one connection together.
    session: Arc<tokio::sync::Mutex<Option<Arc<Session>>>>,
}

/// A connection, its lapin channels, and the queues that were checked on it.
#[derive(Debug)]
struct Session {
    link: Link,
    /// Lapin channels that no batch uses. They are in confirm mode: the broker confirms each message.
    idle: Mutex<Vec<Channel>>,
    /// Channels whose queues were declared or checked on this connection.
    checked_channels: Mutex<HashSet<ChannelId>>,
}

impl AmqpPublisher {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, session: Arc::default() }
    }
}

impl Publisher for AmqpPublisher {
    /// If this future is dropped, messages that were sent may already be in their queues.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let session = self.session().await?;
        let channels: HashSet<ChannelId> =
            messages.iter().map(|message| message.id.channel.clone()).collect();
        let sent = send_in_time(&session.link, self.send(&session, &channels, messages)).await;
        if sent.is_err() {
            // The next attempt checks the queues again.
            lock(&session.checked_channels).retain(|channel| !channels.contains(channel));
        }
        sent
    }

    async fn ready(&self) -> Result<(), Fault> {
        let link = &self.session().await?.link;
        if *link.blocked.borrow() {
            let what = "the broker accepts no messages: it is short of memory or disk space";
            let fault = Fault::transient(what).at(link.node.place());
            return Err(fault.remedy("free memory or disk space there; reading resumes by itself"));
        }
        Ok(())
    }
}

impl AmqpPublisher {
    /// The connection; a new one if the last one is lost.
    async fn session(&self) -> Result<Arc<Session>, Fault> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session
            && session.link.is_connected()
        {
            return Ok(Arc::clone(session));
        }
        *session = None;
        let link = self.cluster.connect("publishes").await?;
        let new = Session { link, idle: Mutex::default(), checked_channels: Mutex::default() };
        Ok(Arc::clone(session.insert(Arc::new(new))))
    }

    async fn send(
        &self,
        session: &Session,
        channels: &HashSet<ChannelId>,
        messages: &[Message],
    ) -> Result<(), Fault> {
        self.ensure_queues(session, channels).await?;
        let node = &session.link.node;
        let lapin = session.confirm_channel().await?;
        let failed = |error| fault_of(node, "cannot publish", error);
        let mut confirms = Vec::with_capacity(messages.len());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        for message in messages {
            let exchange = self.cluster.settings.exchange().into();
            let key = message.id.channel.as_str().into();
            let properties = message::properties(message, self.cluster.key.as_ref());
            let written = lapin.basic_publish(exchange, key, options, &message.body, properties);
            confirms.push(written.await.map_err(failed)?);
        }
        let mut outcome = BatchOutcome::default();
        for confirm in confirms {
            outcome.add(confirm.await.map_err(failed)?);
        }
        self.check(node, messages, outcome)?;
        lock(&session.idle).push(lapin);
        Ok(())
    }

    /// Declares or checks the queues of channels that are new on this connection.
    async fn ensure_queues(
        &self,
        session: &Session,
        channels: &HashSet<ChannelId>,
    ) -> Result<(), Fault> {
        let new: Vec<ChannelId> = {
            let checked_channels = lock(&session.checked_channels);
            channels.difference(&checked_channels).cloned().collect()
        };
        if !new.is_empty() {
            topology::ensure(&session.link, &self.cluster.settings, &new).await?;
            lock(&session.checked_channels).extend(new);
        }
        Ok(())
    }

    /// Checks that queues accepted all messages.
    ///
    /// # Errors
    /// A message was returned or refused.
    fn check(&self, node: &Node, messages: &[Message], outcome: BatchOutcome) -> Result<(), Fault> {
        let settings = &self.cluster.settings;
        if let Some(returned) = outcome.returned.first() {
            let message = messages.iter().find(|message| message.id.to_string() == *returned);
            let channel = message.map(|message| &message.id.channel);
            let n = outcome.returned.len();
            let what = format!("no queue takes message {returned} ({n} messages of its batch)");
            return Err(match channel {
                Some(channel) if !settings.declare => {
                    Fault::stopped(what).remedy(topology::manual_steps(settings, channel))
                }
                _ => Fault::transient(what),
            }
            .at(node.place()));
        }
        if outcome.refused > 0 {
            let channel = messages.first().map(|message| &message.id.channel);
            let queue = channel.map(|channel| settings.queue(channel)).unwrap_or_default();
            let queue = format!("queue {queue}");
            let (n, total) = (outcome.refused, messages.len());
            let what = format!("the queue is full: it refused {n} of {total} messages");
            return Err(Fault::transient(what).at(queue).at(node.place()).remedy(
                "start a sink, or run `tonghui status` to see why the sink stores nothing",
            ));
        }
        Ok(())
    }
}

impl Session {
    /// A lapin channel in confirm mode that no other batch uses.
    async fn confirm_channel(&self) -> Result<Channel, Fault> {
        let idle = lock(&self.idle).pop();
        if let Some(lapin) = idle.filter(|lapin| lapin.status().connected()) {
            return Ok(lapin);
        }
        self.link.confirm_channel().await
    }
}

/// What became of the messages of a batch that the broker did not accept.
#[derive(Default)]
struct BatchOutcome {
    /// Number of messages that the broker refused, or will never confirm.
    refused: usize,
    /// Ids of the messages that no queue took.
    returned: Vec<String>,
}

impl BatchOutcome {
    fn add(&mut self, confirmation: Confirmation) {
        let returned = match confirmation {
            Confirmation::Ack(returned) => returned,
            Confirmation::Nack(returned) => {
                self.refused += 1;
                returned
            }
            // The lapin channel is not in confirm mode, so the message counts as refused.
            Confirmation::NotRequested => {
                self.refused += 1;
                None
            }
        };
        self.returned.extend(returned.map(|message| id_of(&message)));
    }
}

/// The id of a returned message.
fn id_of(returned: &BasicReturnMessage) -> String {
    let id = returned.delivery.properties.message_id().as_ref();
    id.map_or("without id", ShortString::as_str).to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
