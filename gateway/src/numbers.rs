//! Read numbers, drawn from blocks that are reserved durably.
//!
//! A block that a crash leaves half used is lost, never given again: numbers only have to grow.

use std::ops::Range;

use contract::{ChannelId, Checkpoints, Fault, ReadNo};

/// Numbers reserved at once: one durable write per thousand reads.
const BLOCK: u64 = 1_000;

/// The read numbers of a channel in this process. Whoever reads the channel holds them from before
/// the question until its answer has a number: so a later answer never has a smaller one, however
/// many read it.
#[derive(Debug, Default)]
pub struct ReadNumbers {
    /// The lease under which the block was reserved.
    fence: u64,
    block: Range<u64>,
}

impl ReadNumbers {
    /// The next number under the lease with this `fence`, greater than any before. Nothing is
    /// reserved for a channel that reads nothing.
    ///
    /// # Errors
    /// A new block could not be reserved.
    pub async fn next(
        &mut self,
        channel: &ChannelId,
        fence: u64,
        checkpoints: &impl Checkpoints,
    ) -> Result<ReadNo, Fault> {
        if self.block.is_empty() || self.fence != fence {
            self.block = checkpoints.reserve(channel, fence, BLOCK).await?;
            self.fence = fence;
        }
        self.block
            .next()
            .map(ReadNo)
            .ok_or_else(|| Fault::stopped("the store reserved an empty block of read numbers"))
    }
}
