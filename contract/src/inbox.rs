//! The inbox of a push channel: pushed records wait here until they are in custody, that is, confirmed by
//! the bus or stored.
//!
//! The HTTP listener puts the records of a request into the channel's inbox, and does not answer the sender
//! yet. The channel's connector reads the records. When the gateway settles them with the connector, the
//! inbox removes them, and the listener answers the sender. Reading removes nothing, so a record can be read
//! again until it is settled. A sender that got no answer sends its records again.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use crate::Held;

/// The inbox of one channel in one process. Clones share its content.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    /// See [`Inbox::new`].
    epoch: String,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Records that are not settled; the first one has the number `settled + 1`.
    records: VecDeque<Bytes>,
    /// The number of the last settled record.
    settled: u64,
    /// Size of `records`.
    n_bytes: usize,
    /// The requests that brought them.
    requests: VecDeque<Request>,
    /// Wakes the task that waits for a record.
    reader: Option<Waker>,
    /// Wake the tasks that wait until records are settled, by [`CustodyWait::id`].
    senders: BTreeMap<u64, Waker>,
    /// How many waits were created: the id of the last one.
    n_waits: u64,
}

/// A request whose last record is not settled.
struct Request {
    /// The number of its last record.
    last: u64,
    n_records: usize,
    digest: [u8; 32],
    #[allow(dead_code, reason = "only its drop matters")]
    room: Vec<Held>,
}

/// The inbox has no room; the sender should try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxFull;

