//! What becomes of the processes that a program has started, by their numbers.

use std::time::Duration;

/// Waits until all processes have ended; `pids` has one in each line.
pub(crate) async fn wait_for_end(pids: &str) {
    // A killed process disappears after its parent has waited for it.
    let gone = async {
        while pids.lines().any(is_running) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("left behind");
}

/// Whether a process exists and is not a zombie.
pub(crate) fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
