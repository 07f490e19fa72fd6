//! The report of a database that its own data is damaged. From then on, nothing it says can be relied on, so the
//! store writes nothing more, and the process ends.

use std::sync::{Arc, OnceLock};

use contract::Fault;
use tokio_util::sync::CancellationToken;

/// The first report of damage, if there was one. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage(Arc<Report>);

#[derive(Debug, Default)]
struct Report {
    text: OnceLock<String>,
    came: CancellationToken,
}

impl Damage {
    /// Notes a fault that reports damage.
    pub(super) fn report(&self, fault: &Fault) {
        self.0.text.get_or_init(|| fault.to_string());
        self.0.came.cancel();
    }

    /// The fault that was reported first.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.text.get().map(Fault::stopped)
    }

    /// Waits for a report.
    pub(super) async fn reported(&self) -> Fault {
        self.0.came.cancelled().await;
        Fault::stopped(self.0.text.get().cloned().unwrap_or_default())
    }
}
