//! The limit on the memory of all that was read and is not delivered yet, in all channels of a process together.
//!
//! What is held is charged before it is allocated, and `limits.memory` has a part for each kind of holder. So nobody
//! waits for one who waits for him: a request that is pushed never waits, its sender is asked to send it again; a page
//! waits for other pages, which end when their batches are delivered; a batch waits for batches that are being
//! delivered, and these wait for nobody. What grows after it was let in grows at once, it does not wait either.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// The memory of a process, by what it is for. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The whole, in bytes. A single page that needs more cannot be read.
    pub total: usize,
    /// A quarter: for what senders push, from the first byte of a body until its records are in custody.
    pub pushed: MemoryLimit,
    /// Half: for pages, from their text until their last record is read.
    pub pages: MemoryLimit,
    /// A quarter: for batches, from the read until they are delivered.
    pub batches: MemoryLimit,
}

impl Memory {
    /// Divides so many bytes.
    pub fn new(bytes: u64) -> Self {
        let total = usize::try_from(bytes).unwrap_or(usize::MAX);
        let part = |divisor| MemoryLimit::new(total / divisor);
        Self { total, pushed: part(4), pages: part(2), batches: part(4) }
    }
}

impl Default for Memory {
    /// No limit: for commands that read one channel, and for tests.
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

/// A limit on bytes that are held at the same time. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    /// Who waits for room, the first one first.
    waiting: VecDeque<(u64, Waker)>,
    /// How many have waited so far: the number of the last one.
    n_waits: u64,
}

impl MemoryLimit {
    /// Lets `max` bytes be held.
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Shared { max, state: Mutex::default() }))
    }

    /// The bytes that may be held.
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// Waits until there is room for so many bytes, after all who came before. What is larger than the limit gets in
    /// alone, when nothing else is held.
    pub fn hold(&self, bytes: usize) -> Holding {
        Holding { limit: self.clone(), bytes, number: None }
    }

    /// Holds nothing yet.
    pub fn hold_nothing(&self) -> Held {
        Held { limit: self.clone(), bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for so many bytes beside those of others.
    fn has_room(&self, others: usize, bytes: usize) -> bool {
        others == 0 || others.saturating_add(bytes) <= self.0.max
    }
}

impl State {
    fn wake_next(&self) {
        if let Some((_, next)) = self.waiting.front() {
            next.wake_by_ref();
        }
    }
}

/// A future that ends when there is room. Dropping it gives up the place in the queue.
#[derive(Debug)]
#[must_use = "nothing is held before it has ended"]
pub struct Holding {
    limit: MemoryLimit,
    bytes: usize,
    /// Its number in the queue.
    number: Option<u64>,
}

impl Future for Holding {
    type Output = Held;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Held> {
        let this = &mut *self;
        let mut state = this.limit.lock();
        let first = state.waiting.front().map(|(number, _)| *number);
        let is_next = first.is_none() || first == this.number;
        if is_next && this.limit.has_room(state.held, this.bytes) {
            if this.number.take().is_some() {
                state.waiting.pop_front();
            }
            state.held = state.held.saturating_add(this.bytes);
            state.wake_next();
            return Poll::Ready(Held { limit: this.limit.clone(), bytes: this.bytes });
        }
        let waker = context.waker().clone();
        let place = state.waiting.iter_mut().find(|(number, _)| Some(*number) == this.number);
        if let Some((_, earlier)) = place {
            *earlier = waker;
        } else {
            state.n_waits += 1;
            let number = state.n_waits;
            state.waiting.push_back((number, waker));
            this.number = Some(number);
        }
        Poll::Pending
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(own) = self.number {
            let mut state = self.limit.lock();
            state.waiting.retain(|(number, _)| *number != own);
            state.wake_next();
        }
    }
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
#[must_use = "the bytes are free again when this is dropped"]
pub struct Held {
    limit: MemoryLimit,
    bytes: usize,
}

impl Held {
    /// Holds so many bytes from now on, even if the limit is exceeded: one who waited for more than he has could wait
    /// for one who waits for him.
    pub fn set(&mut self, bytes: usize) {
        let mut state = self.limit.lock();
        state.held = state.held.saturating_sub(self.bytes).saturating_add(bytes);
        self.bytes = bytes;
        state.wake_next();
    }

    /// Like [`set`](Self::set), but only if there is room; says whether there is.
    #[must_use]
    pub fn try_set(&mut self, bytes: usize) -> bool {
        let mut state = self.limit.lock();
        let others = state.held.saturating_sub(self.bytes);
        if bytes > self.bytes && !self.limit.has_room(others, bytes) {
            return false;
        }
        state.held = others.saturating_add(bytes);
        self.bytes = bytes;
        state.wake_next();
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// Polls it once.
    fn poll(holding: &mut Holding) -> Option<Held> {
        match holding.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(held) => Some(held),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_has_no_room_waits_and_what_is_above_the_limit_gets_in_alone() {
        let limit = MemoryLimit::new(64);
        let half = limit.hold(32).now_or_never();
        assert!(half.is_some());
        assert!(limit.hold(33).now_or_never().is_none());
        assert!(limit.hold(1 << 30).now_or_never().is_none());
        drop(half);
        let large = limit.hold(1 << 30).now_or_never();
        assert!(large.is_some());
        assert!(limit.hold(1).now_or_never().is_none());
        drop(large);
        assert!(limit.hold(64).now_or_never().is_some());
    }

    #[test]
    fn room_is_given_in_the_order_of_those_who_wait_also_if_one_gives_up() {
        let limit = MemoryLimit::new(10);
        let all = poll(&mut limit.hold(10));
        let (mut large, mut gives_up, mut small) = (limit.hold(9), limit.hold(9), limit.hold(1));
        for waiting in [&mut large, &mut gives_up, &mut small] {
            assert!(poll(waiting).is_none());
        }
        drop(all);
        assert!(poll(&mut small).is_none(), "the large one came first");
        let held = poll(&mut large);
        assert!(held.is_some() && poll(&mut small).is_none());
        drop(gives_up);
        assert!(poll(&mut small).is_some());
    }

    #[test]
    fn two_that_hold_half_each_and_need_more_both_go_on() {
        let limit = MemoryLimit::new(10);
        let [mut one, mut other] = [(); 2].map(|()| poll(&mut limit.hold(5)).unwrap());
        one.set(9);
        other.set(9);
        let mut third = limit.hold(2);
        assert!(poll(&mut third).is_none());
        one.set(0);
        assert!(poll(&mut third).is_none());
        drop(other);
        assert!(poll(&mut third).is_some());
    }

    #[test]
    fn what_must_not_wait_is_told_that_there_is_no_room() {
        let limit = MemoryLimit::new(10);
        let [mut one, mut other] = [(); 2].map(|()| limit.hold_nothing());
        assert!(one.try_set(6) && other.try_set(4));
        assert!(!other.try_set(5) && other.try_set(3) && one.try_set(7));
        drop(one);
        assert!(other.try_set(11), "alone");
    }
}
