//! What an arriving demand must be before it is judged: itself. A demand under a foreign id would
//! overwrite another's row, so the id is computed again from channel and key.

use contract::{ChannelId, Demand, DemandId, Reason};

/// Why a demand cannot be kept under its name.
pub(crate) fn flaw(channel: &ChannelId, demand: &Demand) -> Option<Reason> {
    if demand.channel != *channel {
        return Some(Reason::new(
            "wrong_channel",
            "the demand names another channel than its message",
        ));
    }
    if demand.id != DemandId::of(channel, &demand.source_key) {
        return Some(Reason::new("wrong_id", "the id does not follow from channel and source key"));
    }
    None
}
