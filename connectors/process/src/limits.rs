//! What no program may exceed.

use contract::MAX_RECORD_BYTES;

/// A record, and the words around it.
pub(crate) const LONGEST_LINE: usize = MAX_RECORD_BYTES + (1 << 20);
/// All records of one answer.
pub(crate) const MOST_BYTES: usize = 64 << 20;
