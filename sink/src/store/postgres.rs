//! The PostgreSQL store: the same tables as the embedded one, for any number of processes.
//!
//! Each table is written by one statement that unfolds arrays (`UNNEST`), in one fixed order of keys.
//! What is judged is locked first, so two sinks that meet wait for each other row by row; where one
//! adds what the other is about to add, the later one judges again. The alternative, one writer chosen
//! by a lock, was not taken: a second sink is there to help, not to wait.

mod arrays;
mod books;
mod checkpoints;
mod fault;
mod hosts;
mod keep;
mod known;
mod link;
mod months;
mod quality;
mod records;
mod row;
mod schema;
mod sealed;
mod setup;
mod small;
mod statements;
#[cfg(test)]
pub(super) mod tests;
mod walk;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use contract::Fault;
use sqlx::PgTransaction;
use tokio::time::timeout;

use super::{
    Access,
    privacy::key::{Bind, BoundKey},
};
use fault::{fault, is_lost};
use hosts::Hosts;
use link::Link;
use months::Months;

/// The longest that one piece of work may take from first to last: the server's own limit is for
/// each statement, and a server that is cut off says nothing at all.
const LIMIT: Duration = Duration::from_secs(120);

/// Number of the advisory lock for work that only one process does at a time. Any number would do.
const ALONE: i64 = 0x746f_6e67_6875_6900;

/// A handle on one database; clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    link: Arc<Link>,
    months: Arc<Months>,
    access: Access,
}

impl Postgres {
    /// Opens the database that `url` names: `postgres://user:password@host:port/name`, several
    /// `host:port` with commas. Who opens it to write brings its tables up to date.
    ///
    /// # Errors
    /// `Stopped` where the URL is wrong, user, password or rights do not suffice, the database is not
    /// UTF-8, the server is too old, or the tables are of a newer version; `Transient` where no host
    /// answers that takes writes.
    pub async fn open(url: &str, access: Access) -> Result<Self, Fault> {
        let link = Arc::new(Link::new(Hosts::parse(url)?, access));
        setup::bring_up(&link, access).await?;
        let store = Self { link, months: Arc::new(Months::default()), access };
        if access == Access::ReadWrite {
            store.make_this_month().await?;
        }
        Ok(store)
    }

    /// Another handle, with connections of its own: what it writes does not wait behind what this one
    /// writes.
    #[must_use]
    pub fn apart(&self) -> Self {
        let link = Arc::new(self.link.apart());
        Self { link, months: Arc::clone(&self.months), access: self.access }
    }

    /// Waits for running work and closes all connections.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Binds this database to the keys that seal personal values: the first use records them, and a
    /// rotation is followed.
    ///
    /// # Errors
    /// `Stopped` where it was sealed with a key that is not among them.
    pub async fn bind_key(&self, keys: &[(u32, String)]) -> Result<(), Fault> {
        self.within("bind the sealing key", async {
            let mut tx = self.begin_alone().await?;
            let known: Option<(i64, String)> =
                sqlx::query_as("SELECT key_id, check_value FROM sealing_key")
                    .fetch_optional(&mut *tx)
                    .await?;
            let known = known.map(|(key_id, check_value)| BoundKey { key_id, check_value });
            let bind = BoundKey::check(known.as_ref(), keys, self.link.place())?;
            if let Bind::Write(key_id, check_value) = bind {
                sqlx::query("DELETE FROM sealing_key").execute(&mut *tx).await?;
                sqlx::query("INSERT INTO sealing_key (key_id, check_value) VALUES ($1, $2)")
                    .bind(i64::from(key_id))
                    .bind(check_value)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// Does a piece of work within the limit, and says what became of it. Where the database is lost,
    /// the next piece of work looks for it again.
    async fn within<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Fault> {
        let place = self.link.place();
        match timeout(LIMIT, Box::pin(work)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Failure::Fault(fault))) => Err(fault),
            Ok(Err(Failure::Database(error))) => {
                if is_lost(&error) {
                    self.link.forget();
                }
                Err(fault(place, doing, &error))
            }
            Err(_) => {
                self.link.forget();
                Err(Fault::transient(format!("cannot {doing}: it takes too long")).at(place))
            }
        }
    }

    async fn begin(&self) -> Result<PgTransaction<'static>, Failure> {
        if self.access == Access::ReadOnly {
            let fault = Fault::stopped("the store is open for reading only").at(self.link.place());
            return Err(Failure::Fault(fault));
        }
        Ok(self.link.pools().await?.writer.begin().await?)
    }

    /// Begins what only one process does at a time.
    async fn begin_alone(&self) -> Result<PgTransaction<'static>, Failure> {
        let mut tx = self.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ALONE).execute(&mut *tx).await?;
        Ok(tx)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.link.place())
    }
}

/// Why a piece of work ended early.
#[derive(Debug)]
enum Failure {
    Fault(Fault),
    Database(sqlx::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
