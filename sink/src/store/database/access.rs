//! What a handle on a store may do.

/// What a handle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes; makes the tables and brings them up to date.
    ReadWrite,
    /// Looks at a store that exists, beside whoever writes it.
    ReadOnly,
}
