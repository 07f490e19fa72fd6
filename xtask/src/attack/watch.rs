//! Watches the memory and the health of a gateway, and another channel of it, while something happens to it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};

use super::{
    Attack, MAX_DELAY,
    gateway::{Gateway, OTHER, Service},
    http, pause,
};

/// How often the gateway is asked.
const INTERVAL: Duration = Duration::from_millis(200);

impl Attack {
    /// Does `work`, and notes the memory of the service, its health and how late another channel was meanwhile.
    pub(super) fn watch<T>(
        &mut self,
        item: &str,
        gateway: &Gateway,
        service: &Service,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let before: Vec<_> = (0..5).map(|n| push_one(gateway, n)).collect();
        ensure!(
            before.iter().all(|answer| answer.status == 200),
            "the other channel does not work"
        );
        let before = before.iter().map(|answer| answer.took).max().unwrap_or_default();
        let (mut healthy, mut during) = (Duration::ZERO, Duration::ZERO);
        let mut statuses = BTreeSet::new();
        let is_done = AtomicBool::new(false);
        let done = thread::scope(|scope| {
            scope.spawn(|| {
                // It is asked at least once.
                for n in 5.. {
                    healthy = healthy.max(health(gateway));
                    let answer = push_one(gateway, n);
                    during = during.max(answer.took);
                    statuses.insert(answer.status);
                    if is_done.load(Relaxed) {
                        break;
                    }
                    pause(INTERVAL);
                }
            });
            let done = work();
            is_done.store(true, Relaxed);
            done
        })?;
        self.note_peak(item, service.peak_kib());
        let limit = before + MAX_DELAY;
        let right = format!("within 1 s, and 200 within {:.2} s", limit.as_secs_f64());
        let [asked, pushed] = [healthy, during].map(|took| took.as_secs_f64());
        let seen = format!("{asked:.2} s, and {statuses:?} within {pushed:.2} s");
        let holds = healthy <= MAX_DELAY && during <= limit && statuses.iter().eq(&[200]);
        self.note(format_args!("{item}: health, and another channel"), right, seen, holds);
        Ok(done)
    }
}

/// How long it takes until the gateway says that it is well; very long if it does not.
fn health(gateway: &Gateway) -> Duration {
    let answer = http::get(gateway.console, "/health/live", None);
    if answer.status == 200 { answer.took } else { Duration::from_secs(3600) }
}

/// Sends one demand to the other channel.
fn push_one(gateway: &Gateway, n: u32) -> http::Answer {
    gateway.push(OTHER, format!("{{\"id\":\"w{n}\",\"updated\":{n},\"title\":\"t\"}}").as_bytes())
}
