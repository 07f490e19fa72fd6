//! The processes of the service, for people and for monitoring, read from the store.

use std::time::Duration;

use config::Settings;
use contract::{Fault, Timestamp};
use serde::Serialize;
use sink::store::{Database, Process};

use crate::{instance, role::Role};

/// A process that was not seen for this long is gone, or cannot reach the store. [`NO_SINK`] and the help of the metric
/// `tonghui_sinks_alive` name it.
const MAX_UNSEEN: Duration = Duration::from_secs(15);

/// What to do if nobody stores.
pub(crate) const NO_SINK: &str = "no running process stores what is published (none with a sink was seen in the last 15 s): start `tonghui run` (with a broker, \
     `--role sink` is enough); if one runs, its log says why it cannot write to the store";

/// A process.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessRow {
    /// Its process id.
    pub(crate) process: String,
    /// `all`, `ingest` or `sink`.
    pub(crate) role: String,
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) since: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    /// Whether it was seen in the last seconds.
    pub(crate) alive: bool,
    /// The fault that keeps its sink from storing.
    pub(crate) fault: Option<String>,
    /// When its sink tries again.
    pub(crate) next_try_at: Option<Timestamp>,
}

impl ProcessRow {
    /// Whether it is alive and has a sink, which may be in trouble.
    pub(crate) fn is_live_sink(&self) -> bool {
        self.alive && Role::by_name(&self.role).is_some_and(Role::has_sink)
    }
}

impl From<Process> for ProcessRow {
    fn from(process: Process) -> Self {
        Self {
            process: instance::process_id(&process.id).to_owned(),
            alive: is_alive(&process),
            role: process.role,
            host: process.host,
            version: process.version,
            since: process.since,
            last_seen_at: process.seen_at,
            fault: process.fault,
            next_try_at: process.next_try_at,
        }
    }
}

/// All processes that have not ended in order.
pub(crate) async fn rows(store: &Database) -> Result<Vec<ProcessRow>, Fault> {
    Ok(store.processes().await?.into_iter().map(ProcessRow::from).collect())
}

/// Whether the process was seen in the last seconds, and has not been killed on this machine since.
pub(crate) fn is_alive(process: &Process) -> bool {
    process.unseen_for < MAX_UNSEEN && !instance::has_ended(&process.id)
}

/// What to tell people if there is a broker and nobody takes from it; `None` if somebody does.
pub(crate) fn sink_warning(settings: &Settings, rows: &[ProcessRow]) -> Option<&'static str> {
    (settings.bus.is_some() && !rows.iter().any(ProcessRow::is_live_sink)).then_some(NO_SINK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_another_machine_is_alive_until_it_was_not_seen_for_long() {
        let unseen = |unseen_for| Process {
            id: "gw2 77 5 elsewhere".to_owned(),
            role: "sink".to_owned(),
            host: "gw2".to_owned(),
            version: "1".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            seen_at: Timestamp::UNIX_EPOCH,
            unseen_for,
            fault: None,
            next_try_at: None,
        };
        assert!(is_alive(&unseen(MAX_UNSEEN - Duration::from_millis(1))));
        assert!(!is_alive(&unseen(MAX_UNSEEN)));
    }
}
