use std::{
    panic::AssertUnwindSafe,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use contract::{
    Batch, Body, Channel, Cursor, DemandId, MappingNo, Normalizer, PassEnd, Position, RawRecord,
    ReadNo, Reason, RecordKey, Revision, SealedBytes, TextReport, Timestamp, Verdict,
    demand::Cause, pack,
};
use futures_util::FutureExt as _;
use serde_json::json;

use super::*;

/// Rejects every record, and waits at the large ones until it is opened.
#[derive(Default)]
struct WaitingNormalizer {
    is_open: Mutex<bool>,
    opened: Condvar,
    n_begun: AtomicUsize,
}

impl WaitingNormalizer {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Normalizer for WaitingNormalizer {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        self.n_begun.fetch_add(1, SeqCst);
        if record.body.tree()["text"].as_str().is_some_and(|text| text.len() > LARGE_BYTES) {
            let is_open = self.is_open.lock().unwrap();
            drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
        }
        Verdict::Reject(Reason::new("tried", record.key.as_str()))
    }

    fn seal(&self, _: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

/// Rejects every record, and cannot seal what it rejected.
struct CannotSeal;

impl Normalizer for CannotSeal {
    fn normalize(&self, _: &RawRecord) -> Verdict {
        Verdict::Reject(Reason::new("tried", ""))
    }

    fn seal(&self, _: &DemandId, _: &[u8]) -> SealedBytes {
        panic!("a mapping with a defect")
    }
}

fn batch(normalizer: Arc<dyn Normalizer>, sizes: &[usize]) -> ReadBatch {
    let record = |(index, size): (usize, &usize)| {
        Entry::Record(RawRecord {
            key: RecordKey::new(format!("k{index}")),
            revision: Revision::NONE,
            body: Body::new(json!({ "text": "x".repeat(*size) })),
            text: TextReport::default(),
        })
    };
    let entries = sizes.iter().enumerate().map(record).collect();
    let upto = Cursor::from_text("null");
    ReadBatch {
        channel: Channel { id: "hotline".parse().unwrap(), mapping: MappingNo(1), normalizer },
        from: Position::default(),
        read_no: ReadNo(1),
        batch: Batch { entries, upto, end: Some(PassEnd::default()), trouble: Vec::new() },
        read_at: Timestamp::UNIX_EPOCH,
        cause: Cause::Live,
    }
}

const HUGE: usize = 2 * LARGE_BYTES;

#[tokio::test]
async fn a_batch_is_packed_as_on_one_thread() {
    let pool = MappingPool::with_threads(3);
    let sizes: Vec<_> = (0..500).map(|n| if n % 97 == 0 { HUGE } else { n * 7 % 900 }).collect();
    for sizes in [&sizes[..], &sizes[..1], &[]] {
        let normalizer = Arc::new(WaitingNormalizer::default());
        normalizer.open();
        let ReadBatch { channel, from, read_no, batch: entries, read_at, .. } =
            batch(normalizer.clone(), sizes);
        let expected = pack(&channel, from, read_no, entries, read_at);
        let packed = pool.pack(batch(normalizer, sizes)).await.unwrap();
        assert_eq!(packed.messages(), expected.messages());
        assert_eq!(packed.tally(), expected.tally());
    }
}

#[tokio::test]
async fn large_records_of_one_channel_leave_threads_to_the_others() {
    let pool = MappingPool::with_threads(2);
    let slow = Arc::new(WaitingNormalizer::default());
    let waiting = pool.pack(batch(slow.clone(), &[HUGE; 5]));
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    for _ in 0..3 {
        let packed =
            pool.pack(batch(Arc::new(WaitingNormalizer::default()), &[10; 200])).await.unwrap();
        assert_eq!(packed.tally().rejected, 200);
    }
    assert!(slow.n_begun.load(SeqCst) <= 1, "more than half of the threads were taken");
    slow.open();
    assert_eq!(waiting.await.unwrap().tally().rejected, 5);
}

#[tokio::test]
async fn portions_of_a_dropped_batch_are_not_started() {
    let pool = MappingPool::with_threads(2);
    let slow = Arc::new(WaitingNormalizer::default());
    assert!(pool.pack(batch(slow.clone(), &[HUGE; 50])).now_or_never().is_none());
    slow.open();
    let other = Arc::new(WaitingNormalizer::default());
    other.open();
    let packed = pool.pack(batch(other, &[HUGE])).await.unwrap();
    assert_eq!(packed.tally().read, 1);
    assert!(slow.n_begun.load(SeqCst) <= 1, "it was mapped for nobody");
}

#[tokio::test]
async fn a_panic_reaches_the_channel_and_the_threads_continue() {
    let pool = MappingPool::with_threads(2);
    let defect = AssertUnwindSafe(pool.pack(batch(Arc::new(CannotSeal), &[1]))).catch_unwind();
    assert!(defect.await.is_err());
    for _ in 0..4 {
        assert!(pool.pack(batch(Arc::new(WaitingNormalizer::default()), &[1; 300])).await.is_ok());
    }
}

#[tokio::test]
async fn batches_take_turns() {
    let pool = MappingPool::with_threads(2);
    let long = Arc::new(WaitingNormalizer::default());
    let mapping_long = pool.pack(batch(long.clone(), &[10; 64 * 40]));
    tokio::pin!(mapping_long);
    assert!(mapping_long.as_mut().now_or_never().is_none(), "it has taken all threads");
    let short = pool.pack(batch(Arc::new(WaitingNormalizer::default()), &[10]));
    tokio::select! { biased;
        _ = mapping_long.as_mut() => panic!("the short batch waited for all of the long one"),
        packed = short => assert_eq!(packed.unwrap().tally().read, 1),
    }
    assert_eq!(mapping_long.await.unwrap().tally().read, 64 * 40);
    assert_eq!((pool.threads.available_permits(), pool.large.available_permits()), (2, 1));
}

#[test]
fn portions_hold_all_entries_once_and_large_ones_alone() {
    let cut = |weights: &[usize]| {
        let portions = portions(weights.iter().copied());
        portions.into_iter().map(|p| (p.entries, p.is_large)).collect::<Vec<_>>()
    };
    assert_eq!(cut(&[]), [(0..0, false)]);
    assert_eq!(cut(&[1, HUGE, 1, 1]), [(0..1, false), (1..2, true), (2..4, false)]);
    assert_eq!(cut(&[LARGE_BYTES, 1]), [(0..1, false), (1..2, false)]);
    assert_eq!(cut(&[1; 65]), [(0..64, false), (64..65, false)]);
}
