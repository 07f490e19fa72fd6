//! The bus within one process. A message is confirmed only after the sink has committed it, so a crash loses
//! no confirmed message. Therefore the ingest loop waits for the store; with a broker it does not.

use std::{
    collections::{HashSet, VecDeque},
    future,
    sync::Arc,
};

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Maximum number of messages in the queue, because each needs memory besides its body.
const MAX_QUEUED: usize = 1024;

/// A bus. `capacity` limits the size of all messages that are not kept yet, in bytes. The bus accepts a
/// message that is larger than that when it is empty.
pub fn in_process(capacity: usize) -> (InProcessPublisher, InProcessConsumer) {
    let capacity = u32::try_from(capacity).unwrap_or(u32::MAX).max(1);
    let (queue, queued) = mpsc::channel(MAX_QUEUED);
    let space = Arc::new(Semaphore::new(capacity as usize));
    let publisher = InProcessPublisher { queue, space, capacity };
    (publisher, InProcessConsumer { queued, unacked: VecDeque::new(), next_tag: 0 })
}

/// The publisher for ingest. The loop of each channel has a clone.
#[derive(Debug, Clone)]
pub struct InProcessPublisher {
    queue: mpsc::Sender<QueuedMessage>,
    /// The free bytes.
    space: Arc<Semaphore>,
    capacity: u32,
}

/// The consumer for the sink. If messages were taken and not acked, `take` returns them again; otherwise it
/// returns new ones.
#[derive(Debug)]
pub struct InProcessConsumer {
    queued: mpsc::Receiver<QueuedMessage>,
    unacked: VecDeque<(u64, QueuedMessage)>,
    next_tag: u64,
}

/// A message in the bus. `kept` confirms it to its publisher; if it is dropped unused, `publish` fails.
#[derive(Debug)]
struct QueuedMessage {
    message: Message,
    kept: oneshot::Sender<()>,
    _space: OwnedSemaphorePermit,
}

impl Publisher for InProcessPublisher {
    /// If this future is dropped, messages that are already in the bus may still be kept.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let size = u32::try_from(message.body.len()).unwrap_or(u32::MAX).min(self.capacity);
            let space = Arc::clone(&self.space);
            let _space = space.acquire_many_owned(size).await.map_err(|_| sink_ended())?;
            let (kept, confirm) = oneshot::channel();
            let queued = QueuedMessage { message: message.clone(), kept, _space };
            self.queue.send(queued).await.map_err(|_| sink_ended())?;
            confirms.push(confirm);
        }
        for confirm in confirms {
            confirm.await.map_err(|_| sink_ended())?;
        }
        Ok(())
    }
}

impl Consumer for InProcessConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        if self.unacked.is_empty() {
            match self.queued.recv().await {
                Some(queued) => self.add(queued),
                // No publisher is left, so no message will come: wait until the task is stopped.
                None => future::pending().await,
            }
            while self.unacked.len() < max
                && let Ok(queued) = self.queued.try_recv()
            {
                self.add(queued);
            }
        }
        let messages = self.unacked.iter().take(max.max(1));
        Ok(Intake::new(messages.map(|(tag, queued)| (*tag, queued.message.clone()))))
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let tags: HashSet<u64> = kept.tags().iter().copied().collect();
        for (tag, queued) in std::mem::take(&mut self.unacked) {
            if tags.contains(&tag) {
                // An error means that the publisher has stopped waiting; the rows are committed anyway.
                let _ = queued.kept.send(());
            } else {
                self.unacked.push_back((tag, queued));
            }
        }
        Ok(())
    }
}

impl InProcessConsumer {
    fn add(&mut self, queued: QueuedMessage) {
        self.unacked.push_back((self.next_tag, queued));
        self.next_tag += 1;
    }
}

fn sink_ended() -> Fault {
    Fault::transient("the sink stopped before it kept the messages").at("in-process bus")
}
