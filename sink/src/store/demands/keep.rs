//! `keep`: reads what is known, plans, writes and commits, in one transaction.
//!
//! If another sink changed the same rows meanwhile, everything is done again from the first read: the
//! demands must be judged by the rows of that sink. A row that the database rejects must not stop the
//! other rows of its transaction: a binary search finds it, it goes to quarantine, and the intake is
//! tried again without it.

use std::time::Duration;

use contract::{Fault, Intake, Outcomes, Reason, Retry, Store};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    known::{self, demands},
    plan::{Banned, plan},
    write::write,
};
use crate::store::{
    Database,
    database::transaction::{Failure, Transaction},
    postgres, sqlite,
};

/// How often one intake is judged again, because another sink has changed its rows, before that is a
/// fault.
const MAX_ATTEMPTS: u32 = 10;
const KEEP: &str = "keep an intake";

impl Store for Database {
    /// Keeps the intake; what the database rejects of it goes to quarantine.
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        self.make_months(intake).await?;
        let mut banned = Banned::new();
        loop {
            match self.attempt(intake, &banned, false).await? {
                Attempt::Kept(outcomes) => return Ok(outcomes),
                Attempt::Refused(why) => {
                    let (culprit, why) = self.find_culprit(intake, &banned, why).await?;
                    banned.insert(culprit, Reason::new("refused_by_database", why));
                }
            }
        }
    }
}

/// How an attempt ended.
enum Attempt {
    Kept(Outcomes),
    /// The database rejected a row, for this reason.
    Refused(String),
}

impl Database {
    /// Judges and writes everything but the banned events. A trial is rolled back.
    async fn attempt(
        &self,
        intake: &Intake,
        banned: &Banned,
        is_trial: bool,
    ) -> Result<Attempt, Fault> {
        let mut were_months_made = false;
        for _ in 0..MAX_ATTEMPTS {
            let mut tx = self.begin(KEEP).await?;
            let written = write_intake(&mut tx, intake, banned).await;
            if let Ok(Some(outcomes)) = written {
                if is_trial {
                    tx.roll_back().await;
                } else {
                    tx.commit().await?;
                }
                return Ok(Attempt::Kept(outcomes));
            }
            // It must end before the same connection begins another one.
            tx.roll_back().await;
            let Err(failure) = written else { continue };
            match (self, &failure) {
                (Self::Postgres(_), Failure::Database(error)) if postgres::is_race(error) => {}
                (Self::Postgres(store), Failure::Database(error))
                    if postgres::is_missing_month(error) && !were_months_made =>
                {
                    // Another process may have dropped a month that this one has seen.
                    store.forget_months();
                    self.make_months(intake).await?;
                    were_months_made = true;
                }
                (Self::Postgres(_), Failure::Database(error)) if postgres::is_refusal(error) => {
                    return Ok(Attempt::Refused(postgres::message(error)));
                }
                (Self::Sqlite(_), Failure::Database(error)) if sqlite::is_refusal(error) => {
                    return Ok(Attempt::Refused(sqlite::message(error)));
                }
                (Self::Postgres(store), _) => return Err(store.fault(KEEP, failure)),
                (Self::Sqlite(store), _) => return Err(store.fault(KEEP, failure)),
            }
        }
        Err(Fault::transient(format!(
            "other sinks changed the same rows {MAX_ATTEMPTS} times in a row"
        ))
        .at(self.place()))
    }

    /// Makes the months that the demands of an intake belong to, where the database has months.
    async fn make_months(&self, intake: &Intake) -> Result<(), Fault> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => {
                store.make_months(demands(intake).map(|(_, demand)| demand.origin.read_at)).await
            }
        }
    }

    /// The first demand with which the database refuses the intake, and the reason of the database: later
    /// demands may be refused for other reasons.
    ///
    /// # Errors
    /// `Stopped` where the database refuses the intake even without demands.
    async fn find_culprit(
        &self,
        intake: &Intake,
        banned: &Banned,
        mut why: String,
    ) -> Result<((usize, usize), String), Fault> {
        let suspects: Vec<(usize, usize)> =
            demands(intake).map(|(at, _)| at).filter(|at| !banned.contains_key(at)).collect();
        let nobody = |why: &str| {
            Fault::stopped(format!(
                "the database rejects every intake, even without demands: {why}"
            ))
            .at(self.place())
            .remedy("check what was changed in its tables")
        };
        if let Some(why) = self.refused_without(intake, banned, &suspects).await? {
            return Err(nobody(&why));
        }
        // The database accepts the first `accepted` of them and rejects the first `refused`.
        let (mut accepted, mut refused) = (0, suspects.len());
        while accepted + 1 < refused {
            let middle = accepted.midpoint(refused);
            match self.refused_without(intake, banned, &suspects[middle..]).await? {
                Some(reason) => (refused, why) = (middle, reason),
                None => accepted = middle,
            }
        }
        let culprit = refused.checked_sub(1).and_then(|last| suspects.get(last)).copied();
        culprit.map(|culprit| (culprit, why.clone())).ok_or_else(|| nobody(&why))
    }

    /// Why the database refuses the intake without these demands, if it does.
    async fn refused_without(
        &self,
        intake: &Intake,
        banned: &Banned,
        without: &[(usize, usize)],
    ) -> Result<Option<String>, Fault> {
        let mut trial = banned.clone();
        trial.extend(without.iter().map(|position| (*position, Reason::new("on_trial", ""))));
        Ok(match self.attempt(intake, &trial, true).await? {
            Attempt::Kept(_) => None,
            Attempt::Refused(why) => Some(why),
        })
    }
}

/// `None` if another sink changed the rows between reading and writing: the plan is wrong then.
async fn write_intake(
    tx: &mut Transaction<'_>,
    intake: &Intake,
    banned: &Banned,
) -> Result<Option<Outcomes>, Failure> {
    let known = known::load(tx, intake).await?;
    let mut plan = plan(intake, &known, banned);
    known::number(tx, &mut plan).await?;
    Ok(Box::pin(write(tx, &plan)).await?.then_some(plan.outcomes))
}

/// Far below the time after which a broker takes a delivery back from its consumer (30 minutes).
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A store that tries again while its faults are transient, until it is told to stop. The sink keeps its
/// deliveries meanwhile: if it gave them back, the broker would count failures of healthy messages.
#[derive(Debug)]
pub struct RetryingStore<S> {
    store: S,
    stop: CancellationToken,
}

impl<S: Store> RetryingStore<S> {
    /// Wraps `store`. After `stop`, the next transient fault is returned.
    pub fn new(store: S, stop: CancellationToken) -> Self {
        Self { store, stop }
    }
}

impl<S: Store> Store for RetryingStore<S> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let mut retry = Retry::up_to(MAX_WAIT);
        loop {
            let fault = match self.store.store(intake).await {
                Err(fault) if fault.is_transient() => fault,
                outcome => return outcome,
            };
            let wait = retry.wait(fault.kind());
            let (kind, wait_ms) = (fault.kind().name(), wait.as_millis());
            let seconds = wait.as_secs_f32().ceil();
            warn!(target: "tonghui", kind, wait_ms, "{fault}; retry in {seconds} s");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(fault),
                () = sleep(wait) => {}
            }
        }
    }
}
