//! Keeps logins for the next connector of a channel: after a fault, it is made anew, and would sign in again at every
//! retry, although the source has refused nothing. Some sources lock an account that signs in so often.
//!
//! They are in memory only, and belong to the gate of the upstream: it outlives the connector, and goes with the
//! settings of the upstream.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::{Gate, Secret, Timestamp};

use crate::{fetch::Source, session::Cookies};

/// What a login has brought.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    /// The values of `tokens`, in their order.
    pub(crate) values: Vec<Secret>,
    /// How long it lasts, as far as that is known.
    pub(crate) lifetime: Option<Duration>,
    /// When it was.
    pub(crate) at: Timestamp,
    /// Whether the source has refused it since.
    is_refused: Arc<AtomicBool>,
}

impl Brought {
    pub(crate) fn new(values: Vec<Secret>, lifetime: Option<Duration>, at: Timestamp) -> Self {
        Self { values, lifetime, at, is_refused: Arc::default() }
    }

    /// Notes that the source has refused it: nobody uses it again.
    pub(crate) fn note_refused(&self) {
        self.is_refused.store(true, Ordering::Relaxed);
    }
}

/// A login of this process.
struct Kept {
    gate: Weak<dyn Gate>,
    /// The settings of the login, and its secrets.
    fingerprint: String,
    brought: Brought,
    /// The cookies that the source had set by then.
    cookies: Cookies,
}

static LOGINS: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Keeps the login of a source that has just signed in.
pub(crate) fn keep(source: &Source) {
    let Source { client, credentials, .. } = source;
    let Some(login) = &credentials.login else { return };
    let Some(brought) = login.brought().cloned() else { return };
    let (gate, fingerprint) = (Arc::downgrade(&client.gate), login.fingerprint());
    let cookies = client.cookies.clone();
    let mut logins = logins();
    logins.retain(|kept| !kept.is_of(&client.gate, &fingerprint));
    logins.push(Kept { gate, fingerprint, brought, cookies });
}

/// Lets a source that has not signed in yet use the login that was kept, unless it was refused.
pub(crate) fn adopt(source: &mut Source) {
    let Source { client, credentials, .. } = source;
    let Some(login) = &mut credentials.login else { return };
    let fingerprint = login.fingerprint();
    let logins = logins();
    let mut kept = logins.iter().filter(|kept| kept.is_of(&client.gate, &fingerprint));
    let is_usable = |kept: &&Kept| !kept.brought.is_refused.load(Ordering::Relaxed);
    if let Some(kept) = kept.find(is_usable) {
        login.adopt(kept.brought.clone());
        client.cookies = kept.cookies.clone();
    }
}

impl Kept {
    fn is_of(&self, gate: &Arc<dyn Gate>, fingerprint: &str) -> bool {
        // The address is not used again before the weak reference is gone.
        let is_same = self.gate.as_ptr().cast::<()>() == Arc::as_ptr(gate).cast::<()>();
        is_same && self.fingerprint == fingerprint
    }
}

/// The logins that are kept, without those of upstreams that are gone.
fn logins() -> MutexGuard<'static, Vec<Kept>> {
    // The list is consistent even after a panic.
    let mut logins = LOGINS.lock().unwrap_or_else(PoisonError::into_inner);
    logins.retain(|kept| kept.gate.strong_count() > 0);
    logins
}
