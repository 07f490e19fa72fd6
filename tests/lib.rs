//! Holds the integration tests; see `system/main.rs`.