impl Inbox {
    /// An empty inbox for at most `max_bytes` of records. `epoch` identifies it: records are numbered from 1
    /// in each process, so a number from an inbox with another epoch means nothing here.
    pub fn new(epoch: impl Into<String>, max_bytes: usize) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Shared { epoch: epoch.into(), max_bytes, state }))
    }

    /// The epoch that identifies it.
    pub fn epoch(&self) -> &str {
        &self.0.epoch
    }

    /// Adds all records of one request, or none of them. The returned future ends when the last of them is
    /// settled. If it is dropped, the records stay. `digest` is that of the request, and `room` the memory that its
    /// records take, which is free when they are settled.
    ///
    /// # Errors
    /// The inbox has no room.
    pub fn put(
        &self,
        records: Vec<Bytes>,
        digest: [u8; 32],
        room: Vec<Held>,
    ) -> Result<CustodyWait, InboxFull> {
        let mut state = self.lock();
        let n_bytes: usize = records.iter().map(Bytes::len).sum();
        if state.n_bytes + n_bytes > self.0.max_bytes {
            return Err(InboxFull);
        }
        state.n_bytes += n_bytes;
        let n_records = records.len();
        state.records.extend(records);
        let last = state.last();
        if n_records > 0 {
            state.requests.push_back(Request { last, n_records, digest, room });
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(self.custody(&mut state, last))
    }

    /// Waits for the request with this digest, and says how many records it has, if it was the last that came and is
    /// not settled: its sender got no answer and sends it again. After other requests it may be new: a record may
    /// have got another state in between, and now has its earlier one again.
    pub fn repeated(&self, digest: &[u8; 32]) -> Option<(CustodyWait, usize)> {
        let mut state = self.lock();
        let newest = state.requests.back().filter(|newest| newest.digest == *digest)?;
        let (last, n_records) = (newest.last, newest.n_records);
        Some((self.custody(&mut state, last), n_records))
    }

    fn custody(&self, state: &mut State, last: u64) -> CustodyWait {
        state.n_waits += 1;
        CustodyWait { inbox: self.clone(), last, id: state.n_waits }
    }

    /// Waits until there is a record after `number`. Only one task may wait at a time.
    pub fn wait_after(&self, number: u64) -> impl Future<Output = ()> + Send {
        let inbox = self.clone();
        std::future::poll_fn(move |context| {
            let mut state = inbox.lock();
            if state.last() > number {
                return Poll::Ready(());
            }
            state.reader = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Up to `max` unsettled records after `number`, with their numbers.
    pub fn records_after(&self, number: u64, max: usize) -> Vec<(u64, Bytes)> {
        let state = self.lock();
        let first = state.settled + 1;
        let numbered = (first..).zip(&state.records);
        let unread = numbered.filter(|(position, _)| *position > number);
        unread.take(max).map(|(position, record)| (position, record.clone())).collect()
    }

    /// The number of the last settled record. It and all earlier ones are removed.
    pub fn last_settled(&self) -> u64 {
        self.lock().settled
    }

    /// Whether there is no record after `number`.
    pub fn ends_at(&self, number: u64) -> bool {
        self.lock().last() <= number
    }

    /// Settles all records up to `number`: removes them and wakes the waiting senders.
    pub fn settle(&self, number: u64) {
        let mut state = self.lock();
        while state.settled < number
            && let Some(record) = state.records.pop_front()
        {
            state.n_bytes -= record.len();
            state.settled += 1;
        }
        let settled = state.settled;
        while state.requests.front().is_some_and(|request| request.last <= settled) {
            state.requests.pop_front();
        }
        for (_, sender) in std::mem::take(&mut state.senders) {
            sender.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the newest record.
    fn last(&self) -> u64 {
        self.settled + u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Inbox {
    // Shows no record, because records contain personal values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} records)", self.lock().records.len())
    }
}

/// A future that ends when the records of one request are in custody.
#[derive(Debug)]
#[must_use = "a sender must not be answered before this has ended"]
pub struct CustodyWait {
    inbox: Inbox,
    /// The number of the last record of the request.
    last: u64,
    id: u64,
}

impl Future for CustodyWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.inbox.lock();
        if state.settled >= self.last {
            return Poll::Ready(());
        }
        state.senders.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for CustodyWait {
    fn drop(&mut self) {
        self.inbox.lock().senders.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Wake};

    use super::*;
    use crate::MemoryLimit;

    struct Bell(Mutex<usize>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() += 1;
        }
    }

    fn records(names: &[&str]) -> Vec<Bytes> {
        names.iter().map(|name| Bytes::copy_from_slice(name.as_bytes())).collect()
    }

    impl Inbox {
        fn put_all(&self, names: &[&str]) -> Result<CustodyWait, InboxFull> {
            self.put(records(names), [0; 32], Vec::new())
        }
    }

    #[test]
    fn a_sender_is_answered_when_its_last_record_is_settled() {
        let inbox = Inbox::new("e", 100);
        let bell = Arc::new(Bell(Mutex::new(0)));
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let mut first = pin!(inbox.put_all(&["a", "b"]).unwrap());
        let mut second = pin!(inbox.put_all(&["c"]).unwrap());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        inbox.settle(1);
        assert!(first.as_mut().poll(&mut context).is_pending(), "b is not settled");
        inbox.settle(2);
        assert!(first.as_mut().poll(&mut context).is_ready());
        assert!(second.as_mut().poll(&mut context).is_pending());
        inbox.settle(9);
        assert!(second.as_mut().poll(&mut context).is_ready());
        assert!(*bell.0.lock().unwrap() >= 2);
    }

    #[test]
    fn reading_removes_nothing_and_settling_what_is_settled_neither() {
        let inbox = Inbox::new("e", 100);
        drop(inbox.put_all(&["a", "b", "c"]).unwrap());
        assert_eq!(inbox.records_after(0, 2), inbox.records_after(0, 2));
        assert_eq!(inbox.records_after(1, 9), [(2, Bytes::from("b")), (3, Bytes::from("c"))]);
        inbox.settle(2);
        inbox.settle(1);
        assert_eq!(inbox.records_after(0, 9), [(3, Bytes::from("c"))]);
        assert!(inbox.ends_at(3) && !inbox.ends_at(2));
    }

    #[test]
    fn a_full_inbox_takes_nothing_of_a_request() {
        let inbox = Inbox::new("e", 4);
        drop(inbox.put_all(&["aa"]).unwrap());
        assert!(inbox.put_all(&["b", "cc"]).is_err());
        assert_eq!(inbox.records_after(0, 9).len(), 1);
        inbox.settle(1);
        assert!(inbox.put_all(&["b", "cc"]).is_ok());
    }

    #[test]
    fn the_reader_is_woken_by_what_arrives() {
        let inbox = Inbox::new("e", 100);
        let bell = Arc::new(Bell(Mutex::new(0)));
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        let mut arrival = pin!(inbox.wait_after(0));
        assert!(arrival.as_mut().poll(&mut context).is_pending());
        drop(inbox.put_all(&["a"]).unwrap());
        assert_eq!(*bell.0.lock().unwrap(), 1);
        assert!(arrival.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_request_that_comes_again_waits_for_the_first_one_unless_another_came_in_between() {
        let inbox = Inbox::new("e", 100);
        let put =
            |name, digest| drop(inbox.put(records(&[name]), [digest; 32], Vec::new()).unwrap());
        let repeated = |digest| inbox.repeated(&[digest; 32]).map(|(_, n_records)| n_records);
        drop(inbox.put(Vec::new(), [9; 32], Vec::new()).unwrap());
        assert_eq!(repeated(9), None, "there is nothing to wait for");
        put("open", 1);
        assert_eq!((repeated(1), repeated(2)), (Some(1), None));
        put("closed", 2);
        assert_eq!(repeated(1), None, "the demand was opened again: this is its third state");
        put("open", 1);
        inbox.settle(2);
        let (mut custody, _) = inbox.repeated(&[1; 32]).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut custody).poll(&mut context).is_pending());
        inbox.settle(3);
        assert!(Pin::new(&mut custody).poll(&mut context).is_ready());
        assert_eq!(repeated(1), None);
    }

    #[test]
    fn the_memory_of_a_request_is_free_when_its_last_record_is_settled() {
        let (inbox, limit) = (Inbox::new("e", 100), MemoryLimit::new(10));
        let mut room = limit.hold_nothing();
        assert!(room.try_set(10));
        drop(inbox.put(records(&["a", "b"]), [0; 32], vec![room]).unwrap());
        let has_room = || limit.hold_nothing().try_set(1);
        inbox.settle(1);
        assert!(!has_room());
        inbox.settle(2);
        assert!(has_room());
    }
}
