//! Settings that decide which demand a record is, and which of two states is newer. They are remembered with the
//! position of a channel: under other ones, every record would become another demand, or later states would
//! count as older than the known ones.

use contract::Fault;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Hashes of the settings under which the records of a channel were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    key: String,
    /// `None` if the state that arrives later is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

impl Identity {
    /// The identity of a channel with these settings.
    pub fn new(key: &str, revision: Option<&str>) -> Self {
        Self { key: short_hash(key), revision: revision.map(short_hash) }
    }

    /// Compares it with the one under which records were read before. A revision where there was none is no
    /// fault: every state with a revision is newer than one without.
    ///
    /// # Errors
    /// `Stopped`: the key or the revision is another one.
    pub fn check(&self, earlier: &Self) -> Result<(), Fault> {
        if self.key != earlier.key {
            return Err(other_key());
        }
        if earlier.revision.is_some() && self.revision != earlier.revision {
            let what = "`revision` has changed: a known demand takes no state whose revision is smaller than \
                        the one it has";
            return Err(Fault::stopped(what).remedy(
                "restore it, or give the channel a new name; only if every revision will be greater than the \
                 earlier ones (a time is greater than a number, and none is the smallest), run `tonghui \
                 position CHANNEL reset`",
            ));
        }
        Ok(())
    }
}

/// The fault of a channel whose records were read under another key.
pub fn other_key() -> Fault {
    Fault::stopped("`key` has changed: every record would become another demand").remedy(
        "restore it, or give the channel a new name; to read everything again under the new keys, run \
         `tonghui position CHANNEL reset`",
    )
}

/// A short hash, for example of settings, to notice that they have changed.
pub fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_or_revision_stops_the_channel_and_a_first_revision_does_not() {
        let earlier = Identity::new("$.id", Some("$.version"));
        let unordered = Identity::new("$.id", None);
        for (now, earlier, stops) in [
            (Identity::new("$.id", Some("$.version")), &earlier, None),
            (Identity::new("$.no", Some("$.version")), &earlier, Some("`key`")),
            (Identity::new("$.id", Some("$.updated")), &earlier, Some("`revision`")),
            (Identity::new("$.id", None), &earlier, Some("`revision`")),
            (Identity::new("$.id", Some("$.version")), &unordered, None),
            (Identity::new("$.no", None), &unordered, Some("`key`")),
        ] {
            let fault = now.check(earlier).err().map(|fault| fault.to_string());
            assert_eq!(fault.is_some(), stops.is_some(), "{fault:?}");
            if let (Some(fault), Some(setting)) = (fault, stops) {
                assert!(fault.starts_with(setting) && fault.contains("reset"), "{fault}");
            }
        }
    }
}
