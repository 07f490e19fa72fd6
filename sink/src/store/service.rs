//! What the processes of a service tell each other through the store.

pub(crate) mod lease;
pub(crate) mod request;
#[cfg(test)]
mod tests;
