//! The promises, grouped by topic.

mod changing;
mod clocks;
mod faults;
mod partitions;
mod reading;
mod timing;

use std::{collections::BTreeSet, time::Duration};

use crate::Source;

pub use changing::*;
pub use clocks::*;
pub use faults::*;
pub use partitions::*;
pub use reading::*;
pub use timing::*;

/// The age of a record whose time is now.
const NOW: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Adds `n` records: the first is one hour old, each further one an hour older. Returns their keys.
async fn add_rows<S: Source>(source: &mut S, name: &str, n: u32) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for index in 0..n {
        let key = format!("{name}{index}");
        source.add(std::slice::from_ref(&key), HOUR * (index + 1)).await;
        keys.insert(key);
    }
    keys
}

/// Adds one record.
async fn add_row<S: Source>(source: &mut S, key: &str, age: Duration) {
    source.add(&[key.to_owned()], age).await;
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(ToString::to_string).collect()
}
