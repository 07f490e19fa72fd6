//! Whether a store belongs to the key that seals personal values.

use contract::Fault;

/// The key that a store was first used with, and a value that proves it.
pub(super) struct BoundKey {
    pub(super) key_id: i64,
    pub(super) check_value: String,
}

impl BoundKey {
    /// Refuses any key but this one.
    pub(super) fn check(&self, key_id: u32, check_value: &str, place: &str) -> Result<(), Fault> {
        let id = self.key_id;
        if id == i64::from(key_id) && self.check_value == check_value {
            return Ok(());
        }
        Err(Fault::stopped(format!(
            "its personal values are sealed with another key (key {id}) than the one given \
             (key {key_id})"
        ))
        .at(place)
        .remedy(format!("restore the key file of key {id}, with which it was first used")))
    }
}
