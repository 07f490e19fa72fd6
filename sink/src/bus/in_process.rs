//! The embedded bus. Nothing in it can be lost: a publish is confirmed only after the sink has
//! committed, so a crash loses nothing that was confirmed. The price is that reading waits for
//! writing; a broker does not have it.

use std::{
    collections::{HashSet, VecDeque},
    future,
    sync::Arc,
};

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// A limit on the number of waiting messages, besides the limit in bytes: each has a cost of its own.
const MAX_WAITING: usize = 1024;

/// A bus that holds at most `capacity` bytes of messages that are not kept yet. A larger message
/// passes alone.
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
    queue: mpsc::Sender<Handed>,
    room: Arc<Semaphore>,
    capacity: u32,
}

/// The sink end. Messages that were taken and not acked are what the next `take` gives first.
#[derive(Debug)]
pub struct InProcessConsumer {
    waiting: mpsc::Receiver<Handed>,
    held: VecDeque<(u64, Handed)>,
    next_tag: u64,
}

/// A message on its way. Dropping it unsent tells the publisher that nobody will keep it.
#[derive(Debug)]
struct Handed {
    message: Message,
    kept: oneshot::Sender<()>,
    _room: OwnedSemaphorePermit,
}

impl Publisher for InProcessPublisher {
    /// If this future is dropped, messages that were already handed over may still be kept.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            let size = u32::try_from(message.body.len()).unwrap_or(u32::MAX).min(self.capacity);
            let room = Arc::clone(&self.room);
            let _room = room.acquire_many_owned(size).await.map_err(|_| gone())?;
            let (kept, answer) = oneshot::channel();
            let handed = Handed { message: message.clone(), kept, _room };
            self.queue.send(handed).await.map_err(|_| gone())?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| gone())?;
        }
        Ok(())
    }
}

impl Consumer for InProcessConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        if self.held.is_empty() {
            match self.waiting.recv().await {
                Some(handed) => self.hold(handed),
                // No publisher is left, so nothing will come; only a stop ends the wait.
                None => future::pending().await,
            }
            while self.held.len() < max
                && let Ok(handed) = self.waiting.try_recv()
            {
                self.hold(handed);
            }
        }
        let messages = self.held.iter().take(max.max(1));
        Ok(Intake::new(messages.map(|(tag, handed)| (*tag, handed.message.clone()))))
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let tags: HashSet<u64> = kept.tags().iter().copied().collect();
        for (tag, handed) in std::mem::take(&mut self.held) {
            if tags.contains(&tag) {
                // The publisher may have stopped waiting; its rows are committed all the same.
                let _ = handed.kept.send(());
            } else {
                self.held.push_back((tag, handed));
            }
        }
        Ok(())
    }
}

impl InProcessConsumer {
    fn hold(&mut self, handed: Handed) {
        self.held.push_back((self.next_tag, handed));
        self.next_tag += 1;
    }
}

fn gone() -> Fault {
    Fault::transient("the sink ended before it had kept the messages").at("in-process bus")
}
