//! The parts of a whole gateway in memory, with a trap at every verb: a source, a connector, a normaliser, the
//! bus and the store. When a verb is reached for the nth time, the trap crashes the process, fails the verb, or
//! drops the future of its loop.

use std::{
    collections::BTreeSet,
    future::{Future, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use contract::{
    Accepted, Batch, Body, ChannelId, Checkpoints, Confirmed, Consumer, Cursor, DemandBody,
    DemandId, Digest, Entry, Exchange, Fault, Intake, Kept, MappingNo, Message, Normalizer,
    Outcomes, PassEnd, Position, Publisher, RawRecord, RecordKey, Revision, SealedBytes, Store,
    TextReport, TimeRange, Timestamp, Verdict,
};
use futures_util::future::BoxFuture;
use gateway::registry::AnyConnector;
use serde_json::json;
use tokio::sync::Notify;

/// The source: rows in order, and which of them the gateway has acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) rows: Vec<(String, String)>,
    pub(crate) acknowledged: Mutex<BTreeSet<usize>>,
    /// After this number of answers to one connector, the source asks for a pause.
    pub(crate) max_answers: usize,
}

impl Source {
    /// A source with `n` rows; one in ten is unreadable.
    pub(crate) fn with_rows(n: usize) -> Self {
        let rows = (0..n).map(|i| (format!("K{i:04}"), format!("诉求内容 {i}"))).collect();
        Self { rows, acknowledged: Mutex::default(), max_answers: usize::MAX }
    }

    pub(crate) fn is_unreadable(index: usize) -> bool {
        index % 10 == 7
    }
}

/// Reads the source by index. The cursor says where the last batch began and ended, so that at most that batch
/// is not acknowledged.
pub(crate) struct TwinConnector {
    pub(crate) source: Arc<Source>,
    pub(crate) answers: usize,
    pub(crate) trap: Arc<Trap>,
    pub(crate) verbs: Verbs,
}

/// Index of the first row of a batch, and of the first one after it.
pub(crate) type Span = (usize, usize);

/// The verbs in the order in which they completed.
pub(crate) type Verbs = Arc<Mutex<Vec<Verb>>>;

impl AnyConnector for TwinConnector {
    fn limit_to(&mut self, _: TimeRange) -> Result<(), Fault> {
        Err(Fault::stopped("it has no times"))
    }

    fn read<'a>(
        &'a mut self,
        after: Option<&'a Cursor>,
        max: usize,
    ) -> BoxFuture<'a, Result<Batch, Fault>> {
        let trap = Arc::clone(&self.trap);
        Box::pin(async move {
            let work = async {
                if self.answers == self.source.max_answers {
                    return Err(Fault::throttled(std::time::Duration::ZERO, "too many questions"));
                }
                self.answers += 1;
                let (_, from): Span = after.map(Cursor::decode).transpose()?.unwrap_or_default();
                let upto = (from + max).min(self.source.rows.len());
                let entries = (from..upto).map(|index| self.entry(index)).collect();
                self.verbs.lock().unwrap().push(Verb::Read);
                Ok(Batch {
                    entries,
                    upto: Cursor::encode(&(from, upto))?,
                    end: (upto == self.source.rows.len()).then(PassEnd::default),
                    trouble: Vec::new(),
                })
            };
            trap.around(Verb::Read, work).await
        })
    }

    fn settled<'a>(&'a mut self, upto: &'a Cursor) -> BoxFuture<'a, Result<(), Fault>> {
        let trap = Arc::clone(&self.trap);
        Box::pin(async move {
            let work = async {
                let (from, upto): Span = upto.decode()?;
                self.source.acknowledged.lock().unwrap().extend(from..upto);
                self.verbs.lock().unwrap().push(Verb::Settle);
                Ok(())
            };
            trap.around(Verb::Settle, work).await
        })
    }

    fn failed_exchange(&mut self) -> Option<Exchange> {
        None
    }

    fn inspect(&mut self) -> BoxFuture<'_, Result<Vec<Fault>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn sample(&self, _name: &str, _page: &[u8]) -> Result<Vec<Entry>, Fault> {
        Ok(Vec::new())
    }
}

impl TwinConnector {
    fn entry(&self, index: usize) -> Entry {
        let (key, text) = &self.source.rows[index];
        let key = RecordKey::new(key.as_str());
        if Source::is_unreadable(index) {
            return Entry::Unreadable {
                place: contract::Place {
                    key: Some(key),
                    revision: Revision::NONE,
                    at: format!("row {index}"),
                },
                bytes: bytes::Bytes::copy_from_slice(text.as_bytes()),
                reason: contract::Reason::new("malformed_bytes", "byte 3"),
            };
        }
        Entry::Record(RawRecord {
            key,
            revision: Revision::NONE,
            body: Body::new(json!({ "text": text })),
            text: TextReport::default(),
        })
    }
}

/// Maps the text to the content; panics if the trap is set to an error in `Pack`.
pub(crate) struct TwinNormalizer {
    pub(crate) trap: Arc<Trap>,
}

