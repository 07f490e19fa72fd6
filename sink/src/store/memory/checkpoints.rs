//! Progress in the memory store.

use std::ops::Range;

use contract::{ChannelId, Checkpoints, Confirmed, Digest, Fault, MappingNo, Position, Timestamp};

use super::{Memory, Read};
use crate::store::service::lease::{lease_lost, moved_elsewhere};

const PLACE: &str = "memory store";

impl Checkpoints for Memory {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let mut state = self.lock();
        let position = &mut state.checkpoints.entry(channel.clone()).or_default().position;
        if position.fence > fence && position.fence != Position::UNLEASED {
            return Err(lease_lost(channel, PLACE));
        }
        position.fence = fence;
        Ok(position.clone())
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        if checkpoint.position.fence != fence {
            return Err(lease_lost(channel, PLACE));
        }
        let first = checkpoint.reserved + 1;
        checkpoint.reserved += n;
        Ok(first..first + n)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        let mut state = self.lock();
        let known = state.mappings.entry(channel.clone()).or_default();
        let at = known.iter().position(|digest| *digest == fingerprint).unwrap_or_else(|| {
            known.push(fingerprint);
            known.len() - 1
        });
        Ok(MappingNo(u32::try_from(at + 1).unwrap_or(u32::MAX)))
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(step.channel().clone()).or_default();
        let (at, from) = (&mut checkpoint.position, step.from());
        if at.fence != from.fence || at.step != from.step && at.fence != Position::UNLEASED {
            return Err(moved_elsewhere(step.channel(), PLACE));
        }
        at.cursor = Some(step.upto().clone());
        at.step += 1;
        checkpoint.read_at = Some(step.read_at());
        if step.tally().read > 0 {
            let read =
                Read { read_at: step.read_at(), tally: step.tally(), parts: step.parts().to_vec() };
            state.reads.insert((step.channel().clone(), step.read_no()), read);
        }
        Ok(())
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        checkpoint.fault = Some((at, fault.to_string()));
        Ok(())
    }
}
