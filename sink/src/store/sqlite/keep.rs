//! `keep` for SQLite: read what is known, plan, write, commit, in one transaction.
//!
//! A row that the database refuses must not hold up its neighbours: the intake is tried again with
//! the culprit in quarantine, which is found by halving.

use contract::{Event, Fault, Intake, Outcomes, Reason, Store};

use super::{
    Sqlite,
    fault::is_refusal,
    known,
    write::{WriteError, write},
};
use crate::store::plan::{Banned, plan};

impl Store for Sqlite {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let mut banned = Banned::new();
        loop {
            match self.attempt(intake, &banned, Then::Commit).await? {
                Attempt::Kept(outcomes) => return Ok(outcomes),
                Attempt::Refused(why) => {
                    let culprit = self.find_culprit(intake, &banned).await?.ok_or_else(|| {
                        Fault::stopped(format!("the database refuses rows of every intake: {why}"))
                            .at(&self.place)
                            .remedy("check what was changed in its tables")
                    })?;
                    banned.insert(culprit, Reason::new("refused_by_database", why));
                }
            }
        }
    }
}

/// What to do with a transaction in which everything was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Commit,
    /// It was a trial.
    RollBack,
}

enum Attempt {
    Kept(Outcomes),
    /// Some row is not to the database's taste, for this reason.
    Refused(String),
}

impl Sqlite {
    async fn attempt(
        &self,
        intake: &Intake,
        banned: &Banned,
        then: Then,
    ) -> Result<Attempt, Fault> {
        let mut tx = self.begin().await?;
        let known = known::load(&mut tx, intake)
            .await
            .map_err(|error| self.fault("read what is known of an intake", error))?;
        let plan = plan(intake, &known, banned);
        match Box::pin(write(&mut tx, &plan)).await {
            Ok(()) => {}
            Err(WriteError::Database(error)) if is_refusal(&error) => {
                return Ok(Attempt::Refused(error.to_string()));
            }
            Err(WriteError::Database(error)) => return Err(self.fault("keep an intake", error)),
            Err(WriteError::Moved) => {
                return Err(Fault::transient("rows changed while they were judged").at(&self.place));
            }
        }
        match then {
            Then::Commit => tx.commit().await,
            Then::RollBack => tx.rollback().await,
        }
        .map_err(|error| self.fault("end the transaction of an intake", error))?;
        Ok(Attempt::Kept(plan.outcomes))
    }

    /// The demand that completes the shortest refused beginning of the intake. None where rows are
    /// refused without any demand.
    async fn find_culprit(
        &self,
        intake: &Intake,
        banned: &Banned,
    ) -> Result<Option<(usize, usize)>, Fault> {
        let suspects: Vec<(usize, usize)> =
            demands(intake).filter(|position| !banned.contains_key(position)).collect();
        // With `accepted` of them the database is content, with `refused` it is not.
        let (mut accepted, mut refused) = (0, suspects.len());
        if self.refuses(intake, banned, &suspects).await? {
            return Ok(None);
        }
        while accepted + 1 < refused {
            let middle = accepted.midpoint(refused);
            if self.refuses(intake, banned, &suspects[middle..]).await? {
                refused = middle;
            } else {
                accepted = middle;
            }
        }
        Ok(refused.checked_sub(1).and_then(|last| suspects.get(last)).copied())
    }

    /// Whether the database refuses the intake without these demands.
    async fn refuses(
        &self,
        intake: &Intake,
        banned: &Banned,
        without: &[(usize, usize)],
    ) -> Result<bool, Fault> {
        let mut trial = banned.clone();
        trial.extend(without.iter().map(|position| (*position, Reason::new("on_trial", ""))));
        let attempt = self.attempt(intake, &trial, Then::RollBack).await?;
        Ok(matches!(attempt, Attempt::Refused(_)))
    }
}

/// Where the demands of an intake stand: (delivery, event).
fn demands(intake: &Intake) -> impl Iterator<Item = (usize, usize)> {
    intake.deliveries().iter().enumerate().flat_map(|(delivery, content)| {
        let events = content.events.iter().enumerate();
        events
            .filter(|(_, event)| matches!(event, Event::Demand(_)))
            .map(move |(event, _)| (delivery, event))
    })
}
