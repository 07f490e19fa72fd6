//! The promises, grouped by what they are about.

mod asking;
mod changing;
mod clocks;
mod faults;
mod partitions;
mod walking;

use std::{collections::BTreeSet, time::Duration};

use crate::Source;

pub use asking::*;
pub use changing::*;
pub use clocks::*;
pub use faults::*;
pub use partitions::*;
pub use walking::*;

const NOW: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Adds records of different ages, the oldest last.
async fn rows<S: Source>(source: &mut S, name: &str, n: u32) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for index in 0..n {
        let key = format!("{name}{index}");
        source.add(std::slice::from_ref(&key), HOUR * (index + 1)).await;
        keys.insert(key);
    }
    keys
}

/// Adds one record.
async fn row<S: Source>(source: &mut S, key: &str, age: Duration) {
    source.add(&[key.to_owned()], age).await;
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(ToString::to_string).collect()
}
