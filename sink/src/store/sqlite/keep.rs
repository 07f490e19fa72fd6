//! `keep` for SQLite: read what is known, plan, write, commit, in one transaction.

use contract::{Fault, Intake, Outcomes, Store};

use super::{Sqlite, fault::is_refusal, known, write::write};
use crate::store::demands::{
    plan::{Banned, plan},
    poison::{self, Attempt, Attempts, Then, WriteError},
};

impl Store for Sqlite {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        poison::keep(self, intake).await
    }
}

impl Attempts for Sqlite {
    fn place(&self) -> &str {
        &self.place
    }

    async fn attempt(
        &self,
        intake: &Intake,
        banned: &Banned,
        then: Then,
    ) -> Result<Attempt, Fault> {
        let mut tx = self.begin().await?;
        let reading = |error| self.fault("read what is known of an intake", error);
        let known = known::load(&mut tx, intake).await.map_err(reading)?;
        let mut plan = plan(intake, &known, banned);
        known::number(&mut tx, &mut plan).await.map_err(reading)?;
        match Box::pin(write(&mut tx, &plan)).await {
            Ok(()) => {}
            Err(WriteError::Database(error)) if is_refusal(&error) => {
                return Ok(Attempt::Refused(error.to_string()));
            }
            Err(WriteError::Database(error)) => return Err(self.fault("keep an intake", error)),
            Err(WriteError::Moved) => {
                return Err(Fault::transient("another process changed the same rows meanwhile")
                    .at(&self.place));
            }
        }
        match then {
            Then::Commit => tx.commit().await,
            Then::RollBack => tx.rollback().await,
        }
        .map_err(|error| self.fault("end the transaction of an intake", error))?;
        Ok(Attempt::Kept(plan.outcomes))
    }
}
