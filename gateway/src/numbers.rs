//! Read numbers, drawn from blocks that are reserved durably.
//!
//! A block that a crash leaves half used is lost, never given again: numbers only have to grow.

use std::ops::Range;

use contract::{ChannelId, Checkpoints, Fault, ReadNo};

/// Numbers reserved at once: one durable write per thousand reads.
const BLOCK: u64 = 1_000;

/// The read numbers of one run of a channel.
pub struct ReadNumbers<'a> {
    channel: &'a ChannelId,
    fence: u64,
    block: Range<u64>,
}

impl<'a> ReadNumbers<'a> {
    /// Begins without a block, under the lease with this `fence`: nothing is reserved for a channel that reads nothing.
    pub fn new(channel: &'a ChannelId, fence: u64) -> Self {
        Self { channel, fence, block: 0..0 }
    }

    /// The next number, greater than any before.
    ///
    /// # Errors
    /// A new block could not be reserved.
    pub async fn next(&mut self, checkpoints: &impl Checkpoints) -> Result<ReadNo, Fault> {
        if self.block.is_empty() {
            self.block = checkpoints.reserve(self.channel, self.fence, BLOCK).await?;
        }
        self.block.next().map(ReadNo).ok_or_else(|| {
            Fault::stopped("the store reserved an empty block of read numbers")
                .at(format!("channel {}", self.channel))
        })
    }
}
