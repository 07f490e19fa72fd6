//! The embedded bus. A message is confirmed only after the sink has committed it, so a crash loses
//! nothing that was confirmed. The disadvantage is that reading waits for writing; with a broker it
//! does not.

use std::{
    collections::{HashSet, VecDeque},
    future,
    sync::Arc,
};

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The number of waiting messages is limited too: each needs some memory besides its bytes.
const MAX_WAITING: usize = 1024;

/// A bus that holds at most `capacity` bytes of messages that are not kept yet. A message that is larger
/// than that is taken when the bus is empty.
pub fn in_process(capacity: usize) -> (InProcessPublisher, InProcessConsumer) {
    let capacity = u32::try_from(capacity).unwrap_or(u32::MAX).max(1);
    let (queue, waiting) = mpsc::channel(MAX_WAITING);
    let room = Arc::new(Semaphore::new(capacity as usize));
    let publisher = InProcessPublisher { queue, room, capacity };
    (publisher, InProcessConsumer { waiting, held: VecDeque::new(), next_tag: 0 })
}

/// The ingest end; one per channel loop, by cloning.
#[derive(Debug, Clone)]
pub struct InProcessPublisher {
    queue: mpsc::Sender<QueuedMessage>,
    room: Arc<Semaphore>,
    capacity: u32,
}

/// The sink end. The next `take` first gives the messages that were taken and not acked.
#[derive(Debug)]
pub struct InProcessConsumer {
    waiting: mpsc::Receiver<QueuedMessage>,
    held: VecDeque<(u64, QueuedMessage)>,
    next_tag: u64,
}

/// A message in the bus. If it is dropped before `kept` is sent, the publisher learns that it was lost.
#[derive(Debug)]
struct QueuedMessage {
    message: Message,
    kept: oneshot::Sender<()>,
    _room: OwnedSemaphorePermit,
}

impl Publisher for InProcessPublisher {
    /// If this future is dropped, messages that are already in the bus may still be kept.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let mut receipts = Vec::with_capacity(messages.len());
        for message in messages {
            let size = u32::try_from(message.body.len()).unwrap_or(u32::MAX).min(self.capacity);
            let room = Arc::clone(&self.room);
            let _room = room.acquire_many_owned(size).await.map_err(|_| sink_ended())?;
            let (kept, receipt) = oneshot::channel();
            let queued = QueuedMessage { message: message.clone(), kept, _room };
            self.queue.send(queued).await.map_err(|_| sink_ended())?;
            receipts.push(receipt);
        }
        for receipt in receipts {
            receipt.await.map_err(|_| sink_ended())?;
        }
        Ok(())
    }
}

impl Consumer for InProcessConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        if self.held.is_empty() {
            match self.waiting.recv().await {
                Some(queued) => self.hold(queued),
                // There is no publisher any more, so nothing will come: wait until the task is stopped.
                None => future::pending().await,
            }
            while self.held.len() < max
                && let Ok(queued) = self.waiting.try_recv()
            {
                self.hold(queued);
            }
        }
        let messages = self.held.iter().take(max.max(1));
        Ok(Intake::new(messages.map(|(tag, queued)| (*tag, queued.message.clone()))))
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let tags: HashSet<u64> = kept.tags().iter().copied().collect();
        for (tag, queued) in std::mem::take(&mut self.held) {
            if tags.contains(&tag) {
                // An error means that the publisher has stopped waiting; the rows are committed anyway.
                let _ = queued.kept.send(());
            } else {
                self.held.push_back((tag, queued));
            }
        }
        Ok(())
    }
}

impl InProcessConsumer {
    fn hold(&mut self, queued: QueuedMessage) {
        self.held.push_back((self.next_tag, queued));
        self.next_tag += 1;
    }
}

fn sink_ended() -> Fault {
    Fault::transient("the sink ended before it had kept the messages").at("in-process bus")
}