impl Normalizer for TwinNormalizer {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        let springs = self.trap.harm == Harm::Error && self.trap.springs(Verb::Pack);
        assert!(!springs, "injected at Pack");
        let content = record.body.tree()["text"].as_str().unwrap().to_owned();
        let mut digest = [0; 16];
        for (index, byte) in content.bytes().enumerate() {
            digest[index % 16] ^= byte.rotate_left(u32::try_from(index / 16).unwrap());
        }
        Verdict::Accept(Box::new(Accepted {
            body: DemandBody { content: Some(content), ..DemandBody::default() },
            digest: Digest(digest),
            raw: SealedBytes(record.body.to_bytes()),
        }))
    }

    fn seal(&self, _id: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

/// A part of the gateway, with the trap at its verbs.
#[derive(Clone)]
pub(crate) struct Trapped<T> {
    pub(crate) inner: T,
    pub(crate) trap: Arc<Trap>,
    pub(crate) verbs: Verbs,
}

impl<T> Trapped<T> {
    fn done(&self, verb: Verb) {
        self.verbs.lock().unwrap().push(verb);
    }
}

impl<T: Publisher> Publisher for Trapped<T> {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        // Packing has no await, so a crash in it is the same as one before delivering.
        if self.trap.harm != Harm::Error && self.trap.springs(Verb::Pack) {
            self.trap.sprung.notify_one();
            std::future::pending::<()>().await;
        }
        self.trap.around(Verb::Deliver, self.inner.publish(messages)).await?;
        self.done(Verb::Deliver);
        Ok(())
    }
}

impl<T: Checkpoints> Checkpoints for Trapped<Arc<T>> {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        self.inner.load(channel, fence).await
    }

    async fn reserve(
        &self,
        channel: &ChannelId,
        fence: u64,
        n: u64,
    ) -> Result<std::ops::Range<u64>, Fault> {
        self.inner.reserve(channel, fence, n).await
    }

    async fn mapping(&self, channel: &ChannelId, print: Digest) -> Result<MappingNo, Fault> {
        self.inner.mapping(channel, print).await
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        self.trap.around(Verb::Advance, self.inner.advance(step)).await?;
        self.done(Verb::Advance);
        Ok(())
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        self.inner.note(channel, fault, at).await
    }
}

impl<T: Consumer> Consumer for Trapped<T> {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        let intake = self.trap.around(Verb::Take, self.inner.take(max)).await?;
        self.done(Verb::Take);
        Ok(intake)
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        self.trap.around(Verb::Ack, self.inner.ack(kept)).await?;
        self.done(Verb::Ack);
        Ok(())
    }
}

impl<T: Store> Store for Trapped<Arc<T>> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let outcomes = self.trap.around(Verb::Keep, self.inner.store(intake)).await?;
        self.done(Verb::Keep);
        Ok(outcomes)
    }
}

/// Whether a case of the matrix is meaningful: packing has no effect, so it has only one moment.
pub(crate) fn is_a_case(verb: Verb, moment: Moment) -> bool {
    verb != Verb::Pack || moment == Moment::Before
}

/// The eight verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Pack,
    Deliver,
    Advance,
    Settle,
    Take,
    Keep,
    Ack,
}

impl Verb {
    pub(crate) const ALL: [Self; 8] = [
        Self::Read,
        Self::Pack,
        Self::Deliver,
        Self::Advance,
        Self::Settle,
        Self::Take,
        Self::Keep,
        Self::Ack,
    ];

    pub(crate) fn is_of_the_sink(self) -> bool {
        matches!(self, Self::Take | Self::Keep | Self::Ack)
    }
}

/// What happens at the trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The process crashes: everything that is not durable is lost.
    Crash,
    /// The verb returns a fault.
    Error,
    /// The future of its loop is dropped; the other loop continues.
    Dropped,
}

/// Whether the trap strikes before or after the effect of the verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Interrupts one verb, once.
#[derive(Debug)]
pub(crate) struct Trap {
    pub(crate) verb: Verb,
    pub(crate) harm: Harm,
    pub(crate) moment: Moment,
    /// How often the verb must still be reached before the trap strikes; 0 after that.
    left: AtomicUsize,
    /// Notified when the trap strikes.
    pub(crate) sprung: Notify,
    sprung_times: AtomicUsize,
}

impl Trap {
    /// Strikes when `verb` is reached for the `nth` time, counted from 1.
    pub(crate) fn new(verb: Verb, harm: Harm, moment: Moment, nth: usize) -> Self {
        let left = AtomicUsize::new(nth);
        let sprung_times = AtomicUsize::new(0);
        Self { verb, harm, moment, left, sprung: Notify::new(), sprung_times }
    }

    pub(crate) fn has_sprung(&self) -> bool {
        self.sprung_times.load(SeqCst) > 0
    }

    /// Counts `verb`; true if the trap strikes now.
    pub(crate) fn springs(&self, verb: Verb) -> bool {
        if verb != self.verb {
            return false;
        }
        let before = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        let now = before == Ok(1);
        if now {
            self.sprung_times.fetch_add(1, SeqCst);
        }
        now
    }

    /// Runs `work` with the trap before and after it.
    pub(crate) async fn around<T>(
        &self,
        verb: Verb,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        if !self.springs(verb) {
            return work.await;
        }
        if self.moment == Moment::After {
            work.await?;
        }
        match self.harm {
            Harm::Error => Err(Fault::transient(format!("injected at {verb:?}"))),
            Harm::Crash | Harm::Dropped => {
                self.sprung.notify_one();
                pending().await
            }
        }
    }
}
