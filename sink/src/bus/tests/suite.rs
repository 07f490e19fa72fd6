//! Tests that every bus must pass.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use contract::{Consumer, Fault, Intake, Kept, Message, MessageId, Publisher, keep};

use crate::store::{
    Memory,
    suite::sample::{read, record},
};

/// A bus under test.
pub(crate) trait Bench {
    /// The publisher for ingest.
    type Publisher: Publisher;
    /// The consumer for the sink.
    type Consumer: Consumer;

    /// Makes a publisher.
    fn publisher(&self) -> Self::Publisher;

    /// Makes a consumer for a sink that starts. An earlier consumer is not used again.
    fn consumer(&mut self, former: Option<Self::Consumer>) -> Self::Consumer;

    /// The result of a future while nothing happens at the other end of the bus; `None` if it waits. The future
    /// is then dropped.
    fn alone<T>(
        &self,
        future: impl Future<Output = Result<T, Fault>>,
    ) -> impl Future<Output = Option<Result<T, Fault>>> {
        poll_once(future)
    }

    /// The maximum number of bytes that may wait on a bus of 64 KiB.
    fn bound(&self) -> usize {
        64 * 1024
    }
}

/// Each published message is delivered once, in order, and no other message is.
pub(crate) async fn messages_arrive_whole_and_in_order(mut bench: impl Bench) {
    let sent = messages(1, 900);
    assert!(sent.len() > 3);
    let mut consumer = bench.consumer(None);
    let publisher = bench.publisher();
    let (published, received) =
        tokio::join!(publisher.publish(&sent), drain(&mut consumer, sent.len(), 100));
    published.expect("the bus takes it");
    assert_eq!(received, sent);
    let last = messages(2, 1);
    let (published, received) =
        tokio::join!(publisher.publish(&last), drain(&mut consumer, last.len(), 100));
    published.expect("the bus takes it");
    assert_eq!(received, last, "something was given out twice");
}

/// `take` returns at most `max` messages, and those that have arrived without delay.
pub(crate) async fn take_gives_at_most_what_is_asked(mut bench: impl Bench) {
    let sent = messages(1, 900);
    let mut consumer = bench.consumer(None);
    let publisher = bench.publisher();
    let work = async {
        let mut sizes = Vec::new();
        while sizes.iter().sum::<usize>() < sent.len() {
            let intake = consumer.take(2).await.expect("the bus is there");
            sizes.push(intake.deliveries().len());
            consumer.ack(kept(intake).await).await.expect("the bus is there");
        }
        sizes
    };
    let (published, sizes) = tokio::join!(publisher.publish(&sent), work);
    published.expect("the bus takes it");
    assert!(sizes.iter().all(|size| (1..=2).contains(size)), "{sizes:?}");
}

/// A sink that fails before it acks gets the same messages again, but no message that it acked.
pub(crate) async fn what_is_not_acked_comes_again(mut bench: impl Bench) {
    let sent = messages(1, 900);
    let publisher = bench.publisher();
    let mut consumer = bench.consumer(None);
    let work = async {
        let first = consumer.take(1).await.expect("the bus is there");
        let acked = ids(&first);
        consumer.ack(kept(first).await).await.expect("the bus is there");
        let lost = ids(&consumer.take(2).await.expect("the bus is there"));
        let mut consumer = bench.consumer(Some(consumer));
        let rest = drain(&mut consumer, sent.len() - 1, 100).await;
        (acked, lost, rest)
    };
    let (published, (acked, lost, rest)) = tokio::join!(publisher.publish(&sent), work);
    published.expect("the bus takes it");
    let rest: Vec<MessageId> = rest.into_iter().map(|message| message.id).collect();
    assert!(!acked.iter().any(|id| rest.contains(id)), "an acked message came again");
    assert!(lost.iter().all(|id| rest.contains(id)), "a message was lost");
}

/// `take` may be dropped while it waits, any number of times.
pub(crate) async fn a_dropped_take_loses_nothing(mut bench: impl Bench) {
    let sent = messages(1, 900);
    let publisher = bench.publisher();
    let mut consumer = bench.consumer(None);
    for _ in 0..3 {
        assert!(poll_once(consumer.take(10)).await.is_none());
    }
    let (published, received) =
        tokio::join!(publisher.publish(&sent), drain(&mut consumer, sent.len(), 100));
    published.expect("the bus takes it");
    assert_eq!(received, sent);
}

/// Memory use is bounded: a full bus makes the publisher wait or refuses messages, and accepts messages again
/// after some are acked.
pub(crate) async fn a_full_bus_takes_no_more(mut bench: impl Bench) {
    let mut consumer = bench.consumer(None);
    let publisher = bench.publisher();
    let mut taken = 0;
    for read_no in 1..100 {
        match bench.alone(publisher.publish(&messages(read_no, 20))).await {
            None => {}
            Some(Ok(())) => taken += 1,
            Some(Err(fault)) => {
                assert!(fault.is_transient(), "{fault}");
                break;
            }
        }
    }
    assert!(taken < 20, "it took {taken} times 12 KiB");
    let mut bytes = 0;
    while let Some(intake) = bench.alone(consumer.take(100)).await {
        let intake = intake.expect("the bus is there");
        bytes += intake.deliveries().iter().map(|some| some.message.body.len()).sum::<usize>();
        consumer.ack(kept(intake).await).await.expect("the bus is there");
    }
    assert!((1..=bench.bound()).contains(&bytes), "{bytes} bytes were waiting");
    let small = messages(400, 3);
    let (published, received) =
        tokio::join!(publisher.publish(&small), drain(&mut consumer, small.len(), 100));
    published.expect("there is room again");
    assert_eq!(received, small);
}

/// The messages of a read of that many records; twenty records take about 12 KiB.
fn messages(read_no: u64, records: usize) -> Vec<Message> {
    let keys: Vec<String> = (0..records).map(|n| n.to_string()).collect();
    let outbox = read(read_no, keys.iter().map(|key| record(key, "x")));
    outbox.messages().to_vec()
}

/// Takes, keeps and acks until there are `n` messages.
async fn drain(consumer: &mut impl Consumer, n: usize, max: usize) -> Vec<Message> {
    let mut received = Vec::new();
    while received.len() < n {
        let intake = consumer.take(max).await.expect("the bus is there");
        received.extend(intake.deliveries().iter().map(|delivery| delivery.message.clone()));
        consumer.ack(kept(intake).await).await.expect("the bus is there");
    }
    received
}

async fn kept(intake: Intake) -> Kept {
    keep(&Memory::new(), intake).await.expect("memory takes everything")
}

fn ids(intake: &Intake) -> Vec<MessageId> {
    intake.deliveries().iter().map(|delivery| delivery.message.id.clone()).collect()
}

/// The result of a future if it is ready at once. The future is dropped then.
async fn poll_once<T>(future: impl Future<Output = Result<T, Fault>>) -> Option<Result<T, Fault>> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
