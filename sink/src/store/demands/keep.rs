//! Keeps the messages of an intake, in one transaction: reads the stored states, plans the rows, writes and
//! commits them.
//!
//! If another sink has changed the same rows in between, everything is done again from the start, because the
//! demands must be judged by the new rows. If the database refuses a row, a binary search finds its demand;
//! this demand goes to quarantine, and the intake is kept without it.

use std::time::Duration;

use contract::{Fault, Intake, Outcomes, Reason, Retry, Store};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    known::{self, demands},
    plan::{Exclusions, plan},
    write::write,
};
use crate::{
    state::SinkState,
    store::{
        Database,
        database::transaction::{Failure, Transaction},
        postgres, sqlite,
    },
};

/// Maximum number of attempts to keep one intake while other sinks change its rows.
const MAX_ATTEMPTS: u32 = 10;
/// What the transaction does, for the message of a fault: "cannot keep an intake".
const KEEP: &str = "keep an intake";

impl Store for Database {
    /// Keeps the intake. Demands that the database refuses go to quarantine.
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let believing = self.believing(intake).await?;
        let intake = believing.as_ref().unwrap_or(intake);
        self.create_months(intake).await?;
        let mut excluded = Exclusions::new();
        loop {
            match self.attempt(intake, &excluded, false).await? {
                Attempt::Kept(outcomes) => return Ok(outcomes),
                Attempt::Refused(why) => {
                    let (culprit, why) = self.find_culprit(intake, &excluded, why).await?;
                    excluded.insert(culprit, Reason::new("refused_by_database", why));
                }
            }
        }
    }
}

/// How an attempt to keep an intake ended.
enum Attempt {
    /// The intake was kept; in a trial, it could be kept.
    Kept(Outcomes),
    /// The database refused a row, for this reason.
    Refused(String),
}

impl Database {
    /// Judges and writes the intake; the excluded events go to quarantine. A trial is rolled back.
    async fn attempt(
        &self,
        intake: &Intake,
        excluded: &Exclusions,
        is_trial: bool,
    ) -> Result<Attempt, Fault> {
        let mut has_created_months = false;
        for _ in 0..MAX_ATTEMPTS {
            let mut tx = self.begin(KEEP).await?;
            let written = write_intake(&mut tx, intake, excluded).await;
            if let Ok(Some(outcomes)) = written {
                if is_trial {
                    tx.roll_back().await;
                } else {
                    tx.commit().await?;
                }
                return Ok(Attempt::Kept(outcomes));
            }
            // This transaction must end before its connection begins another one.
            tx.roll_back().await;
            let Err(failure) = written else { continue };
            match (self, &failure) {
                (Self::Postgres(_), Failure::Database(error)) if postgres::is_race(error) => {}
                (Self::Postgres(store), Failure::Database(error))
                    if postgres::is_month_missing(error) && !has_created_months =>
                {
                    // Another process may have dropped a partition that this one knows.
                    store.forget_months();
                    self.create_months(intake).await?;
                    has_created_months = true;
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
            "other sinks changed the same rows during {MAX_ATTEMPTS} attempts"
        ))
        .at(self.place()))
    }

    /// Creates the partitions for the demands of an intake, if the database has partitions.
    pub(in crate::store) async fn create_months(&self, intake: &Intake) -> Result<(), Fault> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => {
                store.create_months(demands(intake).map(|(_, demand)| demand.origin.read_at)).await
            }
        }
    }

    /// Finds the first demand that the database refuses; returns its position and the reason. `why` is the
    /// reason for which the whole intake was refused.
    ///
    /// # Errors
    /// `Stopped` if the database refuses the intake even without demands.
    async fn find_culprit(
        &self,
        intake: &Intake,
        excluded: &Exclusions,
        mut why: String,
    ) -> Result<((usize, usize), String), Fault> {
        let suspects: Vec<(usize, usize)> =
            demands(intake).map(|(at, _)| at).filter(|at| !excluded.contains_key(at)).collect();
        let no_culprit = |why: &str| {
            let what = format!("the database refuses the messages even without demands: {why}");
            let remedy = "check whether somebody changed the tables of the store";
            Fault::stopped(what).at(self.place()).remedy(remedy)
        };
        if let Some(why) = self.try_without(intake, excluded, &suspects).await? {
            return Err(no_culprit(&why));
        }
        // The database accepts the intake with the first `accepted` suspects, and refuses it with the
        // first `refused`.
        let (mut accepted, mut refused) = (0, suspects.len());
        while accepted + 1 < refused {
            let middle = accepted.midpoint(refused);
            match self.try_without(intake, excluded, &suspects[middle..]).await? {
                Some(reason) => (refused, why) = (middle, reason),
                None => accepted = middle,
            }
        }
        let culprit = refused.checked_sub(1).and_then(|last| suspects.get(last)).copied();
        culprit.map(|culprit| (culprit, why.clone())).ok_or_else(|| no_culprit(&why))
    }

    /// Tries the intake without the demands at these positions; returns the reason if the database refuses it.
    async fn try_without(
        &self,
        intake: &Intake,
        excluded: &Exclusions,
        positions: &[(usize, usize)],
    ) -> Result<Option<String>, Fault> {
        let mut trial = excluded.clone();
        trial.extend(positions.iter().map(|position| (*position, Reason::new("on_trial", ""))));
        Ok(match self.attempt(intake, &trial, true).await? {
            Attempt::Kept(_) => None,
            Attempt::Refused(why) => Some(why),
        })
    }
}

/// Reads the stored states, plans and writes; the caller commits. `None` if another sink changed the rows
/// between reading and writing, so that the plan is wrong.
async fn write_intake(
    tx: &mut Transaction<'_>,
    intake: &Intake,
    excluded: &Exclusions,
) -> Result<Option<Outcomes>, Failure> {
    let known = known::load(tx, intake).await?;
    let mut plan = plan(intake, &known, excluded);
    known::assign_numbers(tx, &mut plan).await?;
    Ok(Box::pin(write(tx, &plan)).await?.then_some(plan.outcomes))
}

/// Maximum wait between retries: far below the 30 minutes after which RabbitMQ takes an unacked delivery back.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A store that retries after every fault until it is told to stop. The sink keeps its deliveries unacked during
/// that time: if it returned them, the broker would count them as failed deliveries, and if it took others, those
/// would stay unacked for as long as its connection lasts.
#[derive(Debug)]
pub struct RetryingStore<S> {
    store: S,
    stop: CancellationToken,
    state: SinkState,
}

impl<S: Store> RetryingStore<S> {
    /// Wraps `store`. When `stop` is cancelled, it stops retrying and returns the fault. `state` says what it
    /// waits for.
    pub fn new(store: S, stop: CancellationToken, state: SinkState) -> Self {
        Self { store, stop, state }
    }
}

impl<S: Store> Store for RetryingStore<S> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let mut retry = Retry::up_to(MAX_WAIT);
        loop {
            let fault = match self.store.store(intake).await {
                Ok(outcomes) => {
                    self.state.end();
                    return Ok(outcomes);
                }
                Err(fault) => fault,
            };
            let wait = retry.wait(fault.kind());
            let (kind, wait_ms) = (fault.kind().name(), wait.as_millis());
            let seconds = wait.as_secs_f32().ceil();
            if fault.is_stopped() {
                error!(target: "tonghui", kind, wait_ms, "{fault}; retry in {seconds} s");
            } else {
                warn!(target: "tonghui", kind, wait_ms, "{fault}; retry in {seconds} s");
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(fault),
                _ = self.state.wait(&fault, wait) => {}
            }
        }
    }
}
