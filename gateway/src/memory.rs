//! One bound on the bytes that all channels together have in flight.
//!
//! One batch per channel is in flight at most, so without this bound memory would grow with the
//! number of channels that load at once.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Permits in KiB: a semaphore counts in `u32`, bytes would not fit.
pub struct Memory {
    room: Semaphore,
    kib: u32,
}

impl Memory {
    /// Allows `bytes` in flight.
    pub fn new(bytes: u64) -> Self {
        let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX >> 4).max(1);
        Self { room: Semaphore::new(kib as usize), kib }
    }

    /// Waits for room. A batch larger than everything waits until it is alone, and then passes: it
    /// would wait forever otherwise.
    pub async fn room_for(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, self.kib);
        // The semaphore is never closed; were it, an unbounded batch is better than a stuck channel.
        self.room.acquire_many(kib).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_batch_waits_until_there_is_room_and_one_larger_than_all_passes_alone() {
        let memory = Memory::new(64 * 1024);
        let half = memory.room_for(32 * 1024).now_or_never();
        assert!(half.is_some());
        assert!(memory.room_for(33 * 1024).now_or_never().is_none());
        assert!(memory.room_for(1 << 30).now_or_never().is_none());
        drop(half);
        assert!(memory.room_for(1 << 30).now_or_never().is_some());
    }
}
