//! `keep` for PostgreSQL: lock and read what is known, plan, write, commit, in one transaction.
//!
//! If another sink changed the same rows in between, everything is done again from the first read, so
//! that the demands are judged by what that sink has written.

use contract::{Event, Fault, Intake, Outcomes, Store};

use super::{
    Failure, Postgres,
    fault::{is_missing_month, is_race, is_refusal, message},
    known,
    write::write,
};
use crate::store::demands::{
    plan::{Banned, plan},
    poison::{self, Attempt, Attempts, Then, WriteError},
};

/// How often one intake may lose against another sink before it is a fault.
const RACES: u32 = 10;

impl Store for Postgres {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        self.make_months(months_of(intake)).await?;
        poison::keep(self, intake).await
    }
}

impl Attempts for Postgres {
    fn place(&self) -> &str {
        self.link.place()
    }

    async fn attempt(
        &self,
        intake: &Intake,
        banned: &Banned,
        then: Then,
    ) -> Result<Attempt, Fault> {
        let mut had_months_made = false;
        for _ in 0..RACES {
            let work = self.once(intake, banned, then);
            match self.within("keep an intake", work).await? {
                Once::Done(attempt) => return Ok(attempt),
                Once::Raced => {}
                Once::NoMonth(why) if had_months_made => return Ok(Attempt::Refused(why)),
                Once::NoMonth(_) => {
                    // Another process may have dropped one that we know of.
                    self.months.forget();
                    self.make_months(months_of(intake)).await?;
                    had_months_made = true;
                }
            }
        }
        Err(Fault::transient(format!("other sinks changed the same rows {RACES} times in a row"))
            .at(self.place()))
    }
}

/// How one transaction ended.
enum Once {
    Done(Attempt),
    Raced,
    NoMonth(String),
}

impl Postgres {
    async fn once(&self, intake: &Intake, banned: &Banned, then: Then) -> Result<Once, Failure> {
        let mut tx = self.begin().await?;
        let work = async {
            let known = known::load(&mut tx, intake).await?;
            let mut plan = plan(intake, &known, banned);
            known::number(&mut tx, &mut plan).await?;
            Box::pin(write(&mut tx, &plan)).await?;
            Ok(plan.outcomes)
        };
        let outcomes = match work.await {
            Ok(outcomes) => outcomes,
            // The transaction must end before the same connection begins another one.
            Err(error) => {
                tx.rollback().await?;
                return verdict(error);
            }
        };
        match then {
            Then::Commit => tx.commit().await?,
            Then::RollBack => tx.rollback().await?,
        }
        Ok(Once::Done(Attempt::Kept(outcomes)))
    }
}

fn verdict(error: WriteError) -> Result<Once, Failure> {
    match error {
        WriteError::Moved => Ok(Once::Raced),
        WriteError::Database(error) if is_race(&error) => Ok(Once::Raced),
        WriteError::Database(error) if is_missing_month(&error) => {
            Ok(Once::NoMonth(message(&error)))
        }
        WriteError::Database(error) if is_refusal(&error) => {
            Ok(Once::Done(Attempt::Refused(message(&error))))
        }
        WriteError::Database(error) => Err(error.into()),
    }
}

/// When the demands of an intake were read.
fn months_of(intake: &Intake) -> impl Iterator<Item = contract::Timestamp> {
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    events.filter_map(|event| match event {
        Event::Demand(demand) => Some(demand.origin.read_at),
        Event::Reject(_) | Event::Unreadable { .. } => None,
    })
}
