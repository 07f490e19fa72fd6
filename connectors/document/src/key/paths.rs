//! The parts of a key.

use super::KeyPath;
use crate::Path;

impl KeyPath {
    /// The paths whose values together are the key.
    pub fn paths(&self) -> &[Path] {
        &self.0
    }
}
