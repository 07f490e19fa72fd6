//! Connections that the channels of this process share: one pool for each database.
//!
//! Each channel has its own limits (see [`contract::Gate`]), but fifty channels of one database must not
//! hold more of its connections than one program should.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use crate::driver::Pool;

/// By database and runtime: a connection belongs to the runtime that made it.
type Pools = HashMap<(String, Option<tokio::runtime::Id>), Weak<Pool>>;

static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

/// The pool with this name; `open` makes it if nobody has it.
pub(crate) fn shared(name: String, open: impl FnOnce() -> Pool) -> Arc<Pool> {
    let runtime = tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.id());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    pools.retain(|_, pool| pool.strong_count() > 0);
    let shared = pools.entry((name, runtime)).or_default();
    shared.upgrade().unwrap_or_else(|| {
        let pool = Arc::new(open());
        *shared = Arc::downgrade(&pool);
        pool
    })
}
