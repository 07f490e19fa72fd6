//! What the processes of a service tell each other through the store, and what keeps it small.

pub(crate) mod lease;
pub(crate) mod request;
#[cfg(test)]
mod tests;
pub(crate) mod upkeep;
