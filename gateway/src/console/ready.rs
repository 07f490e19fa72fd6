//! What keeps the gateway from storing what is sent to it. Nothing is written for whoever asks: a process writes its
//! row every few seconds, and the age of the row says whether the store takes it.

use std::{future::Future, path::Path, time::Duration};

use config::{Settings, StoreSettings};
use contract::Publisher as _;
use rustix::fs::statvfs;
use tokio::time::timeout;

use super::Console;
use crate::{
    plain,
    processes::{self, NO_SINK},
};

/// Time limit of each check.
const LIMIT: Duration = Duration::from_secs(4);
/// With less room on its disk, an embedded store is about to fail.
const MIN_ROOM: u64 = 64 << 20;

/// Each reason, on one line; empty if the gateway is ready.
pub(super) async fn reasons(console: &Console) -> Vec<String> {
    let Console { settings, store, bus, presence, .. } = console;
    let broker = async {
        match bus {
            Some(bus) => bus.ready().await.map_err(|fault| fault.to_string()),
            None => Ok(()),
        }
    };
    let sinks = async {
        match presence {
            // Without a broker, this process stores what it reads.
            Some(presence) if settings.bus.is_none() => {
                store.leases().await.map_err(|fault| fault.to_string())?;
                let trouble = presence.sink.trouble();
                trouble.map_or(Ok(()), |trouble| Err(not_stored(&trouble.fault)))
            }
            _ => {
                let rows = processes::rows(store).await.map_err(|fault| fault.to_string())?;
                let sinks: Vec<_> = rows.iter().filter(|row| row.is_live_sink()).collect();
                let faults: Vec<_> = sinks.iter().filter_map(|row| row.fault.as_ref()).collect();
                match faults.first() {
                    None if sinks.is_empty() => Err(NO_SINK.to_owned()),
                    Some(fault) if faults.len() == sinks.len() => Err(not_stored(fault)),
                    _ => Ok(()),
                }
            }
        }
    };
    let unwritten = presence.as_ref().and_then(|presence| {
        presence.store_trouble().map(|why| format!("the store cannot be written: {why}"))
    });
    let (broker, sinks) = tokio::join!(
        within_limit("the bus does not answer", Box::pin(broker)),
        within_limit("the store does not answer", Box::pin(sinks)),
    );
    let reasons = [unwritten, broker, sinks, full_disk(settings)].into_iter().flatten();
    reasons.map(|reason| plain::escape_line(&reason).into_owned()).collect()
}

async fn within_limit(
    otherwise: &str,
    check: impl Future<Output = Result<(), String>>,
) -> Option<String> {
    match timeout(LIMIT, check).await {
        Ok(checked) => checked.err(),
        Err(_) => Some(format!("{otherwise} within {} s", LIMIT.as_secs())),
    }
}

fn not_stored(fault: &str) -> String {
    format!("no sink stores: {fault}; once that is mended, `tonghui retry --sink` ends its wait")
}

/// What to say about the disk of an embedded store; `None` if it has room.
pub(crate) fn full_disk(settings: &Settings) -> Option<String> {
    match &settings.store {
        StoreSettings::Sqlite(file) => file.parent().and_then(free_space).and_then(too_full),
        StoreSettings::Postgres(_) => None,
    }
}

/// Free bytes on the disk of a folder; `None` if that cannot be found out.
fn free_space(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn too_full(free: u64) -> Option<String> {
    (free < MIN_ROOM).then(|| {
        let (free, needed) = (free >> 20, MIN_ROOM >> 20);
        format!("the disk of the store has {free} MiB left, less than {needed}: make room on it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_named_in_time() {
        assert_eq!(too_full(64 << 20), None);
        let why = too_full((64 << 20) - 1).unwrap();
        assert!(why.contains("63 MiB left"), "{why}");
        assert!(free_space(Path::new("/")).is_some());
        assert!(free_space(Path::new("/nowhere")).is_none());
    }
}
