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
    block: Range<u64>,
}

impl<'a> ReadNumbers<'a> {
    /// Begins without a block: nothing is reserved for a channel that reads nothing.
    pub fn new(channel: &'a ChannelId) -> Self {
        Self { channel, block: 0..0 }
    }

    /// The next number, greater than any before.
    ///
    /// # Errors
    /// A new block could not be reserved.
    pub async fn next(&mut self, checkpoints: &impl Checkpoints) -> Result<ReadNo, Fault> {
        if self.block.is_empty() {
            self.block = checkpoints.reserve(self.channel, BLOCK).await?;
        }
        self.block.next().map(ReadNo).ok_or_else(|| {
            Fault::stopped("the store reserved an empty block of read numbers")
                .at(format!("channel {}", self.channel))
        })
    }
}
